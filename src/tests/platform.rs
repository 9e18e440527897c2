//! The platform brings its users along, and lets them in without a second sign-in.

use axum::http::StatusCode;
use chrono::TimeDelta;
use recharge::{
    credits::AccountId,
    server::{
        entity::{account, external_account, sign_in_link, user},
        identity::{self, Bring, BringError, Brought, sign_in_links},
    },
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{
    app::{PASSWORD, TestApp, Visitor},
    databases::on_both_databases,
    identity::{CREDITS, is_signed_in},
};

on_both_databases!(
    bringing_somebody_twice_is_bringing_them_once,
    the_address_and_the_name_follow_the_platform,
    somebody_elses_address_is_a_conflict_and_changes_nothing,
    what_is_wrong_is_named_by_its_field,
    many_calls_at_once_open_one_account,
    many_users_who_want_one_address_get_it_once,
    who_was_brought_along_has_no_password,
    a_link_signs_in_once,
    a_link_is_not_used_up_by_looking_at_it,
    a_link_that_no_longer_works_says_so_and_offers_the_ordinary_sign_in,
    of_many_who_follow_a_link_at_once_one_is_let_in,
    a_link_leads_on_to_a_page_of_this_site_only,
    a_link_gives_a_new_session_and_ends_the_one_before,
    who_is_signed_in_as_somebody_else_is_asked,
    only_a_hash_of_a_link_is_stored_and_old_ones_are_deleted,
    a_link_of_another_site_cannot_be_followed_by_its_form,
);

/// Somebody of the platform's.
fn mira() -> Bring {
    Bring {
        external_id: "user-17".to_owned(),
        email: "mira@platform.test".to_owned(),
        name: "Mira Lindqvist".to_owned(),
        zone: "Europe/Stockholm".to_owned(),
    }
}

async fn bring(app: &TestApp, who: &Bring) -> Result<Brought, BringError> {
    identity::bring(&app.database, who, None, app.clock.now()).await
}

/// The path of a new link for an account.
async fn link(app: &TestApp, account: &AccountId) -> String {
    let link = sign_in_links::make(&app.database, account, None, app.clock.now()).await.unwrap();
    link.unwrap().path.reveal().to_owned()
}

async fn users(app: &TestApp) -> Vec<user::Model> {
    user::Entity::find().all(app.database.reader()).await.unwrap()
}

async fn bringing_somebody_twice_is_bringing_them_once(app: TestApp) {
    let first = bring(&app, &mira()).await.unwrap();
    let again = bring(&app, &mira()).await.unwrap();
    assert!(first.is_new && !again.is_new);
    assert_eq!(first.account, again.account);
    let found = identity::account_of_external(&app.database, "user-17").await.unwrap();
    assert_eq!(found, Some(first.account.clone()));
    for unknown in ["user-18", "", "USER-17", "a\0b"] {
        assert_eq!(identity::account_of_external(&app.database, unknown).await.unwrap(), None);
    }
    let overview = app.state.ledger.overview(&first.account, None).await.unwrap();
    assert_eq!(overview.zone, "Europe/Stockholm");
    assert_eq!(users(&app).await.len(), 1);
}

async fn the_address_and_the_name_follow_the_platform(app: TestApp) {
    let first = bring(&app, &mira()).await.unwrap();
    let moved = Bring { email: "Mira@New.test".to_owned(), name: " Mira L ".to_owned(), ..mira() };
    assert_eq!(bring(&app, &moved).await.unwrap().account, first.account);
    let users = users(&app).await;
    assert_eq!((users[0].email.as_str(), users[0].name.as_str()), ("mira@new.test", "Mira L"));
    assert_eq!(users[0].account_id, Some(first.account.0));
}

async fn somebody_elses_address_is_a_conflict_and_changes_nothing(app: TestApp) {
    let customer = app.customer().await;
    let staff = app.staff().await;
    let first = bring(&app, &mira()).await.unwrap();
    let other = Bring { external_id: "user-18".to_owned(), ..mira() };
    let theirs = |email: &str| Bring { email: email.to_owned(), name: "Else".to_owned(), ..mira() };
    for taken in [other, theirs(&customer.email), theirs(&staff.email)] {
        let refused = bring(&app, &taken).await.unwrap_err();
        assert!(matches!(&refused, BringError::EmailTaken(_)), "{refused}");
        assert_eq!(refused.to_string(), format!("{} belongs to another account", taken.email));
    }
    let accounts = account::Entity::find().count(app.database.reader()).await.unwrap();
    assert_eq!(accounts, 2, "no account is left over");
    assert_eq!(bring(&app, &mira()).await.unwrap().account, first.account);
    assert!(users(&app).await.iter().all(|user| user.name != "Else"));
}

async fn what_is_wrong_is_named_by_its_field(app: TestApp) {
    let long = "x".repeat(201);
    for (bad, name) in [
        (Bring { external_id: String::new(), ..mira() }, "external_id"),
        (Bring { external_id: long.clone(), ..mira() }, "external_id"),
        (Bring { external_id: "a\0b".to_owned(), ..mira() }, "external_id"),
        (Bring { email: "mira".to_owned(), ..mira() }, "email"),
        (Bring { name: " ".to_owned(), ..mira() }, "name"),
        (Bring { name: long, ..mira() }, "name"),
        (Bring { name: "a\0b".to_owned(), ..mira() }, "name"),
        (Bring { zone: "Mars/Olympus".to_owned(), ..mira() }, "zone"),
        (Bring { zone: String::new(), ..mira() }, "zone"),
    ] {
        match bring(&app, &bad).await {
            Err(BringError::Field { field, message }) => {
                assert_eq!(field, name, "{message}");
            }
            other => panic!("{bad:?}: {other:?}"),
        }
    }
    assert!(users(&app).await.is_empty());
}

async fn many_calls_at_once_open_one_account(app: TestApp) {
    let another = app.with_settings(&[]).await;
    let calls = (0..12).map(|number| {
        let app = if number % 2 == 0 { app.clone() } else { another.clone() };
        tokio::spawn(async move { bring(&app, &mira()).await.unwrap() })
    });
    let brought = futures::future::join_all(calls.collect::<Vec<_>>()).await;
    let brought: Vec<_> = brought.into_iter().map(|brought| brought.unwrap()).collect();
    assert!(brought.iter().all(|it| it.account == brought[0].account));
    assert_eq!(brought.iter().filter(|it| it.is_new).count(), 1);
    for count in [
        account::Entity::find().count(app.database.reader()).await,
        user::Entity::find().count(app.database.reader()).await,
        external_account::Entity::find().count(app.database.reader()).await,
    ] {
        assert_eq!(count.unwrap(), 1);
    }
}

async fn many_users_who_want_one_address_get_it_once(app: TestApp) {
    let calls = (0..8).map(|number| {
        let app = app.clone();
        let who = Bring { external_id: format!("user-{number}"), ..mira() };
        tokio::spawn(async move { bring(&app, &who).await })
    });
    let brought = futures::future::join_all(calls.collect::<Vec<_>>()).await;
    let brought: Vec<_> = brought.into_iter().map(|brought| brought.unwrap()).collect();
    let refused = brought.iter().filter(|it| matches!(it, Err(BringError::EmailTaken(_))));
    assert_eq!((refused.count(), brought.iter().filter(|it| it.is_ok()).count()), (7, 1));
    assert_eq!(account::Entity::find().count(app.database.reader()).await.unwrap(), 1);
}

async fn who_was_brought_along_has_no_password(app: TestApp) {
    bring(&app, &mira()).await.unwrap();
    for password in ["", " ", PASSWORD, "the password of nobody"] {
        let mut visitor = app.visitor();
        let answer = visitor.sign_in_as("mira@platform.test", password, "").await;
        answer.redirects_to("/sign-in?error=1");
        assert!(visitor.cookies.is_empty());
    }
}

async fn a_link_signs_in_once(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    let path = link(&app, &account).await;
    let mut visitor = app.visitor();
    let page = visitor.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("method=\"post\""), "{}", page.body);
    assert_eq!(page.header("referrer-policy"), "strict-origin");
    assert_eq!(page.header("cache-control"), "no-store");
    visitor.post(&path, &[]).await.redirects_to(CREDITS);
    assert!(visitor.get(CREDITS).await.body.contains("Mira Lindqvist"));

    let mut thief = app.visitor();
    thief.post(&path, &[]).await.redirects_to("/sign-in/link/used");
    assert!(thief.cookies.is_empty() && !is_signed_in(&mut thief).await);
    let unknown = AccountId("acc_unknown".to_owned());
    let none = sign_in_links::make(&app.database, &unknown, None, app.clock.now()).await.unwrap();
    assert_eq!(none, None);
}

async fn a_link_is_not_used_up_by_looking_at_it(app: TestApp) {
    let path = link(&app, &bring(&app, &mira()).await.unwrap().account).await;
    for _ in 0..3 {
        let mut scanner = app.visitor();
        assert_eq!(scanner.get(&path).await.status, StatusCode::OK);
        assert!(scanner.cookies.is_empty() && !is_signed_in(&mut scanner).await);
    }
    app.clock.advance(TimeDelta::seconds(59));
    app.visitor().post(&path, &[]).await.redirects_to(CREDITS);
}

async fn a_link_that_no_longer_works_says_so_and_offers_the_ordinary_sign_in(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    let (used, expired) = (link(&app, &account).await, link(&app, &account).await);
    app.visitor().post(&used, &[]).await.redirects_to(CREDITS);
    app.clock.advance(TimeDelta::seconds(60));
    for path in [used.as_str(), &expired, "/sign-in/link/unknown", "/sign-in/link/%F0%9F%92%A9"] {
        let mut visitor = app.visitor();
        let page = visitor.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.body.contains("works once and for one minute"), "{}", page.body);
        assert!(page.body.contains("href=\"/sign-in\"") && !page.body.contains("<form"));
        assert_eq!(page.header("cache-control"), "no-store");
        visitor.post(path, &[]).await.redirects_to("/sign-in/link/used");
        assert!(visitor.cookies.is_empty());
    }
}

async fn of_many_who_follow_a_link_at_once_one_is_let_in(app: TestApp) {
    let path = link(&app, &bring(&app, &mira()).await.unwrap().account).await;
    let another = app.with_settings(&[]).await;
    let tries = (0..10).map(|number| {
        let app = if number % 2 == 0 { &app } else { &another };
        let (mut visitor, path) = (app.visitor(), path.clone());
        tokio::spawn(async move { visitor.post(&path, &[]).await.header("location").to_owned() })
    });
    let answers = futures::future::join_all(tries.collect::<Vec<_>>()).await;
    let let_in = answers.into_iter().filter(|answer| answer.as_ref().unwrap() == CREDITS).count();
    assert_eq!(let_in, 1);
}

async fn a_link_leads_on_to_a_page_of_this_site_only(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    for (next, location) in [
        ("%2Fsettings%2Fcredits%2Fbuy%3Fpackage%3Dtrader", "/settings/credits/buy?package=trader"),
        ("%2F%2Fevil.example", CREDITS),
        ("https%3A%2F%2Fevil.example", CREDITS),
        ("%2Fsupport", CREDITS),
        ("%2Fsign-in%2Flink%2Fused", CREDITS),
    ] {
        let path = format!("{}?next={next}", link(&app, &account).await);
        app.visitor().post(&path, &[]).await.redirects_to(location);
    }
}

async fn a_link_gives_a_new_session_and_ends_the_one_before(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    let mut visitor = app.customer().await;
    let mut left_over = visitor.clone();
    let before = visitor.cookies["session"].clone();
    visitor.post(&link(&app, &account).await, &[]).await.redirects_to(CREDITS);
    assert_ne!(visitor.cookies["session"], before);
    assert!(visitor.get(CREDITS).await.body.contains("Mira Lindqvist"));
    assert!(!is_signed_in(&mut left_over).await);
}

/// Whether the page sends its form by itself.
async fn sends_itself(visitor: &mut Visitor, path: &str) -> bool {
    let page = visitor.get(path).await;
    assert_eq!(page.status, StatusCode::OK);
    page.body.contains("requestSubmit")
}

async fn who_is_signed_in_as_somebody_else_is_asked(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    assert!(sends_itself(&mut app.visitor(), &link(&app, &account).await).await);
    let mut mira = app.visitor();
    mira.post(&link(&app, &account).await, &[]).await.redirects_to(CREDITS);
    assert!(sends_itself(&mut mira, &link(&app, &account).await).await);
    for mut other in [app.customer().await, app.staff().await] {
        let path = link(&app, &account).await;
        assert!(!sends_itself(&mut other, &path).await);
        assert!(other.get(&path).await.body.contains("will be signed out"));
    }
}

async fn only_a_hash_of_a_link_is_stored_and_old_ones_are_deleted(app: TestApp) {
    let account = bring(&app, &mira()).await.unwrap().account;
    let now = app.clock.now();
    let made = sign_in_links::make(&app.database, &account, None, now).await.unwrap().unwrap();
    let token = made.path.reveal().rsplit('/').next().unwrap().to_owned();
    assert_eq!((token.len(), made.expires_at), (64, now + TimeDelta::seconds(60)));
    let rows = sign_in_link::Entity::find().all(app.database.reader()).await.unwrap();
    assert!(rows.len() == 1 && !format!("{rows:?} {made:?}").contains(&token));
    let hash = format!("/sign-in/link/{}", rows[0].token_hash);
    app.visitor().post(&hash, &[]).await.redirects_to("/sign-in/link/used");

    app.clock.advance(TimeDelta::seconds(60));
    let kept = link(&app, &account).await;
    sign_in_links::delete_expired(&app.database, app.clock.now()).await.unwrap();
    assert_eq!(sign_in_link::Entity::find().count(app.database.reader()).await.unwrap(), 1);
    app.visitor().post(&kept, &[]).await.redirects_to(CREDITS);
}

async fn a_link_of_another_site_cannot_be_followed_by_its_form(app: TestApp) {
    let path = link(&app, &bring(&app, &mira()).await.unwrap().account).await;
    let mut visitor = app.visitor();
    let answer = visitor.post_from("cross-site", &path, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    visitor.post(&path, &[]).await.redirects_to(CREDITS);
}

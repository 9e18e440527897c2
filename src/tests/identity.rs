//! Who is asking: signing in, the gate, and what other sites can't do.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chrono::TimeDelta;
use recharge::server::{
    entity::account,
    identity::{self, NewUser, Role},
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{
    app::{PASSWORD, TestApp, Visitor},
    databases::on_both_databases,
};

/// Where customers are at home.
pub const CREDITS: &str = "/settings/credits";

on_both_databases!(
    an_unknown_visitor_comes_to_sign_in_and_back,
    a_form_post_of_a_stranger_leads_to_the_page_not_back_to_the_post,
    next_never_leaves_the_site,
    who_is_signed_in_needs_no_sign_in_page,
    the_root_leads_everybody_home,
    customers_do_not_learn_of_the_support_desk,
    staff_have_no_credits_page_of_their_own,
    wrong_passwords_and_unknown_people_get_the_same_answer,
    an_e_mail_address_is_written_as_one_likes,
    who_guesses_passwords_is_slowed_down,
    many_guesses_at_once_are_not_one,
    an_address_belongs_to_one_person,
    forms_of_other_sites_are_refused,
    behind_a_proxy_the_public_address_is_ours,
    nobody_can_tell_by_the_time_who_has_an_account,
);

/// Whether a private page is shown to this visitor.
pub async fn is_signed_in(visitor: &mut Visitor) -> bool {
    visitor.get(CREDITS).await.status != StatusCode::SEE_OTHER
}

async fn an_unknown_visitor_comes_to_sign_in_and_back(app: TestApp) {
    let mut visitor = app.visitor();
    let asked = "/settings/credits/history?kind=spent&text=a%20b";
    visitor.get(asked).await.redirects_to(
        "/sign-in?next=%2Fsettings%2Fcredits%2Fhistory%3Fkind%3Dspent%26text%3Da%2520b",
    );
    let email = app.customer().await.email;
    visitor.sign_in_as(&email, PASSWORD, asked).await.redirects_to(asked);
    assert!(is_signed_in(&mut visitor).await);
}

async fn a_form_post_of_a_stranger_leads_to_the_page_not_back_to_the_post(app: TestApp) {
    let mut visitor = app.visitor();
    let bought = visitor.post("/settings/credits/buy", &[("package", "p5000")]).await;
    bought.redirects_to("/sign-in?next=%2Fsettings%2Fcredits");
    visitor.post("/support", &[]).await.redirects_to("/sign-in?next=%2Fsupport");
}

async fn next_never_leaves_the_site(app: TestApp) {
    let email = app.customer().await.email;
    for (next, location) in [
        ("/settings/credits/history", "/settings/credits/history"),
        ("", CREDITS),
        ("//evil.example", CREDITS),
        ("/\\evil.example", CREDITS),
        ("https://evil.example", CREDITS),
        ("https:evil.example", CREDITS),
        ("/\t/evil.example", CREDITS),
        ("/\r\nSet-Cookie: a=b", CREDITS),
        ("javascript:alert(1)", CREDITS),
        ("/.//evil.example", CREDITS),
        ("/support", CREDITS),
        ("/sign-in", CREDITS),
    ] {
        let mut visitor = app.visitor();
        let answer = visitor.sign_in_as(&email, PASSWORD, next).await;
        assert_eq!(answer.header("location"), location, "{next:?}");
    }
}

async fn who_is_signed_in_needs_no_sign_in_page(app: TestApp) {
    let (mut customer, mut staff) = (app.customer().await, app.staff().await);
    customer.get("/sign-in").await.redirects_to(CREDITS);
    customer
        .get("/sign-in?next=%2Fsettings%2Fcredits%2Fhistory")
        .await
        .redirects_to("/settings/credits/history");
    staff.get("/sign-in?next=https%3A%2F%2Fevil.example").await.redirects_to("/support");
}

async fn the_root_leads_everybody_home(app: TestApp) {
    app.visitor().get("/").await.redirects_to(CREDITS);
    app.customer().await.get("/").await.redirects_to(CREDITS);
    app.staff().await.get("/").await.redirects_to("/support");
}

async fn customers_do_not_learn_of_the_support_desk(app: TestApp) {
    let mut customer = app.customer().await;
    for path in [
        "/support",
        "/support?email=a",
        "/support/accounts/acc_1",
        "/support/accounts/acc_1/history.csv",
    ] {
        assert_eq!(customer.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(customer.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn staff_have_no_credits_page_of_their_own(app: TestApp) {
    let mut staff = app.staff().await;
    staff.get(CREDITS).await.redirects_to("/support");
    staff.get("/settings/credits/history.csv").await.redirects_to("/support");
    let bought = staff.post("/settings/credits/buy", &[]).await;
    assert_eq!(bought.status, StatusCode::NOT_FOUND);
}

async fn wrong_passwords_and_unknown_people_get_the_same_answer(app: TestApp) {
    let email = app.customer().await.email;
    for (email, password) in [
        (email.as_str(), "wrong"),
        (email.as_str(), ""),
        ("nobody@recharge.test", PASSWORD),
        ("no address", PASSWORD),
    ] {
        let mut visitor = app.visitor();
        let answer = visitor.sign_in_as(email, password, "/settings/credits/buy").await;
        answer.redirects_to("/sign-in?error=1&next=%2Fsettings%2Fcredits%2Fbuy");
        assert!(visitor.cookies.is_empty(), "{email}");
    }
    let mut visitor = app.visitor();
    visitor.sign_in_as("x", "y", "https://evil.example").await.redirects_to("/sign-in?error=1");
}

async fn an_e_mail_address_is_written_as_one_likes(app: TestApp) {
    let email = app.customer().await.email;
    let written = format!(" {} ", email.to_uppercase());
    app.visitor().sign_in_as(&written, PASSWORD, "").await.redirects_to(CREDITS);
}

async fn who_guesses_passwords_is_slowed_down(app: TestApp) {
    let email = app.customer().await.email;
    for _ in 0..10 {
        let mut guesser = app.visitor();
        guesser.sign_in_as(&email, "wrong", "").await.redirects_to("/sign-in?error=1");
    }
    let mut owner = app.visitor();
    owner.sign_in_as(&email, PASSWORD, "").await.redirects_to("/sign-in?error=throttled");
    assert!(owner.cookies.is_empty());
    app.customer().await;
    app.clock.advance(TimeDelta::minutes(1));
    owner.sign_in_as(&email, PASSWORD, "").await.redirects_to(CREDITS);
}

async fn many_guesses_at_once_are_not_one(app: TestApp) {
    let email = app.customer().await.email;
    let guesses = (0..25).map(|_| {
        let (mut guesser, email) = (app.visitor(), email.clone());
        tokio::spawn(async move { guesser.sign_in_as(&email, "wrong", "").await })
    });
    let answers = futures::future::join_all(guesses.collect::<Vec<_>>()).await;
    let answers = answers.into_iter().map(|answer| answer.unwrap());
    let tried = answers.filter(|answer| answer.header("location") == "/sign-in?error=1").count();
    assert_eq!(tried, 10);
}

async fn an_address_belongs_to_one_person(app: TestApp) {
    let email = app.customer().await.email;
    let hash = app.state.passwords.hash(PASSWORD).await.unwrap();
    let again = NewUser {
        email: email.parse().unwrap(),
        name: "Somebody else".to_owned(),
        role: Role::Customer,
        zone: "UTC".parse().unwrap(),
        password_hash: hash,
    };
    let added = identity::add(&app.database, again, app.clock.now()).await;
    assert_eq!(added.unwrap_err().to_string(), format!("{email} can sign in already"));
    let accounts = account::Entity::find();
    assert_eq!(accounts.count(app.database.reader()).await.unwrap(), 1, "no account is left over");
}

async fn forms_of_other_sites_are_refused(app: TestApp) {
    let mut customer = app.customer().await;
    for path in ["/sign-in", "/sign-out", "/settings/credits/buy", "/anything"] {
        for site in ["cross-site", "same-site"] {
            let answer = customer.post_from(site, path, &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{site} {path}");
            assert!(answer.body.contains("Nothing was changed"), "{}", answer.body);
        }
    }
    assert!(is_signed_in(&mut customer).await);
    let foreign = Request::post("/sign-out").header("origin", "https://evil.example");
    let answer = customer.send(foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "an older browser names only the origin");
    assert!(is_signed_in(&mut customer).await);
}

async fn behind_a_proxy_the_public_address_is_ours(app: TestApp) {
    let proxied = app.with_settings(&["--public-url=https://credits.example:443"]).await;
    let mut customer = proxied.customer().await;
    let own = Request::post("/sign-out").header("origin", "https://credits.example");
    let answer = customer.send(own.body(Body::empty()).unwrap()).await;
    answer.redirects_to("/sign-in");
}

async fn nobody_can_tell_by_the_time_who_has_an_account(app: TestApp) {
    let email = app.customer().await.email;
    let known = time_to_refuse(&app, &email).await;
    let unknown = time_to_refuse(&app, "nobody@recharge.test").await;
    // Without the hash of nobody it would be a fiftieth.
    assert!(unknown > known / 3 && known > unknown / 3, "known {known:?}, unknown {unknown:?}");
}

/// The shortest of several: what else the machine does only makes them longer.
async fn time_to_refuse(app: &TestApp, email: &str) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let mut visitor = app.visitor();
        let started = Instant::now();
        visitor.sign_in_as(email, "wrong", "").await.redirects_to("/sign-in?error=1");
        shortest = shortest.min(started.elapsed());
    }
    shortest
}

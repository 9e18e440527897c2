//! Who is asking: signing in and out, the gate, the cookie.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chrono::TimeDelta;
use recharge::server::{
    entity::session,
    identity::{Role, Sessions},
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{
    app::{PASSWORD, TestApp, Visitor},
    databases::on_both_databases,
};

const CREDITS: &str = "/settings/credits";

async fn is_signed_in(visitor: &mut Visitor) -> bool {
    visitor.get(CREDITS).await.status != StatusCode::SEE_OTHER
}

async fn sessions_in(app: &TestApp) -> Vec<session::Model> {
    session::Entity::find().all(app.database.reader()).await.unwrap()
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

async fn signing_in_gives_a_new_session(app: TestApp) {
    let mut customer = app.customer().await;
    let mut thief = customer.clone();
    let before = customer.cookies["session"].clone();
    customer.sign_in().await.redirects_to(CREDITS);
    assert_ne!(customer.cookies["session"], before);
    assert!(is_signed_in(&mut customer).await);
    assert!(!is_signed_in(&mut thief).await, "the old id is worth nothing");
    assert_eq!(sessions_in(&app).await.len(), 1);
}

async fn an_id_that_a_stranger_has_chosen_never_becomes_a_session(app: TestApp) {
    let mut victim = app.customer().await;
    let chosen = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    victim.cookies.insert("session".to_owned(), chosen.clone());
    victim.sign_in().await.redirects_to(CREDITS);
    assert_ne!(victim.cookies["session"], chosen);
    let mut attacker = app.visitor();
    attacker.cookies.insert("session".to_owned(), chosen);
    assert!(!is_signed_in(&mut attacker).await);
}

async fn only_a_hash_of_the_session_is_stored(app: TestApp) {
    let customer = app.customer().await;
    let cookie = &customer.cookies["session"];
    let rows = sessions_in(&app).await;
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].id_hash.contains(cookie.as_str()) && rows[0].id_hash.len() == 64);
    assert!(!rows[0].record.contains(cookie.as_str()) && !rows[0].record.contains('@'));
    let mut names: Vec<String> = serde_json::from_str::<serde_json::Map<_, _>>(&rows[0].record)
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.sort();
    assert_eq!(names, ["signed_in_at", "user"]);
    let mut reader_of_the_table = app.visitor();
    reader_of_the_table.cookies.insert("session".to_owned(), rows[0].id_hash.clone());
    assert!(!is_signed_in(&mut reader_of_the_table).await);
}

async fn signing_out_ends_the_session_whatever_the_browser_keeps(app: TestApp) {
    let mut customer = app.customer().await;
    let mut stolen = customer.clone();
    customer.sign_out().await.redirects_to("/sign-in");
    assert!(customer.cookies.is_empty(), "the browser is told to forget the cookie");
    assert!(!is_signed_in(&mut stolen).await);
    assert_eq!(sessions_in(&app).await, []);
}

async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites(app: TestApp) {
    let mut customer = app.customer().await;
    let answer = customer.sign_in().await;
    let cookie = answer.set_cookies()[0];
    assert!(cookie.starts_with("session="));
    for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=2592000"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
}

async fn over_https_the_cookie_is_bound_to_the_host(app: TestApp) {
    let secure = app.with_settings(&["--public-url=https://credits.example"]).await;
    let mut customer = secure.customer().await;
    let answer = customer.sign_in().await;
    let cookie = answer.set_cookies()[0];
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/") && !cookie.contains("Domain"), "{cookie}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    let signed_out = customer.sign_out().await;
    let forget = signed_out.set_cookies()[0];
    assert!(forget.contains("Max-Age=0") && forget.contains("; Secure"), "{forget}");
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

async fn a_session_ends_when_it_is_not_seen_for_a_week(app: TestApp) {
    let (mut seen, mut unseen) = (app.customer().await, app.customer().await);
    app.clock.advance(TimeDelta::days(6));
    assert!(is_signed_in(&mut seen).await);
    app.clock.advance(TimeDelta::days(1));
    assert!(is_signed_in(&mut seen).await);
    assert!(!is_signed_in(&mut unseen).await);
}

async fn a_session_ends_after_a_month_whatever_happens(app: TestApp) {
    let mut customer = app.customer().await;
    for _ in 0..29 {
        app.clock.advance(TimeDelta::days(1));
        assert!(is_signed_in(&mut customer).await);
    }
    app.clock.advance(TimeDelta::days(1));
    assert!(!is_signed_in(&mut customer).await);
}

async fn ended_sessions_are_deleted_and_no_others(app: TestApp) {
    let mut kept = app.customer().await;
    app.customer().await;
    app.clock.advance(TimeDelta::days(5));
    assert!(is_signed_in(&mut kept).await);
    app.clock.advance(TimeDelta::days(2));
    let sessions = Sessions::new(app.database.clone(), app.clock.clone());
    assert_eq!(sessions.delete_expired().await.unwrap(), 1);
    assert!(is_signed_in(&mut kept).await);
}

async fn who_is_removed_is_out_with_the_next_request(app: TestApp) {
    let mut staff = app.staff().await;
    assert_ne!(staff.get("/support").await.status, StatusCode::SEE_OTHER);
    let users = recharge::server::entity::user::Entity::delete_many();
    users.exec(app.database.writer()).await.unwrap();
    staff.get("/support").await.redirects_to("/sign-in?next=%2Fsupport");
}

async fn an_address_belongs_to_one_person(app: TestApp) {
    let email = app.customer().await.email;
    let hash = app.state.passwords.hash(PASSWORD).await.unwrap();
    let again = recharge::server::identity::NewUser {
        email: email.parse().unwrap(),
        name: "Somebody else".to_owned(),
        role: Role::Customer,
        zone: "UTC".parse().unwrap(),
        password_hash: hash,
    };
    let added = recharge::server::identity::add(&app.database, again, app.clock.now()).await;
    assert_eq!(added.unwrap_err().to_string(), format!("{email} can sign in already"));
    let accounts = recharge::server::entity::account::Entity::find();
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

on_both_databases!(
    an_unknown_visitor_comes_to_sign_in_and_back,
    a_form_post_of_a_stranger_leads_to_the_page_not_back_to_the_post,
    next_never_leaves_the_site,
    who_is_signed_in_needs_no_sign_in_page,
    the_root_leads_everybody_home,
    customers_do_not_learn_of_the_support_desk,
    staff_have_no_credits_page_of_their_own,
    signing_in_gives_a_new_session,
    an_id_that_a_stranger_has_chosen_never_becomes_a_session,
    only_a_hash_of_the_session_is_stored,
    signing_out_ends_the_session_whatever_the_browser_keeps,
    the_cookie_is_out_of_reach_for_scripts_and_other_sites,
    over_https_the_cookie_is_bound_to_the_host,
    wrong_passwords_and_unknown_people_get_the_same_answer,
    an_e_mail_address_is_written_as_one_likes,
    who_guesses_passwords_is_slowed_down,
    many_guesses_at_once_are_not_one,
    a_session_ends_when_it_is_not_seen_for_a_week,
    a_session_ends_after_a_month_whatever_happens,
    ended_sessions_are_deleted_and_no_others,
    who_is_removed_is_out_with_the_next_request,
    an_address_belongs_to_one_person,
    forms_of_other_sites_are_refused,
    behind_a_proxy_the_public_address_is_ours,
);

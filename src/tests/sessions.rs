//! The session: what is stored, what the cookie says, when it ends.

use axum::http::StatusCode;
use chrono::TimeDelta;
use recharge::server::{
    entity::{session, user},
    identity::Sessions,
};
use sea_orm::EntityTrait;

use crate::{
    app::TestApp,
    databases::on_both_databases,
    identity::{CREDITS, is_signed_in},
};

on_both_databases!(
    signing_in_gives_a_new_session,
    an_id_that_a_stranger_has_chosen_never_becomes_a_session,
    only_a_hash_of_the_session_is_stored,
    signing_out_ends_the_session_whatever_the_browser_keeps,
    the_cookie_is_out_of_reach_for_scripts_and_other_sites,
    over_https_the_cookie_is_bound_to_the_host,
    a_session_ends_when_it_is_not_seen_for_a_week,
    a_session_ends_after_a_month_whatever_happens,
    ended_sessions_are_deleted_and_no_others,
    who_is_removed_is_out_with_the_next_request,
);

async fn sessions_in(app: &TestApp) -> Vec<session::Model> {
    session::Entity::find().all(app.database.reader()).await.unwrap()
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
    let users = user::Entity::delete_many();
    users.exec(app.database.writer()).await.unwrap();
    staff.get("/support").await.redirects_to("/sign-in?next=%2Fsupport");
}

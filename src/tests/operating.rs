//! What the server promises to those who run it, and to browsers whatever they ask for.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use recharge::server::marks;
use sea_orm::ConnectionTrait;

use crate::{
    app::{Answer, TestApp},
    databases::{Given, TestDatabase, on_both_databases},
    logging::Logged,
};

on_both_databases!(
    a_running_server_is_healthy_and_ready,
    a_healthy_database_has_nothing_to_warn_of,
    without_its_database_it_is_healthy_but_not_ready,
    without_its_database_people_are_told_in_words,
    a_server_that_ends_takes_no_new_work,
    every_answer_carries_the_headers_that_make_browsers_careful,
    only_the_scripts_of_this_one_page_may_run,
    customers_pay_at_stripe_and_nowhere_else,
    private_pages_are_in_no_cache,
    every_answer_names_its_request,
    what_is_not_there_is_said_in_words,
    a_form_larger_than_any_of_ours_is_refused,
    files_are_asked_for_again_and_compressed,
    nothing_outside_the_site_is_served,
);

async fn a_running_server_is_healthy_and_ready(app: TestApp) {
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.visitor().get(path).await.status, StatusCode::OK, "{path}");
    }
}

async fn a_healthy_database_has_nothing_to_warn_of(app: TestApp) {
    let logged = Logged::new();
    for connection in [app.database.reader(), app.database.writer()] {
        for _ in 0..3 {
            connection.execute_unprepared("SELECT 1").await.unwrap();
        }
    }
    assert_eq!(logged.text(), "");
}

/// As sqlx may leave one where a request ends early. What is written afterwards is not written into
/// it, where it would never be kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_was_left_behind_harms_nobody() {
    let app = TestApp::given(TestDatabase::postgres().await).await;
    let (reader, writer, now) = (app.database.reader(), app.database.writer(), app.clock.now());
    for left_behind in ["BEGIN", "BEGIN; SELECT nothing"] {
        reader.execute_unprepared(left_behind).await.ok();
        writer.execute_unprepared(left_behind).await.ok();
        for time in 0..20 {
            assert_eq!(app.visitor().get("/readyz").await.status, StatusCode::OK);
            let name = format!("{left_behind} {time}");
            marks::write(writer, &name, "written", now).await.unwrap();
            assert_eq!(marks::read(reader, &name).await.unwrap().as_deref(), Some("written"));
        }
    }
}

async fn take_database_away(app: &TestApp) {
    app.database.reader().close();
    app.database.writer().close();
}

async fn without_its_database_it_is_healthy_but_not_ready(app: TestApp) {
    take_database_away(&app).await;
    assert_eq!(app.visitor().get("/healthz").await.status, StatusCode::OK);
    let ready = app.visitor().get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
}

fn says_that_nothing_was_lost(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("nothing was lost"), "{}", answer.body);
    assert!(answer.body.trim_end().ends_with("</html>"));
    assert_eq!(answer.header("retry-after"), "5");
}

async fn without_its_database_people_are_told_in_words(app: TestApp) {
    let mut customer = app.customer().await;
    take_database_away(&app).await;
    says_that_nothing_was_lost(&customer.get("/settings/credits").await);
    says_that_nothing_was_lost(&customer.sign_out().await);
    says_that_nothing_was_lost(&app.visitor().sign_in_as("a@b.test", "password", "").await);
    assert!(!customer.cookies.is_empty(), "whoever was signed in stays so");
}

/// Only PostgreSQL can go away and come back without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_database_comes_back_so_does_the_site() {
    let app = TestApp::given(TestDatabase::postgres().await).await;
    let mut customer = app.customer().await;
    app.home.refuse_connections(true).await;
    says_that_nothing_was_lost(&customer.get("/settings/credits").await);
    let ready = app.visitor().get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    app.home.refuse_connections(false).await;
    assert_eq!(app.visitor().get("/readyz").await.status, StatusCode::OK);
    assert_eq!(customer.get("/settings/credits").await.status, StatusCode::OK);
}

async fn a_server_that_ends_takes_no_new_work(app: TestApp) {
    app.state.shutdown.cancel();
    let ready = app.visitor().get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "ending\n"));
}

async fn every_answer_carries_the_headers_that_make_browsers_careful(app: TestApp) {
    let mut customer = app.customer().await;
    for path in
        ["/healthz", "/sign-in", "/settings/credits", "/nothing", "/pkg/nothing.js", "/support"]
    {
        let answer = customer.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in
            ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path} came over http");
    }
}

async fn only_the_scripts_of_this_one_page_may_run(app: TestApp) {
    let mut customer = app.customer().await;
    let mut seen = BTreeSet::new();
    for path in ["/nothing", "/settings/credits", "/settings/credits/history", "/support"] {
        let answer = customer.get(path).await;
        let policy = answer.header("content-security-policy");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(
            policy.contains(&format!(
                "script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'"
            ))
        );
        for script in answer.body.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{path}: <script{tag}>");
        }
        assert!(answer.body.contains("<script"), "{path} has its islands");
        assert!(!answer.body.contains(" style=\""), "{path}: no style in an attribute");
        assert!(seen.insert(nonce.to_owned()), "a nonce is used once");
    }
}

async fn customers_pay_at_stripe_and_nowhere_else(app: TestApp) {
    for (api, page) in [
        ("--stripe-api-base=https://api.stripe.com", "https://checkout.stripe.com"),
        ("--stripe-api-base=http://127.0.0.1:12111", "http://127.0.0.1:12111"),
    ] {
        let server = app.with_settings(&[api]).await;
        let answer = server.visitor().get("/sign-in").await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains(&format!("form-action 'self' {page};")), "{policy}");
    }
}

async fn private_pages_are_in_no_cache(app: TestApp) {
    let (mut customer, mut staff) = (app.customer().await, app.staff().await);
    for answer in [
        customer.get("/settings/credits").await,
        customer.get("/settings/credits/history.csv").await,
        customer.sign_in().await,
        staff.get("/support").await,
        app.visitor().get("/settings/credits").await,
        app.visitor().get("/sign-in").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
}

async fn every_answer_names_its_request(app: TestApp) {
    let (one, two) = (app.visitor().get("/healthz").await, app.visitor().get("/nothing").await);
    let id = one.header("x-request-id");
    assert!(!id.is_empty() && id != two.header("x-request-id"));
    let proxied = Request::get("/healthz").header("x-request-id", "from-the-proxy");
    let answer = app.visitor().send(proxied.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id"), "from-the-proxy");
}

async fn what_is_not_there_is_said_in_words(app: TestApp) {
    for path in ["/nothing", "/settingsandmore", "/pkg/nothing.js", "/../etc/passwd", "/%00"] {
        let answer = app.visitor().get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.trim_end().ends_with("</html>"), "{path}: {}", answer.body);
    }
    let answer = app.visitor().get("/sign-out").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.body.contains("Nothing was changed"), "{}", answer.body);
    assert_eq!(answer.header("allow"), "POST");
}

async fn a_form_larger_than_any_of_ours_is_refused(app: TestApp) {
    let long = "a".repeat(65 * 1024);
    let answer = app.visitor().sign_in_as("a@b.test", &long, "").await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("larger than any form here"), "{}", answer.body);
}

async fn files_are_asked_for_again_and_compressed(app: TestApp) {
    let site = tempfile::tempdir().unwrap();
    let folder = site.path().join("pkg");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("recharge.css"), "body { color: red }".repeat(100)).unwrap();
    std::fs::write(folder.join("recharge.js"), "plain").unwrap();
    std::fs::write(folder.join("recharge.js.br"), "compressed beforehand").unwrap();
    std::fs::write(site.path().join("robots.txt"), "User-agent: *").unwrap();
    let root = format!("--site-root={}", site.path().display());
    let server = app.with_settings(&[&root]).await;

    let get = |path: &str| Request::get(path).header("accept-encoding", "br").body(Body::empty());
    let style = server.visitor().send(get("/pkg/recharge.css").unwrap()).await;
    assert_eq!((style.status, style.header("content-encoding")), (StatusCode::OK, "br"));
    assert_eq!(style.header("cache-control"), "no-cache");
    assert_eq!(style.header("content-type"), "text/css");
    let script = server.visitor().send(get("/pkg/recharge.js").unwrap()).await;
    assert_eq!(script.body, "compressed beforehand");
    assert_eq!(server.visitor().get("/pkg/recharge.js").await.body, "plain");
    assert_eq!(server.visitor().get("/robots.txt").await.body, "User-agent: *");

    let hashed = app.with_settings(&[&root, "--hash-files=true"]).await;
    let kept = hashed.visitor().get("/pkg/recharge.js").await;
    assert_eq!(kept.header("cache-control"), "public, max-age=31536000, immutable");
}

async fn nothing_outside_the_site_is_served(app: TestApp) {
    let site = tempfile::tempdir().unwrap();
    let folder = site.path().join("site");
    std::fs::create_dir_all(folder.join("pkg")).unwrap();
    std::fs::write(site.path().join("secret.txt"), "secret").unwrap();
    let root = format!("--site-root={}", folder.display());
    let server = app.with_settings(&[&root]).await;
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/pkg/..%2f..%2fsecret.txt",
        "/pkg/../../secret.txt",
        "/pkg",
        "/pkg/",
    ] {
        let answer = server.visitor().get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
}

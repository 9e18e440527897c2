//! Buying through the whole server: sign-in, gate, forms, news and the webhook's door.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use recharge::server::router::router;
use stripe_simulator::{Config, PayOutcome, Simulator};
use tokio::task::JoinHandle;

use crate::{
    app::{Answer, TestApp, Visitor},
    databases::on_both_databases,
    payments_shop::{SOON, WEBHOOK_SECRET, serve},
    prices::prices,
};

on_both_databases!(
    a_customer_buys_pays_and_sees_the_credits,
    news_end_when_their_reader_has_signed_out,
    news_end_when_the_session_of_their_reader_has_expired,
);

/// A server that sells, a customer, and the address of the news of their unpaid purchase.
async fn with_news(app: &TestApp) -> (TestApp, Visitor, String, Simulator) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let base = format!("--stripe-api-base={}", stripe.base_url());
    let secret = format!("--stripe-webhook-secret={WEBHOOK_SECRET}");
    let app = app.with_settings(&["--stripe-secret-key=sk_test_server", &secret, &base]).await;
    let mut customer = app.customer().await;
    let (intent, prices) = (uuid::Uuid::new_v4().to_string(), prices());
    let form =
        [("package", "trader"), ("intent", &intent), ("prices", &prices), ("terms", "accepted")];
    customer.post("/settings/credits/buy", &form).await;
    let account = customer.account.clone().unwrap();
    let purchase = app.state.payments.purchases(&account).await.unwrap().pop().unwrap();
    let news = format!("/settings/credits/purchases/{}/events", purchase.id);
    (app, customer, news, stripe)
}

/// Reads news in the background until they end; the browser stays signed in by the same cookie.
fn read(customer: &Visitor, news: &str) -> JoinHandle<Answer> {
    let (mut reader, news) = (customer.clone(), news.to_owned());
    tokio::spawn(async move { reader.get(&news).await })
}

/// They were readable, and ended by themselves: half an hour before they would have anyway.
async fn ends(reading: JoinHandle<Answer>) {
    let answer = tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    assert_eq!(answer.body, "event: purchase\ndata: open\t0\t\n\n");
}

async fn news_end_when_their_reader_has_signed_out(app: TestApp) {
    let (app, mut customer, news, _stripe) = with_news(&app).await;
    let mut elsewhere = app.visitor();
    elsewhere.email.clone_from(&customer.email);
    elsewhere.sign_in().await;
    let (reading, staying) = (read(&customer, &news), read(&elsewhere, &news));
    // Two looks later both still read: neither has signed out.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!reading.is_finished() && !staying.is_finished());
    customer.sign_out().await;
    ends(reading).await;
    assert!(!staying.is_finished(), "another session goes on");
    staying.abort();
}

async fn news_end_when_the_session_of_their_reader_has_expired(app: TestApp) {
    let (app, customer, news, _stripe) = with_news(&app).await;
    let reading = read(&customer, &news);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!reading.is_finished());
    app.clock.advance(TimeDelta::days(8));
    ends(reading).await;
}

async fn a_customer_buys_pays_and_sees_the_credits(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let app = app
        .with_settings(&[
            "--stripe-secret-key=sk_test_server",
            &format!("--stripe-webhook-secret={WEBHOOK_SECRET}"),
            &format!("--stripe-api-base={}", stripe.base_url()),
        ])
        .await;
    let (address, server) = serve(router(app.state.clone())).await;
    stripe.add_endpoint(&format!("http://{address}/webhooks/stripe"), WEBHOOK_SECRET).unwrap();

    let mut customer = app.customer().await;
    let intent = uuid::Uuid::new_v4().to_string();
    let prices = prices();
    let form =
        [("package", "trader"), ("intent", &intent), ("prices", &prices), ("terms", "accepted")];
    let forged = customer.post_from("cross-site", "/settings/credits/buy", &form).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(stripe.sessions().is_empty());

    let bought = customer.post("/settings/credits/buy", &form).await;
    let session = stripe.sessions().pop().unwrap();
    bought.redirects_to(session["url"].as_str().unwrap());
    let session = session["id"].as_str().unwrap();
    let account = customer.account.clone().unwrap();
    let purchase = app.state.payments.purchases(&account).await.unwrap().pop().unwrap();
    let page = format!("/settings/credits/purchases/{}", purchase.id);
    let mut stranger = app.customer().await;
    let news = stranger.get(&format!("{page}/events")).await;
    assert_eq!(news.status, StatusCode::NOT_FOUND);
    let cancelled = stranger.post(&format!("{page}/cancel"), &[]).await;
    assert_eq!(cancelled.status, StatusCode::NOT_FOUND);

    stripe.pay(session, PayOutcome::Paid).unwrap();
    assert!(stripe.delivered("checkout.session.completed", SOON).await);
    let checked = customer.post(&format!("{page}/check"), &[]).await;
    checked.redirects_to(&format!("{page}?checked=1"));
    let news = customer.get(&format!("{page}/events")).await;
    assert_eq!(news.header("content-type"), "text/event-stream");
    assert_eq!(news.body, "event: purchase\ndata: credited\t5,000\t\n\n");
    app.state.ledger.verify().await.unwrap();
    server.abort();
}

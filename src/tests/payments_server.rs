//! Buying through the whole server: sign-in, gate, forms, news and the webhook's door.

use axum::http::StatusCode;
use stripe_simulator::{Config, PayOutcome, Simulator};

use crate::{
    app::TestApp,
    databases::on_both_databases,
    live_page::Served,
    payments_shop::{SOON, WEBHOOK_SECRET},
    prices::prices,
};

on_both_databases!(a_customer_buys_pays_and_sees_the_credits,);

async fn a_customer_buys_pays_and_sees_the_credits(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let app = app
        .with_settings(&[
            "--stripe-secret-key=sk_test_server",
            &format!("--stripe-webhook-secret={WEBHOOK_SECRET}"),
            &format!("--stripe-api-base={}", stripe.base_url()),
        ])
        .await;
    let served = Served::start(app.clone()).await;
    let address = served.address;
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
    let cancelled = stranger.post(&format!("{page}/cancel"), &[]).await;
    assert_eq!(cancelled.status, StatusCode::NOT_FOUND);

    let mut open = served.page_of(&customer).await;
    let (before, _) = open.news().await;
    stripe.pay(session, PayOutcome::Paid).unwrap();
    assert_ne!(open.news().await.0, before);
    assert!(stripe.delivered("checkout.session.completed", SOON).await);
    let checked = customer.post(&format!("{page}/check"), &[]).await;
    checked.redirects_to(&format!("{page}?checked=1"));
    app.adds_up().await;
}

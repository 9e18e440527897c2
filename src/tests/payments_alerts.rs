//! The log says once of each payment that a person must look at it, and why. Each test has one
//! thread, whose log is heard.

use chrono::TimeDelta;
use recharge::{
    credits::{Credits, Purchase, PurchaseState},
    server::{jobs::Jobs, payments::Buyer},
};
use serde_json::json;
use stripe_simulator::{Config, Simulator, WebhookPolicy};

use crate::{
    app::TestApp,
    commands::{credits, grant, spend},
    databases::{Given, TestDatabase},
    logging::Logged,
    payments_shop::{Shop, WEBHOOK_SECRET, session},
    prices::prices,
};

/// A shop in which only the reconciler learns what was paid, and an order.
async fn ordered() -> (Shop, Buyer, Purchase, Logged) {
    let shop = Shop::open(TestDatabase::sqlite().await).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    (shop, buyer, purchase, Logged::new())
}

/// The line of this alert, which two runs of the reconciler say once.
async fn said_once_of_two_runs(shop: &Shop, logged: &Logged, alert: &str) -> String {
    shop.reconcile().await;
    shop.reconcile().await;
    let (text, alert) = (logged.text(), format!("ALERT: {alert}"));
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&alert)).collect();
    let [line] = lines.as_slice() else { panic!("{alert}: {text}") };
    (*line).to_owned()
}

#[tokio::test]
async fn a_payment_that_differs_from_its_order_is_said_with_both_amounts() {
    let (shop, buyer, purchase, logged) = ordered().await;
    shop.stripe.alter(session(&purchase), json!({"amount_total": 1})).unwrap();
    shop.pay(&purchase);
    let line = said_once_of_two_runs(&shop, &logged, "a payment needs review").await;
    for part in [&*purchase.id, "ordered=23000", "paid=Some(1)", "(amount)"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::NeedsReview);
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
}

#[tokio::test]
async fn a_paid_session_that_nobody_ordered_is_said_with_its_name() {
    let (shop, buyer, purchase, logged) = ordered().await;
    shop.pay(&purchase);
    // As if our books were older than Stripe's.
    shop.test.tamper("DELETE FROM purchases").await;
    let line = said_once_of_two_runs(&shop, &logged, "a paid session credits nobody").await;
    assert!(line.contains(session(&purchase)), "{line}");
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
}

#[tokio::test]
async fn a_paid_purchase_that_the_ledger_refuses_is_said_with_the_refusal() {
    let (shop, buyer, purchase, logged) = ordered().await;
    let key = format!("purchase:{}", purchase.id);
    shop.ledger.execute(&buyer.account, "promotion", grant(3)).await.unwrap();
    // Somebody has used the key of the purchase for something else.
    shop.ledger.execute(&buyer.account, &key, spend(2)).await.unwrap();
    shop.pay(&purchase);
    let line = said_once_of_two_runs(&shop, &logged, "a paid purchase is refused").await;
    assert!(line.contains(&purchase.id) && line.contains("refusal="), "{line}");
    let reviewed = shop.look(&purchase).await;
    assert_eq!(reviewed.state, PurchaseState::NeedsReview);
    assert!(reviewed.reason.contains("your money is not lost"), "{}", reviewed.reason);
    assert_eq!((shop.lots(&purchase).await, shop.available(&buyer).await), (0, credits(1)));
    assert_eq!(shop.payments.in_review().await.unwrap(), [purchase.id.as_str()]);
    shop.books_agree().await;
}

/// Stripe forgets what somebody has just ordered.
async fn order_and_lose(app: &TestApp, stripe: &Simulator) {
    let (intent, prices) = (uuid::Uuid::new_v4().to_string(), prices());
    let form =
        [("package", "trader"), ("intent", &intent), ("prices", &prices), ("terms", "accepted")];
    app.customer().await.post("/settings/credits/buy", &form).await;
    assert_eq!(stripe.sessions().len(), 1);
    stripe.reset();
}

#[tokio::test]
async fn what_runs_of_the_job_find_again_and_again_is_said_once() {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let app = TestApp::given(TestDatabase::sqlite().await).await;
    let settings = [
        "--stripe-secret-key=sk_test_server",
        &format!("--stripe-webhook-secret={WEBHOOK_SECRET}"),
        &format!("--stripe-api-base={}", stripe.base_url()),
    ];
    let app = app.with_settings(&settings).await;
    let (jobs, logged) = (Jobs::of(&app.state), Logged::new());
    let runs = async || {
        for _ in 0..3 {
            app.clock.advance(TimeDelta::seconds(30));
            jobs.run("reconcile").await.unwrap();
        }
        logged.text().matches("ALERT: not reconciled").count()
    };
    assert_eq!(runs().await, 0, "{}", logged.text());
    order_and_lose(&app, &stripe).await;
    assert_eq!(runs().await, 1, "{}", logged.text());
    assert!(logged.text().contains("1 unknown at Stripe"), "the report stands in the same line");
    order_and_lose(&app, &stripe).await;
    assert_eq!(runs().await, 2, "{}", logged.text());
}

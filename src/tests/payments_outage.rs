//! Stripe away, slow, or its answer lost: nothing is charged twice, and it can be tried again.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use recharge::{
    credits::{Purchase, PurchaseState},
    server::payments::{Away, Buyer, Choice},
};
use stripe_simulator::{Fault, WebhookPolicy};
use uuid::Uuid;

use crate::databases::on_both_databases;
use crate::payments_shop::{Shop, sell, session, settings};
use crate::prices::{agreed, prices};

const CREATE: &str = "/v1/checkout/sessions";

on_both_databases!(
    a_short_trouble_at_stripe_is_not_seen,
    a_longer_trouble_says_that_nothing_was_charged_and_can_be_tried_again,
    a_lost_answer_leads_to_one_session,
    what_stripe_refuses_ends_the_purchase,
    nobody_waits_longer_than_a_person_bears,
    a_customer_who_leaves_while_stripe_answers_loses_nothing,
    an_event_before_our_row_knows_the_session_is_matched_by_its_reference,
    a_purchase_cancelled_while_stripe_answers_can_not_be_paid,
    cancelling_while_stripe_is_away_changes_nothing,
    stripe_down_at_the_start_stops_nothing,
    a_purchase_that_never_got_a_session_ends,
    a_session_that_stripe_has_forgotten_is_reported,
);

async fn try_to_buy(shop: &Shop, buyer: &Buyer) -> Purchase {
    let choice = Choice::Package("trader".to_owned());
    let intent = Uuid::new_v4().to_string();
    shop.payments.checkout(buyer, &choice, &intent, &agreed()).await.unwrap()
}

/// One key for the intent, and at most one session.
async fn one_key_one_session(shop: &Shop, purchase: &Purchase) {
    let key = shop.row(purchase).await.idempotency_key;
    let requests = shop.stripe.requests_to("POST", CREATE);
    assert!(requests.iter().all(|request| request.idempotency_key.as_deref() == Some(&key)));
    assert_eq!(shop.stripe.sessions().len(), 1);
    shop.pay(&shop.look(purchase).await);
    shop.hears_all().await;
    assert_eq!(shop.look(purchase).await.state, PurchaseState::Credited);
    assert_eq!(shop.lots(purchase).await, 1);
    shop.books_agree().await;
}

fn troubles() -> Vec<Fault> {
    let on = || Fault::on("POST", CREATE);
    vec![
        on().status(409),
        on().status(429),
        on().status(500),
        on().status(503),
        on().status(502).html("<h1>Bad gateway</h1>"),
        on().drop_connection(),
        on().delay(Duration::from_millis(2_100)),
        on().after_doing().drop_connection(),
        on().after_doing().status(500),
        on().after_doing().status(200).html("<h1>Welcome to the hotel</h1>"),
    ]
}

async fn a_short_trouble_at_stripe_is_not_seen(shop: Shop) {
    let buyer = shop.customer().await;
    for trouble in troubles().into_iter().filter(|trouble| trouble.delay_ms == 0) {
        shop.stripe.reset();
        shop.stripe.fault(trouble.clone().times(1));
        let purchase = try_to_buy(&shop, &buyer).await;
        assert_eq!(purchase.state, PurchaseState::Open, "{trouble:?}");
        one_key_one_session(&shop, &purchase).await;
    }
}

async fn a_longer_trouble_says_that_nothing_was_charged_and_can_be_tried_again(shop: Shop) {
    let buyer = shop.customer().await;
    for trouble in troubles() {
        shop.stripe.reset();
        shop.stripe.fault(trouble.clone());
        let purchase = try_to_buy(&shop, &buyer).await;
        assert_eq!(purchase.state, PurchaseState::Started, "{trouble:?}");
        assert!(purchase.reason.contains("Nothing was charged"), "{}", purchase.reason);
        assert_eq!(purchase.checkout_url, None);
        shop.stripe.clear_faults();
        let path = format!("/settings/credits/purchases/{}/pay", purchase.id);
        let answer = shop.post(&buyer, &path, &[]).await;
        let resumed = shop.look(&purchase).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.location(), resumed.checkout_url.unwrap(), "{trouble:?}");
        assert_eq!((resumed.state, resumed.reason.as_str()), (PurchaseState::Open, ""));
        one_key_one_session(&shop, &purchase).await;
    }
}

async fn a_lost_answer_leads_to_one_session(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).after_doing().drop_connection());
    let form = [
        ("package", "trader"),
        ("amount", ""),
        ("intent", "0192aa57-0000-7000-8000-000000000001"),
        ("prices", &prices()),
        ("terms", "accepted"),
    ];
    let answer = shop.post(&buyer, "/settings/credits/buy", &form).await;
    let purchases = shop.payments.purchases(&buyer.account).await.unwrap();
    let [purchase] = purchases.as_slice() else { panic!("{purchases:?}") };
    assert_eq!(answer.location(), format!("/settings/credits/purchases/{}", purchase.id));
    shop.stripe.clear_faults();
    let again = shop.post(&buyer, "/settings/credits/buy", &form).await;
    assert!(again.location().starts_with(&shop.stripe.base_url()), "{}", again.location());
    one_key_one_session(&shop, purchase).await;
}

async fn what_stripe_refuses_ends_the_purchase(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).status(400));
    let purchase = try_to_buy(&shop, &buyer).await;
    assert_eq!(purchase.state, PurchaseState::Failed);
    assert!(purchase.reason.contains("Nothing was charged"), "{}", purchase.reason);
    assert_eq!(shop.stripe.requests_to("POST", CREATE).len(), 1, "asking again can't help");
    shop.books_agree().await;
}

async fn nobody_waits_longer_than_a_person_bears(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).delay(Duration::from_secs(30)));
    let begun = Instant::now();
    let purchase = try_to_buy(&shop, &buyer).await;
    assert_eq!(purchase.state, PurchaseState::Started);
    let patience = settings(&shop.stripe.base_url()).patience;
    assert!(begun.elapsed() < patience + Duration::from_secs(1), "{:?}", begun.elapsed());
}

async fn a_customer_who_leaves_while_stripe_answers_loses_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).delay(Duration::from_millis(300)).times(1));
    let choice = Choice::Package("trader".to_owned());
    let intent = Uuid::new_v4().to_string();
    let agreed = agreed();
    let checkout = shop.payments.checkout(&buyer, &choice, &intent, &agreed);
    tokio::time::timeout(Duration::from_millis(100), checkout).await.unwrap_err();
    shop.payments.close().await;
    let purchases = shop.payments.purchases(&buyer.account).await.unwrap();
    let [purchase] = purchases.as_slice() else { panic!("{purchases:?}") };
    assert_eq!(purchase.state, PurchaseState::Open, "the work went on without the customer");
}

async fn an_event_before_our_row_knows_the_session_is_matched_by_its_reference(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).after_doing().drop_connection());
    let purchase = try_to_buy(&shop, &buyer).await;
    assert_eq!(purchase.stripe_session, None);
    let unknown = shop.stripe.sessions().pop().unwrap()["id"].as_str().unwrap().to_owned();
    shop.stripe.pay(&unknown, stripe_simulator::PayOutcome::Paid).unwrap();
    shop.hears_all().await;
    let credited = shop.look(&purchase).await;
    assert_eq!(credited.state, PurchaseState::Credited);
    assert_eq!(credited.stripe_session.as_deref(), Some(unknown.as_str()));
    shop.books_agree().await;
}

async fn a_purchase_cancelled_while_stripe_answers_can_not_be_paid(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).delay(Duration::from_millis(700)).times(1));
    let cancel = async {
        let purchase = loop {
            let found = shop.payments.purchases(&buyer.account).await.unwrap().pop();
            match found {
                Some(purchase) => break purchase,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        shop.payments.cancel(&buyer.account, &purchase.id).await.unwrap().unwrap()
    };
    let (bought, cancelled) = tokio::join!(try_to_buy(&shop, &buyer), cancel);
    assert_eq!(cancelled.state, PurchaseState::Cancelled);
    assert_eq!((bought.state, bought.checkout_url), (PurchaseState::Cancelled, None));
    assert_eq!(shop.stripe.sessions()[0]["status"], "expired");
    shop.hears_all().await;
    assert_eq!(shop.look(&cancelled).await.state, PurchaseState::Cancelled);
    shop.books_agree().await;
}

async fn cancelling_while_stripe_is_away_changes_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.fault(Fault::on("POST", CREATE).status(503));
    assert_eq!(shop.payments.cancel(&buyer.account, &purchase.id).await, Err(Away::Stripe));
    let path = format!("/settings/credits/purchases/{}/cancel", purchase.id);
    let answer = shop.post(&buyer, &path, &[]).await;
    let page = format!("/settings/credits/purchases/{}?problem=unreachable", purchase.id);
    assert_eq!(answer.location(), page);
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Open);
    shop.stripe.clear_faults();
    shop.pay(&purchase);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);
    shop.books_agree().await;
}

async fn stripe_down_at_the_start_stops_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    // Nobody listens on this port.
    let down = settings("http://127.0.0.1:9");
    let payments = sell(&shop.test.database, &shop.clock, &shop.ledger, down).await;
    assert!(payments.is_on());
    let choice = Choice::Package("trader".to_owned());
    let intent = Uuid::new_v4().to_string();
    let purchase = payments.checkout(&buyer, &choice, &intent, &agreed()).await.unwrap();
    assert_eq!(purchase.state, PurchaseState::Started);
    assert_eq!(payments.reconcile(chrono::TimeDelta::zero()).await, Err(Away::Stripe));
    assert_eq!(payments.purchases(&buyer.account).await.unwrap().len(), 1);
    // Stripe is back.
    let resumed = shop.payments.resume(&buyer, &purchase.id).await.unwrap().unwrap();
    assert_eq!(resumed.state, PurchaseState::Open);
}

async fn a_purchase_that_never_got_a_session_ends(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.fault(Fault::on("POST", CREATE).status(503).times(4));
    let purchase = try_to_buy(&shop, &buyer).await;
    assert_eq!(shop.reconcile().await.ended.len(), 0);
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Started);
    shop.clock.advance(chrono::TimeDelta::minutes(30));
    let late = shop.payments.resume(&buyer, &purchase.id).await.unwrap().unwrap();
    assert_eq!(late.state, PurchaseState::Expired);
    assert!(late.reason.contains("Nothing was charged"), "{}", late.reason);
    let other = try_to_buy(&shop, &buyer).await;
    assert_ne!(other.id, purchase.id);
    shop.books_agree().await;
}

async fn a_session_that_stripe_has_forgotten_is_reported(shop: Shop) {
    let buyer = shop.customer().await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let purchase = shop.order(&buyer).await;
    assert!(!session(&purchase).is_empty());
    shop.stripe.reset();
    assert_eq!(shop.reconcile().await.unknown_there, std::slice::from_ref(&purchase.id));
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Open);
    shop.clock.advance(chrono::TimeDelta::hours(2));
    assert_eq!(shop.reconcile().await.unknown_there, std::slice::from_ref(&purchase.id));
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::NeedsReview);
    assert!(shop.reconcile().await.is_clean(), "it is told once");
}

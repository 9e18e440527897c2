//! What becomes of a payment, and which events tell of it.
use std::time::Duration;

use serde_json::json;
use stripe_simulator::{Config, PayOutcome, Settlement};

use crate::shop::Shop;

fn event_kinds(shop: &Shop) -> Vec<String> {
    shop.simulator.events().iter().map(|event| event["type"].to_string().replace('"', "")).collect()
}

#[tokio::test]
async fn a_card_payment_completes_the_session() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let session = shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    assert_eq!(session["url"], json!(null));
    assert_eq!(
        event_kinds(&shop),
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed"
        ]
    );
    let snapshot = &shop.simulator.events()[3]["data"]["object"];
    assert_eq!(snapshot["payment_status"], "paid");
    let intent = shop.simulator.object(session["payment_intent"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&intent["status"], &intent["amount_received"]),
        (&json!("succeeded"), &json!(83_000))
    );
    assert_eq!(intent["metadata"]["purchase"], "purchase-1");
    let again = shop.simulator.pay(&id, PayOutcome::Paid).unwrap_err();
    assert_eq!(again.code, Some("checkout_session_not_open"));
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open_for_another_try() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let error = shop.simulator.pay(&id, PayOutcome::Declined).unwrap_err();
    assert_eq!((error.code, error.decline_code), (Some("card_declined"), Some("generic_decline")));
    let error = shop.simulator.pay(&id, PayOutcome::InsufficientFunds).unwrap_err();
    assert_eq!(error.decline_code, Some("insufficient_funds"));
    let intent =
        shop.get(&format!("/v1/checkout/sessions/{id}?expand[]=payment_intent")).await.json();
    assert_eq!(
        intent["payment_intent"]["last_payment_error"]["decline_code"],
        "insufficient_funds"
    );
    assert_eq!(intent["status"], "open");
    let paid = shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    assert_eq!(paid["payment_intent"], intent["payment_intent"]["id"], "one intent for all tries");
    let kinds = event_kinds(&shop);
    assert_eq!(kinds.iter().filter(|kind| *kind == "payment_intent.payment_failed").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| *kind == "payment_intent.succeeded").count(), 1);
}

#[tokio::test]
async fn a_delayed_payment_completes_unpaid_and_is_paid_later() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let session = shop.simulator.pay(&id, PayOutcome::Unpaid).unwrap();
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("unpaid"))
    );
    let settled = shop.simulator.settle(&id, Settlement::Succeeded).unwrap();
    assert_eq!(settled["payment_status"], "paid");
    assert_eq!(event_kinds(&shop).last().unwrap(), "checkout.session.async_payment_succeeded");
    assert!(shop.simulator.settle(&id, Settlement::Failed).is_err(), "it settles once");
}

#[tokio::test]
async fn a_delayed_payment_may_fail() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.pay(&id, PayOutcome::Unpaid).unwrap();
    let settled = shop.simulator.settle(&id, Settlement::Failed).unwrap();
    assert_eq!(settled["payment_status"], "unpaid");
    assert_eq!(event_kinds(&shop).last().unwrap(), "checkout.session.async_payment_failed");
    let intent = shop.simulator.object(settled["payment_intent"].as_str().unwrap()).unwrap();
    assert_eq!(intent["status"], "requires_payment_method");
}

#[tokio::test]
async fn a_delayed_payment_settles_by_itself_when_its_time_has_come() {
    let config = Config { settle_after: Some(Duration::from_secs(3600)), ..Config::default() };
    let shop = Shop::open_with(config).await;
    let id = shop.session().await;
    shop.simulator.pay(&id, PayOutcome::Unpaid).unwrap();
    shop.simulator.advance_clock(Duration::from_secs(3500));
    assert_eq!(shop.simulator.object(&id).unwrap()["payment_status"], "unpaid");
    shop.simulator.advance_clock(Duration::from_secs(100));
    assert_eq!(shop.simulator.object(&id).unwrap()["payment_status"], "paid");
}

#[tokio::test]
async fn a_session_expires_when_told_and_when_its_time_has_come() {
    let shop = Shop::open().await;
    let told = shop.session().await;
    let answer = shop.post(&format!("/v1/checkout/sessions/{told}/expire"), "").await.json();
    assert_eq!((&answer["status"], &answer["url"]), (&json!("expired"), &json!(null)));
    let twice = shop.post(&format!("/v1/checkout/sessions/{told}/expire"), "").await;
    assert_eq!(twice.status, 400);
    assert!(shop.simulator.pay(&told, PayOutcome::Paid).is_err());
    let left = shop.session().await;
    shop.simulator.advance_clock(Duration::from_secs(86_401));
    assert_eq!(
        shop.get(&format!("/v1/checkout/sessions/{left}")).await.json()["status"],
        "expired"
    );
    assert_eq!(event_kinds(&shop), ["checkout.session.expired", "checkout.session.expired"]);
}

#[tokio::test]
async fn a_session_may_expire_sooner() {
    let shop = Shop::open().await;
    let now = shop.get("/_control/clock").await.json()["now"].as_i64().unwrap();
    let id = shop.session_with(&format!("&expires_at={}", now + 1900)).await;
    shop.simulator.advance_clock(Duration::from_secs(2000));
    assert_eq!(shop.simulator.object(&id).unwrap()["status"], "expired");
}

#[tokio::test]
async fn a_receipt_can_be_read() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    let session = shop
        .get(&format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge"))
        .await
        .json();
    let url = session["payment_intent"]["latest_charge"]["receipt_url"].as_str().unwrap();
    let page = shop.get(url.strip_prefix(&shop.simulator.base_url()).unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("$830.00") && page.text.contains("ending in 4242"));
    assert_eq!(shop.get("/receipts/ch_no").await.status, 404);
}

#[tokio::test]
async fn events_older_than_a_month_are_no_longer_listed() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    shop.simulator.advance_clock(Duration::from_secs(31 * 86_400));
    assert_eq!(shop.get("/v1/events").await.json()["data"], json!([]));
}

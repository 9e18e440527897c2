//! Webhooks arrive signed, are sent again, and misbehave when told to.
use std::time::Duration;

use serde_json::json;
use stripe_simulator::{DeliveryState, PayOutcome, Signature, WebhookPolicy, sign};

use crate::shop::{Received, SECRET, SOON, Shop};

/// Whether the header holds a right `v1` for this body, computed here and not by the simulator's sending side.
fn is_signed(received: &Received, secret: &str) -> bool {
    let Some(header) = &received.signature else { return false };
    let time = header
        .split(',')
        .find_map(|part| part.strip_prefix("t="))
        .and_then(|time| time.parse().ok());
    let Some(time) = time else { return false };
    let expected = sign(secret, time, &received.body);
    let expected = expected.split_once("v1=").expect("a signature has a v1").1;
    header.split(',').any(|part| part.strip_prefix("v1=") == Some(expected))
}

async fn paid(policy: WebhookPolicy) -> Shop {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.webhooks(policy);
    shop.simulator.pay(&id, PayOutcome::Paid).expect("an open session is paid");
    shop
}

#[tokio::test]
async fn every_event_arrives_once_and_is_signed() {
    let shop = paid(WebhookPolicy::default()).await;
    shop.quiet().await;
    let mut kinds = shop.received_kinds();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "charge.succeeded",
            "checkout.session.completed",
            "payment_intent.created",
            "payment_intent.succeeded"
        ]
    );
    assert!(shop.received().iter().all(|received| is_signed(received, SECRET)));
    assert!(shop.simulator.events().iter().all(|event| event["pending_webhooks"] == 0));
}

#[tokio::test]
async fn an_event_is_sent_again_until_it_is_taken() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.webhooks(WebhookPolicy::drop_all());
    shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    let event = shop.simulator.events().pop().unwrap()["id"].as_str().unwrap().to_owned();
    shop.answer_webhooks_with(&[500, 503, 404]);
    shop.simulator.resend(&event).unwrap();
    shop.quiet().await;
    let delivery = shop.simulator.deliveries().pop().unwrap();
    let statuses: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(503), Some(404), Some(200)]);
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let bodies: Vec<_> =
        shop.received().into_iter().map(|received| received.event()["id"].clone()).collect();
    assert_eq!(bodies, vec![json!(event); 4], "the same event each time");
}

#[tokio::test]
async fn an_event_that_nobody_takes_is_given_up() {
    let shop = Shop::open().await;
    shop.answer_webhooks_with(&[500; 6]);
    shop.simulator.send_event("invoice.paid", json!({ "object": "invoice", "id": "in_1" }));
    shop.quiet().await;
    let delivery = shop.simulator.deliveries().pop().unwrap();
    assert_eq!((delivery.state, delivery.attempts.len()), (DeliveryState::Failed, 6));
}

#[tokio::test]
async fn dropped_events_exist_but_nobody_is_told() {
    let shop = paid(WebhookPolicy::drop_all()).await;
    shop.quiet().await;
    assert!(shop.received().is_empty());
    let list = shop.get("/v1/events?type=checkout.session.completed").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_named_types_are_dropped() {
    let shop = paid(WebhookPolicy::drop_all().only(&["checkout.session.completed"])).await;
    shop.quiet().await;
    assert!(!shop.received_kinds().contains(&"checkout.session.completed".to_owned()));
    assert_eq!(shop.received().len(), 3);
}

#[tokio::test]
async fn duplicates_are_the_same_event() {
    let shop = paid(WebhookPolicy::duplicated(2).only(&["checkout.session.completed"])).await;
    shop.quiet().await;
    let completed: Vec<_> = shop
        .received()
        .into_iter()
        .filter(|received| received.kind() == "checkout.session.completed")
        .collect();
    assert_eq!(completed.len(), 3);
    assert!(completed.iter().all(|received| received.event()["id"] == completed[0].event()["id"]));
}

#[tokio::test]
async fn reordered_events_arrive_newest_first() {
    let shop = paid(WebhookPolicy::reordered(4)).await;
    shop.quiet().await;
    assert_eq!(
        shop.received_kinds(),
        [
            "checkout.session.completed",
            "payment_intent.succeeded",
            "charge.succeeded",
            "payment_intent.created"
        ]
    );
}

#[tokio::test]
async fn events_held_back_are_let_go_when_the_policy_ends() {
    let shop = paid(WebhookPolicy::reordered(100)).await;
    assert!(!shop.simulator.idle(Duration::from_millis(50)).await);
    assert!(shop.received().is_empty());
    shop.simulator.webhooks(WebhookPolicy::default());
    shop.quiet().await;
    assert_eq!(shop.received().len(), 4);
}

#[tokio::test]
async fn delayed_events_come_late() {
    let shop = paid(WebhookPolicy::delayed(Duration::from_millis(200))).await;
    assert!(!shop.simulator.idle(Duration::from_millis(50)).await);
    assert!(shop.received().is_empty());
    assert!(shop.simulator.delivered("checkout.session.completed", SOON).await);
}

#[tokio::test]
async fn every_wrong_signature_is_wrong_and_every_right_one_right() {
    let shop = Shop::open().await;
    let wrong = [
        Signature::ChangedBody,
        Signature::Missing,
        Signature::Garbage,
        Signature::V0Only,
        Signature::WrongSecret,
    ];
    for (signature, right) in wrong.map(|signature| (signature, false)).into_iter().chain([
        (Signature::Valid, true),
        (Signature::Rolled, true),
        (Signature::Stale(301), true),
    ]) {
        let attempts =
            shop.simulator.post_webhook(r#"{"id": "evt_1", "amount": 12}"#, signature).await;
        assert_eq!(attempts.len(), 1);
        let received = shop.received().pop().unwrap();
        assert_eq!(is_signed(&received, SECRET), right, "{signature:?}");
    }
}

#[tokio::test]
async fn a_stale_signature_bears_an_old_time() {
    let shop = Shop::open().await;
    shop.simulator.post_webhook("{}", Signature::Stale(301)).await;
    shop.simulator.post_webhook("{}", Signature::Valid).await;
    let time = |received: &Received| -> i64 {
        received.signature.as_ref().unwrap()[2..].split(',').next().unwrap().parse().unwrap()
    };
    let all = shop.received();
    assert!((300..=303).contains(&(time(&all[1]) - time(&all[0]))));
}

#[tokio::test]
async fn several_endpoints_are_all_told_with_their_own_secret() {
    let shop = Shop::open().await;
    let other = Shop::open().await;
    let url = other.simulator.deliveries();
    assert!(url.is_empty());
    let endpoint =
        other.get("/_control/endpoints").await.json()[0]["url"].as_str().unwrap().to_owned();
    shop.simulator.add_endpoint(&endpoint, "whsec_other").unwrap();
    shop.simulator.send_event("customer.created", json!({ "object": "customer", "id": "cus_1" }));
    shop.quiet().await;
    assert!(is_signed(&shop.received()[0], SECRET));
    assert!(is_signed(&other.received()[0], "whsec_other"));
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_tried_again() {
    let shop = Shop::open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    shop.simulator.add_endpoint(&url, "whsec_x").unwrap();
    shop.simulator.send_event("customer.created", json!({ "object": "customer", "id": "cus_1" }));
    shop.quiet().await;
    let failed =
        shop.simulator.deliveries().into_iter().find(|delivery| delivery.url == url).unwrap();
    assert_eq!((failed.state, failed.attempts.len()), (DeliveryState::Failed, 6));
    assert!(failed.attempts[0].error.is_some());
}

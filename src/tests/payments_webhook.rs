//! Stripe's door: what is let in, what is not, and what is kept.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode},
};
use recharge::credits::{Credits, PurchaseState};
use sea_orm::{ConnectOptions, ConnectionTrait};
use serde_json::json;
use stripe_simulator::{Fault, Signature, WebhookPolicy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tower::ServiceExt;

use crate::databases::on_both_databases;
use crate::payments_shop::{SOON, Shop, session};

on_both_databases!(
    a_forged_or_stale_webhook_is_refused_and_nothing_is_kept,
    a_signed_webhook_of_any_shape_is_kept_and_accepted,
    an_unknown_payment_status_credits_nothing,
    a_body_too_large_or_not_text_and_other_methods_are_refused,
    a_body_that_does_not_come_is_not_waited_for,
    when_stripe_can_not_be_asked_the_webhook_fails_and_its_retry_succeeds,
    a_webhook_that_comes_again_waits_for_nobody_who_writes,
    refunds_and_disputes_are_kept,
);

async fn statuses(shop: &Shop, body: impl Into<Vec<u8>>, signature: Signature) -> Vec<Option<u16>> {
    let attempts = shop.stripe.post_webhook(body, signature).await;
    attempts.into_iter().map(|attempt| attempt.status).collect()
}

async fn a_forged_or_stale_webhook_is_refused_and_nothing_is_kept(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    let event = shop.stripe.events().pop().unwrap().to_string();
    let forgeries = [
        Signature::Missing,
        Signature::Garbage,
        Signature::V0Only,
        Signature::WrongSecret,
        Signature::ChangedBody,
        Signature::Stale(301),
        Signature::Stale(-305),
    ];
    for (number, forgery) in forgeries.into_iter().enumerate() {
        assert_eq!(statuses(&shop, event.clone(), forgery).await, [Some(400)], "{forgery:?}");
        let counted = shop.payments.counters().rejected_webhooks();
        assert_eq!(counted, u64::try_from(number).unwrap() + 1);
    }
    assert!(shop.events().await.is_empty());
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Open);
    for genuine in [Signature::Stale(290), Signature::Rolled, Signature::Valid] {
        assert_eq!(statuses(&shop, event.clone(), genuine).await, [Some(200)], "{genuine:?}");
    }
    assert_eq!(shop.events().await.len(), 1);
}

async fn a_signed_webhook_of_any_shape_is_kept_and_accepted(shop: Shop) {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let bodies = [
        json!({ "id": "evt_1", "type": "a.type.of.tomorrow", "data": { "object": {} } })
            .to_string(),
        json!({ "id": "evt_2", "type": "checkout.session.completed", "api_version": "2031-01-01" })
            .to_string(),
        json!({ "id": "evt_3", "type": "checkout.session.completed", "livemode": "maybe",
            "data": { "object": { "id": "cs_test_unknown", "status": 7 } } })
        .to_string(),
        json!({ "id": "evt_4", "type": "checkout.session.completed",
            "data": { "object": { "id": "../events?x=" } } })
        .to_string(),
        json!({ "id": "evt_5\u{0}", "type": 5 }).to_string(),
        "{ not json".to_owned(),
        "raw \0 zero".to_owned(),
        "[]".to_owned(),
        String::new(),
        deep,
    ];
    for body in &bodies {
        let body = body.clone();
        assert_eq!(statuses(&shop, body.clone(), Signature::Valid).await, [Some(200)], "{body}");
    }
    let kept = shop.events().await;
    assert_eq!(kept.len(), bodies.len());
    assert!(kept.iter().all(|event| event.handled_at.is_some()), "{kept:#?}");
    let third = kept.iter().find(|event| event.id == "evt_3").unwrap();
    assert_eq!(third.outcome, "Stripe knows no such session");
    shop.books_agree().await;
}

async fn an_unknown_payment_status_credits_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    shop.pay(&purchase);
    shop.stripe.alter(session(&purchase), json!({ "payment_status": "paid_in_kind" })).unwrap();
    shop.stripe.webhooks(WebhookPolicy::default());
    let object = shop.stripe.object(session(&purchase)).unwrap();
    shop.stripe.send_event("checkout.session.completed", object);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Processing);
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    shop.books_agree().await;
}

async fn a_body_too_large_or_not_text_and_other_methods_are_refused(shop: Shop) {
    let send =
        async |request: Request<Body>| shop.webhook_door().oneshot(request).await.unwrap().status();
    let path = "/webhooks/stripe";
    let large = Bytes::from(vec![b' '; 3_000_000]);
    let announced = Request::post(path).header("content-length", large.len());
    let announced = announced.body(Body::from(large.clone())).unwrap();
    assert_eq!(send(announced).await, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(large.clone())]);
    let unannounced = Request::post(path).body(Body::from_stream(chunks)).unwrap();
    assert_eq!(send(unannounced).await, StatusCode::PAYLOAD_TOO_LARGE);
    let get = Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(send(get).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(statuses(&shop, vec![0xff, 0xfe, 0x00], Signature::Valid).await, [Some(400)]);
    assert!(shop.events().await.is_empty());
}

async fn a_body_that_does_not_come_is_not_waited_for(shop: Shop) {
    let begun = Instant::now();
    let mut connection = TcpStream::connect(shop.address).await.unwrap();
    let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 100\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

async fn when_stripe_can_not_be_asked_the_webhook_fails_and_its_retry_succeeds(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let path = format!("/v1/checkout/sessions/{}", session(&purchase));
    shop.stripe.fault(Fault::on("GET", &path).status(500).times(4));
    shop.pay(&purchase);
    assert!(shop.stripe.delivered("checkout.session.completed", SOON).await);
    let deliveries = shop.stripe.deliveries();
    let completed = deliveries
        .iter()
        .find(|delivery| delivery.event_type == "checkout.session.completed")
        .unwrap();
    let answers: Vec<_> = completed.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(answers, [Some(503), Some(200)]);
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);
    shop.hears_all().await;
    shop.books_agree().await;
}

async fn a_webhook_that_comes_again_waits_for_nobody_who_writes(shop: Shop) {
    let event = json!({ "id": "evt_1", "type": "a.type.of.tomorrow", "data": { "object": {} } });
    let event = event.to_string();
    assert_eq!(statuses(&shop, event.clone(), Signature::Valid).await, [Some(200)]);
    let mut options = ConnectOptions::new(shop.test.url.clone());
    options.max_connections(1);
    let holder = sea_orm::Database::connect(options).await.unwrap();
    let hold = if shop.test.database.is_sqlite() {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; LOCK TABLE stripe_events IN EXCLUSIVE MODE"
    };
    holder.execute_unprepared(hold).await.unwrap();
    // One that waited would be answered with 503, when the database gives up.
    assert_eq!(statuses(&shop, event, Signature::Valid).await, [Some(200)]);
    holder.execute_unprepared("ROLLBACK").await.unwrap();
}

async fn refunds_and_disputes_are_kept(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    shop.hears_all().await;
    let payment = shop.look(&purchase).await.stripe_payment.unwrap();
    let dispute = json!({ "id": "dp_1", "object": "dispute", "payment_intent": payment });
    shop.stripe.send_event("charge.dispute.created", dispute);
    shop.hears_all().await;
    let kept = shop.events().await;
    let dispute = kept.iter().find(|event| event.kind == "charge.dispute.created").unwrap();
    assert_eq!(dispute.payment_intent.as_deref(), Some(payment.as_str()));
    assert_eq!((dispute.outcome.as_str(), dispute.handled_at.is_some()), ("kept", true));
    shop.books_agree().await;
}

//! Faults and controls, also over HTTP.
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stripe_simulator::{Fault, PayOutcome};

use crate::shop::{Shop, usual};

const PATH: &str = "/v1/checkout/sessions";

async fn control(shop: &Shop, path: &str, body: Value) -> Value {
    let answer = shop.send("POST", &format!("/_control{path}"), &[], &body.to_string()).await;
    assert!(answer.status < 300, "{path}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap_or_default()
}

#[tokio::test]
async fn a_fault_answers_for_stripe_and_nothing_is_done() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("POST", PATH).status(502).html("<h1>Bad gateway</h1>").times(1));
    shop.simulator.fault(Fault::on("POST", PATH).status(429).times(1));
    let html = shop.post(PATH, &usual()).await;
    assert_eq!((html.status, html.text.as_str()), (502, "<h1>Bad gateway</h1>"));
    let limited = shop.post(PATH, &usual()).await;
    assert_eq!((limited.status, limited.error("code").as_str()), (429, "rate_limit"));
    assert!(shop.simulator.sessions().is_empty());
    assert_eq!(shop.post(PATH, &usual()).await.status, 200);
}

#[tokio::test]
async fn a_fault_can_come_after_the_deed() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("", PATH).after_doing().status(500).times(1));
    assert_eq!(shop.post(PATH, &usual()).await.status, 500);
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn a_dropped_connection_has_no_answer() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("GET", "/v1/events").drop_connection().times(1));
    assert!(shop.try_send("GET", "/v1/events", &[], "").await.is_err());
    assert_eq!(shop.simulator.requests()[0].status, None);
    assert_eq!(shop.get("/v1/events").await.status, 200);
}

#[tokio::test]
async fn a_slow_answer_is_slow() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("GET", "/v1").delay(Duration::from_millis(80)).times(1));
    let began = Instant::now();
    assert_eq!(shop.get("/v1/events").await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn requests_are_written_down_with_their_parameters_and_key() {
    let shop = Shop::open().await;
    shop.post_once("key-1", PATH, &usual()).await;
    shop.post_once("key-1", PATH, &usual()).await;
    let seen = shop.simulator.requests_to("POST", PATH);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].idempotency_key.as_deref(), Some("key-1"));
    assert_eq!(seen[0].params["line_items"]["0"]["price_data"]["unit_amount"], "83000");
    assert_eq!((seen[0].replayed, seen[1].replayed), (false, true));
    assert_eq!(seen[1].status, Some(200));
}

#[tokio::test]
async fn an_altered_session_is_what_the_api_then_shows() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.pay(&id, PayOutcome::Paid).unwrap();
    shop.simulator
        .alter(&id, json!({ "amount_total": 1, "currency": "eur", "livemode": true }))
        .unwrap();
    let session = shop.get(&format!("{PATH}/{id}")).await.json();
    assert_eq!(session["amount_total"], 1);
    assert_eq!((&session["currency"], &session["livemode"]), (&json!("eur"), &json!(true)));
    assert!(shop.simulator.alter("cs_test_no", json!({})).is_err());
}

#[tokio::test]
async fn everything_can_be_steered_over_http() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    control(&shop, "/webhooks", json!({ "drop": true, "types": ["charge.succeeded"] })).await;
    let session = control(
        &shop,
        &format!("/sessions/{id}/pay"),
        json!({ "outcome": "unpaid", "email": "a@b.test" }),
    )
    .await;
    assert_eq!(session["payment_status"], "unpaid");
    let session =
        control(&shop, &format!("/sessions/{id}/settle"), json!({ "outcome": "succeeded" })).await;
    assert_eq!(session["payment_status"], "paid");
    assert_eq!(control(&shop, "/idle", json!({})).await["idle"], true);
    assert!(!shop.received_kinds().contains(&"charge.succeeded".to_owned()));
    let altered =
        control(&shop, &format!("/sessions/{id}/alter"), json!({ "currency": "eur" })).await;
    assert_eq!(altered["currency"], "eur");
    let deliveries = shop.get("/_control/deliveries").await.json();
    assert!(deliveries.as_array().unwrap().iter().any(|delivery| delivery["state"] == "dropped"));
    let forged = control(
        &shop,
        "/webhooks/post",
        json!({ "body": { "id": "evt_x" }, "signature": { "stale": 301 } }),
    )
    .await;
    assert_eq!(forged[0]["status"], 200);
    let event =
        control(&shop, "/events", json!({ "type": "odd.shape", "object": { "id": 7 } })).await;
    control(&shop, &format!("/events/{}/resend", event["id"].as_str().unwrap()), json!({})).await;
    control(&shop, "/faults", json!({ "path": "/v1/events", "status": 503, "times": 1 })).await;
    assert_eq!(shop.get("/v1/events").await.status, 503);
    let clock = control(&shop, "/clock", json!({ "seconds": 60 })).await;
    assert_eq!(clock["ahead_seconds"], 60);
    assert_eq!(
        shop.get("/_control/requests?path=/v1/events").await.json().as_array().unwrap().len(),
        1
    );
    control(&shop, "/reset", json!({})).await;
    assert_eq!(shop.get("/_control/sessions").await.json(), json!([]));
}

#[tokio::test]
async fn a_control_with_a_misspelt_field_is_refused() {
    let shop = Shop::open().await;
    let answer = shop.send("POST", "/_control/webhooks", &[], r#"{"dorp": true}"#).await;
    assert_eq!(answer.status, 422);
}

#[tokio::test]
async fn simulators_know_nothing_of_each_other() {
    let (one, other) = (Shop::open().await, Shop::open().await);
    let id = one.session().await;
    assert_eq!(other.get(&format!("{PATH}/{id}")).await.status, 404);
    assert!(other.simulator.sessions().is_empty());
}

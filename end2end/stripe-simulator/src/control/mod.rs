//! `/_control`: the simulator's controls over HTTP, for tests in other processes and other languages.
mod reversals;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::books::Books;
use crate::books::payment::{PayOutcome, Payer, Settlement};
use crate::config::Endpoint;
use crate::fault::Fault;
use crate::inner::{Inner, lock};
use crate::webhooks::delivery::Delivery;
use crate::webhooks::policy::WebhookPolicy;
use crate::webhooks::signature::Signature;

type Shared = State<Arc<Inner>>;

/// What `GET /_control` says.
const INDEX: &str = include_str!("index.txt");

/// All controls.
pub fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/", get(INDEX))
        .route("/sessions", get(sessions))
        .route("/sessions/{id}", get(object))
        .route("/sessions/{id}/pay", post(pay))
        .route("/sessions/{id}/settle", post(settle))
        .route("/payments/{id}/settle", post(settle))
        .route("/sessions/{id}/expire", post(expire))
        .route("/sessions/{id}/alter", post(alter))
        .route("/objects/{id}", get(object).post(alter))
        .route("/events", get(events).post(send_event))
        .route("/events/{id}/resend", post(resend))
        .route("/requests", get(requests))
        .route("/endpoints", get(endpoints).post(add_endpoint))
        .route("/webhooks", get(policy).post(set_policy))
        .route("/webhooks/post", post(post_webhook))
        .route("/deliveries", get(deliveries))
        .route("/idle", post(idle))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/clock", get(clock).post(advance_clock))
        .route("/reset", post(reset))
        .merge(reversals::routes())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.body())).into_response()
    }
}

fn oldest_first(inner: &Inner, object: &str) -> Json<Value> {
    let mut all: Vec<Value> = lock(&inner.books).newest_first(object).cloned().collect();
    all.reverse();
    Json(Value::Array(all))
}

async fn sessions(State(inner): Shared) -> Json<Value> {
    oldest_first(&inner, "checkout.session")
}

async fn events(State(inner): Shared) -> Json<Value> {
    oldest_first(&inner, "event")
}

async fn object(State(inner): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    lock(&inner.books)
        .get(&id)
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::no_such("object", &id, "id"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    outcome: PayOutcome,
    email: Option<String>,
}

async fn pay(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(pay): Json<Pay>,
) -> Result<Json<Value>, ApiError> {
    let payer = Payer { email: pay.email, ..Payer::for_outcome(pay.outcome) };
    let paid = |books: &mut Books| {
        books.pay(&id, &payer)?;
        books.find("checkout.session", &id, "session").cloned()
    };
    inner.change(paid).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    outcome: Settlement,
}

async fn settle(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(settle): Json<Settle>,
) -> Result<Json<Value>, ApiError> {
    inner.change(|books| books.settle(&id, settle.outcome)).map(Json)
}

async fn expire(State(inner): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    inner.change(|books| books.expire_session(&id)).map(Json)
}

async fn alter(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(fields): Json<Value>,
) -> Result<Json<Value>, ApiError> {
    inner.change(|books| books.alter(&id, fields)).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

async fn send_event(State(inner): Shared, Json(event): Json<NewEvent>) -> Json<Value> {
    let id = inner.change(|books| books.publish_event(&event.kind, event.object));
    Json(json!({ "id": id }))
}

async fn resend(State(inner): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    inner.resend(&id).map(|()| Json(json!({ "id": id })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Which {
    method: Option<String>,
    path: Option<String>,
}

async fn requests(State(inner): Shared, Query(which): Query<Which>) -> Json<Value> {
    let recorder = lock(&inner.recorder);
    let wanted = recorder.all().iter().filter(|seen| {
        which.method.as_ref().is_none_or(|method| method == &seen.method)
            && which.path.as_ref().is_none_or(|path| seen.path.starts_with(path))
    });
    Json(json!(wanted.collect::<Vec<_>>()))
}

async fn endpoints(State(inner): Shared) -> Json<Value> {
    Json(json!(lock(&inner.courier).endpoints))
}

async fn add_endpoint(
    State(inner): Shared,
    Json(endpoint): Json<Endpoint>,
) -> Result<Json<Value>, ApiError> {
    endpoint.checked().map_err(|error| ApiError::invalid(error.to_string()).param("url"))?;
    lock(&inner.courier).endpoints.push(endpoint.clone());
    Ok(Json(json!(endpoint)))
}

async fn policy(State(inner): Shared) -> Json<WebhookPolicy> {
    Json(lock(&inner.courier).policy.clone())
}

async fn set_policy(
    State(inner): Shared,
    Json(policy): Json<WebhookPolicy>,
) -> Json<WebhookPolicy> {
    inner.set_policy(policy.clone());
    Json(policy)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostWebhook {
    /// Sent as it stands; JSON that is no string is written out first.
    body: Value,
    #[serde(default)]
    signature: Signature,
}

async fn post_webhook(State(inner): Shared, Json(post): Json<PostWebhook>) -> Json<Value> {
    let body = post.body.as_str().map_or_else(|| post.body.to_string(), str::to_owned);
    let endpoints = lock(&inner.courier).endpoints.clone();
    let mut attempts = Vec::new();
    for endpoint in endpoints {
        attempts.push(inner.post(&endpoint, body.clone().into_bytes(), post.signature).await);
    }
    Json(json!(attempts))
}

async fn deliveries(State(inner): Shared) -> Json<Vec<Delivery>> {
    Json(lock(&inner.courier).deliveries.clone())
}

#[derive(Deserialize)]
struct Idle {
    #[serde(default = "ten_seconds")]
    within_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

async fn idle(State(inner): Shared, Json(idle): Json<Idle>) -> Json<Value> {
    let quiet = |all: &[Delivery]| !all.iter().any(Delivery::is_under_way);
    Json(
        json!({ "idle": inner.wait_for_deliveries(Duration::from_millis(idle.within_ms), quiet).await }),
    )
}

async fn faults(State(inner): Shared) -> Json<Vec<Fault>> {
    Json(lock(&inner.faults).all().to_vec())
}

async fn add_fault(State(inner): Shared, Json(fault): Json<Fault>) -> Json<Fault> {
    lock(&inner.faults).add(fault.clone());
    Json(fault)
}

async fn clear_faults(State(inner): Shared) -> Json<Value> {
    lock(&inner.faults).clear();
    Json(json!([]))
}

async fn clock(State(inner): Shared) -> Json<Value> {
    let books = lock(&inner.books);
    Json(json!({ "now": books.now(), "ahead_seconds": books.clock_ahead }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

async fn advance_clock(State(inner): Shared, Json(advance): Json<Advance>) -> Json<Value> {
    inner.advance_clock(Duration::from_secs(advance.seconds));
    clock(State(inner)).await
}

async fn reset(State(inner): Shared) -> StatusCode {
    inner.reset();
    StatusCode::NO_CONTENT
}

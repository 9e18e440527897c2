//! Controls that take money back: refunds, disputes, fraud warnings. The id may be a charge, an intent or a session.
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::api::error::ApiError;
use crate::books::dispute::Verdict;
use crate::inner::Inner;

/// These controls.
pub fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/payments/{id}/refund", post(refund))
        .route("/payments/{id}/dispute", post(dispute))
        .route("/payments/{id}/fraud-warning", post(fraud_warning))
        .route("/refunds/{id}/fail", post(fail_refund))
        .route("/disputes/{id}/close", post(close_dispute))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    amount: Option<i64>,
}

async fn refund(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(refund): Json<Refund>,
) -> Result<Json<Value>, ApiError> {
    let refunded = inner.change(|books| {
        let charge = books.charge_of(&id)?;
        books.create_refund(&json!({ "charge": charge, "amount": refund.amount }))
    });
    refunded.map(Json)
}

async fn fail_refund(
    State(inner): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    inner.change(|books| books.fail_refund(&id)).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispute {
    #[serde(default)]
    inquiry: bool,
}

async fn dispute(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(dispute): Json<Dispute>,
) -> Result<Json<Value>, ApiError> {
    let opened = inner.change(|books| {
        let charge = books.charge_of(&id)?;
        books.open_dispute(&charge, dispute.inquiry)
    });
    opened.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    verdict: Verdict,
}

async fn close_dispute(
    State(inner): Shared,
    Path(id): Path<String>,
    Json(close): Json<Close>,
) -> Result<Json<Value>, ApiError> {
    inner.change(|books| books.close_dispute(&id, close.verdict)).map(Json)
}

async fn fraud_warning(
    State(inner): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let warned = inner.change(|books| {
        let charge = books.charge_of(&id)?;
        books.warn_of_fraud(&charge)
    });
    warned.map(Json)
}

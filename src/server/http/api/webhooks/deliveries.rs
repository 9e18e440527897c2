//! What was sent to an endpoint, and sending again.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    super::{
        body::{Id, IdempotencyKey, Json, can_be_id},
        caller::Caller,
        charge::instant,
        describe::{DeliveryProblems, DeliveryStateId, PageProblems, WebhookEventId},
        problem::Problem,
    },
    away,
};
use crate::server::{
    AppState,
    identity::Scope,
    webhooks::{Delivery, ResendError, Try},
};

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Those older than this one: `next` of the page before.
    before: Option<String>,
}

/// A page of deliveries, the newest first.
#[derive(Serialize, ToSchema)]
pub struct DeliveriesAnswer {
    /// The deliveries.
    deliveries: Vec<DeliveryAnswer>,
    /// `before` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A message, with what was tried.
#[derive(Serialize, ToSchema)]
pub struct DeliveryAnswer {
    /// Its id, which the endpoint reads in `webhook-id`.
    id: String,
    /// What happened.
    #[schema(value_type = WebhookEventId)]
    event: String,
    /// The account that it happened to.
    account: String,
    /// How far it has come.
    #[schema(value_type = DeliveryStateId)]
    state: &'static str,
    /// When it was to be sent first.
    created_at: String,
    /// When it is tried next; left out where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    /// What was tried, the latest last.
    attempts: Vec<AttemptAnswer>,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
pub struct AttemptAnswer {
    /// When.
    at: String,
    /// The HTTP status of the answer; left out where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i32>,
    /// How long it took.
    duration_ms: i64,
    /// What the answer begins with, or why there was none.
    note: String,
}

/// What was sent to an endpoint in the last 30 days or is to be, 25 a page.
#[utoipa::path(
    get, path = "/webhook-endpoints/{id}/deliveries", tag = "Webhooks", security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint."), DeliveriesQuery),
    responses((status = 200, description = "A page.", body = DeliveriesAnswer), PageProblems),
)]
pub async fn list_deliveries(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    query: Result<Query<DeliveriesQuery>, QueryRejection>,
) -> Result<axum::Json<DeliveriesAnswer>, Problem> {
    caller.service(Scope::Read)?;
    let Query(query) = query.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text())
    })?;
    let before = query.before.as_deref();
    if before.is_some_and(|before| !can_be_id(before)) {
        let detail = "No delivery has this id.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
    }
    let page = state.webhooks.deliveries(&id, before).await.map_err(away)?;
    let page = page.ok_or_else(|| Problem::not_found("endpoint"))?;
    let deliveries = page.deliveries.into_iter().map(delivery).collect();
    Ok(axum::Json(DeliveriesAnswer { deliveries, next: page.next }))
}

fn delivery(delivery: Delivery) -> DeliveryAnswer {
    DeliveryAnswer {
        id: delivery.id,
        event: delivery.kind,
        account: delivery.account,
        state: delivery.state.id(),
        created_at: instant(delivery.created_at),
        next_attempt_at: delivery.next_at.map(instant),
        attempts: delivery.tries.into_iter().map(attempt).collect(),
    }
}

fn attempt(tried: Try) -> AttemptAnswer {
    let Try { at, status, duration_ms, note } = tried;
    AttemptAnswer { at: instant(at), status, duration_ms, note }
}

/// Nothing has to be said.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {}

/// A message that is sent again.
#[derive(Serialize, ToSchema)]
pub struct ResendAnswer {
    /// The message; it keeps its id.
    id: String,
    /// When it is tried, at the latest.
    due_at: String,
    /// Whether the same key asked for it before: then nothing happened now.
    replayed: bool,
}

/// Send a message again, whatever became of it, and try it for three days. One that waits is sent
/// within two minutes, any other at once.
#[utoipa::path(
    post, path = "/webhook-deliveries/{id}/resend", tag = "Webhooks", security(("api_key" = [])),
    params(("id" = String, Path, description = "The delivery."), IdempotencyKey),
    request_body = ResendRequest,
    responses((status = 202, description = "It will be sent.", body = ResendAnswer), DeliveryProblems),
)]
pub async fn resend_delivery(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<ResendRequest>,
) -> Result<(StatusCode, axum::Json<ResendAnswer>), Problem> {
    caller.service(Scope::Spend)?;
    let request = key.kept(&format!("webhook-deliveries/{id}/resend"), &asked);
    let resent = state.webhooks.resend(&id, Some(request)).await?;
    let answer = ResendAnswer { id, due_at: instant(resent.due_at), replayed: resent.replayed };
    Ok((StatusCode::ACCEPTED, axum::Json(answer)))
}

impl From<ResendError> for Problem {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::Unknown => Self::not_found("delivery"),
            ResendError::Disabled => {
                let detail = "The endpoint said that it is gone, and is told nothing any more.";
                Self::new(StatusCode::CONFLICT, "endpoint_disabled", detail)
            }
            ResendError::KeyReused => Self::key_reused(),
            ResendError::Database(error) => away(error),
        }
    }
}

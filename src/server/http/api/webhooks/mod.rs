//! The platform's endpoints, which are told what happens: for services.

mod deliveries;
mod described;

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use deliveries::{
    __path_list_deliveries, __path_resend_delivery, list_deliveries, resend_delivery,
};
pub use described::webhooks;

use super::{
    body::{Id, IdempotencyKey, Json},
    caller::Caller,
    charge::instant,
    describe::{EndpointProblems, ReadProblems, ServiceProblems, WebhookEventId},
    problem::Problem,
};
use crate::server::{
    AppState,
    identity::Scope,
    webhooks::{AddError, Endpoint, Kinds},
};

/// An endpoint to be told.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointRequest {
    /// Where to: a public address, over https.
    #[schema(max_length = 2000, examples("https://platform.example/hooks/credits"))]
    url: String,
    /// Which events; all of them where nothing is said.
    #[schema(value_type = Option<Vec<WebhookEventId>>)]
    events: Option<Vec<String>>,
}

/// An endpoint that was added.
#[derive(Serialize, ToSchema)]
pub struct AddedEndpoint {
    #[serde(flatten)]
    endpoint: EndpointAnswer,
    /// What signs its messages, `whsec_…`. It is told in this answer only.
    secret: String,
    /// Whether the same key added it before: then nothing happened now.
    replayed: bool,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub struct EndpointAnswer {
    /// Its id.
    id: String,
    /// Where messages go.
    url: String,
    /// Which events it is told.
    #[schema(value_type = Vec<WebhookEventId>)]
    events: Vec<&'static str>,
    /// When it was added.
    created_at: String,
    /// Since when it is told nothing any more, because it answered 410 Gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
}

/// All endpoints.
#[derive(Serialize, ToSchema)]
pub struct EndpointsAnswer {
    /// The oldest first.
    endpoints: Vec<EndpointAnswer>,
}

/// Add an endpoint. What happens from now on is sent to it, signed as Standard Webhooks has it.
#[utoipa::path(
    post, path = "/webhook-endpoints", tag = "Webhooks", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = EndpointRequest,
    responses((status = 201, description = "Added.", body = AddedEndpoint), EndpointProblems),
)]
pub async fn add_endpoint(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(asked): Json<EndpointRequest>,
) -> Result<(StatusCode, axum::Json<AddedEndpoint>), Problem> {
    caller.service(Scope::Spend)?;
    let kinds = Kinds::named(asked.events.iter().flatten().map(String::as_str));
    let kinds = kinds.map_err(|error| Problem::field("events", sentence(&error)))?;
    let request = key.kept("webhook-endpoints", &asked);
    let added = state.webhooks.add(&asked.url, kinds, Some(request)).await?;
    let answer = AddedEndpoint {
        endpoint: answer(added.endpoint),
        secret: added.secret.reveal().to_owned(),
        replayed: added.replayed,
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// All endpoints.
#[utoipa::path(
    get, path = "/webhook-endpoints", tag = "Webhooks", security(("api_key" = [])),
    responses((status = 200, description = "The endpoints.", body = EndpointsAnswer), ServiceProblems),
)]
pub async fn list_endpoints(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<axum::Json<EndpointsAnswer>, Problem> {
    caller.service(Scope::Read)?;
    let endpoints = state.webhooks.list().await.map_err(away)?;
    Ok(axum::Json(EndpointsAnswer { endpoints: endpoints.into_iter().map(answer).collect() }))
}

/// Remove an endpoint. What still waits for it is given up.
#[utoipa::path(
    delete, path = "/webhook-endpoints/{id}", tag = "Webhooks", security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint.")),
    responses((status = 204, description = "Removed."), ReadProblems),
)]
pub async fn remove_endpoint(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    caller.service(Scope::Spend)?;
    let removed = state.webhooks.remove(&id).await.map_err(away)?;
    removed.then_some(StatusCode::NO_CONTENT).ok_or_else(|| Problem::not_found("endpoint"))
}

fn answer(endpoint: Endpoint) -> EndpointAnswer {
    EndpointAnswer {
        events: endpoint.kinds.ids().collect(),
        id: endpoint.id,
        url: endpoint.url,
        created_at: instant(endpoint.created_at),
        disabled_at: endpoint.disabled_at.map(instant),
    }
}

fn sentence(error: &impl std::fmt::Display) -> String {
    super::problem::sentence(&error.to_string())
}

fn away(error: sea_orm::DbErr) -> Problem {
    tracing::error!(%error, "the webhooks can't be reached");
    Problem::unavailable()
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Url(_) | AddError::NotPublic(_) => Self::field("url", sentence(&error)),
            AddError::TooMany => {
                Self::new(StatusCode::CONFLICT, "too_many_endpoints", sentence(&error))
            }
            AddError::KeyReused => Self::key_reused(),
            AddError::NoRandomness => {
                tracing::error!("the system gives no random numbers");
                Self::unavailable()
            }
            AddError::Database(error) => away(error),
        }
    }
}

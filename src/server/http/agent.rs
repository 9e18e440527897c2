//! What agents read before they ask: `/agent.json` for programs, `/llms.txt` in plain words. Both
//! speak of the live catalogue, and every example in them works as it stands.

mod examples;
mod words;

use axum::{
    Json, Router,
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::server::AppState;
use examples::{Skill, skills};

/// Prices change with the catalogue, which running servers take up within seconds.
const SHARED_FOR_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");

const DESCRIPTION: &str = "Credits for the AI operations of a trading platform: ask the price, \
                           set credits aside, do the work, and settle.";

/// The routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/agent.json", get(agent))
        .route("/.well-known/agent.json", get(agent))
        .route("/llms.txt", get(llms))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, SHARED_FOR_A_MINUTE))
}

/// Who we are and what can be asked of us.
#[derive(Serialize)]
struct Agent {
    name: &'static str,
    description: &'static str,
    version: &'static str,
    provider: Provider,
    /// Where the API begins.
    url: String,
    /// For people.
    documentation: String,
    /// The same in plain words.
    llms: String,
    openapi: String,
    authentication: Authentication,
    /// What stands in braces in examples.
    placeholders: Placeholders,
    skills: Vec<Skill>,
}

#[derive(Serialize)]
struct Provider {
    name: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Authentication {
    #[serde(rename = "type")]
    kind: &'static str,
    scheme: &'static str,
    header: &'static str,
    how: String,
}

#[derive(Serialize)]
struct Placeholders {
    quote: &'static str,
    hold: &'static str,
    account: &'static str,
}

async fn agent(State(state): State<AppState>) -> Json<Agent> {
    let origin = state.config.public_origin();
    Json(Agent {
        name: "Recharge",
        description: DESCRIPTION,
        version: env!("CARGO_PKG_VERSION"),
        provider: Provider { name: "Recharge", url: origin.clone() },
        url: format!("{origin}/api/v1"),
        documentation: format!("{origin}/api/docs"),
        llms: format!("{origin}/llms.txt"),
        openapi: format!("{origin}/api/v1/openapi.json"),
        authentication: Authentication {
            kind: "http",
            scheme: "bearer",
            header: "Authorization: Bearer rcg_<id>_<secret>",
            how: words::how_a_key_is_got(&origin),
        },
        placeholders: Placeholders {
            quote: "the id in the answer to a quote",
            hold: "the id in the answer to a hold",
            account: "the account in any answer",
        },
        skills: skills(&state.catalogues.current()),
    })
}

async fn llms(State(state): State<AppState>) -> Response {
    let text = words::llms(&state.config.public_origin(), &state.catalogues.current());
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

//! What programs ask of Recharge: `/api/v1`.
//!
//! A handler says who ([`caller`]), parses ([`body`]), makes one call, and translates. What can't
//! be done is told as a [`problem`]. Every POST carries an idempotency key: the request happens
//! once, and its first outcome is told again.

mod accounts;
mod amount;
mod body;
mod caller;
mod catalogue;
mod charge;
mod describe;
mod docs;
mod holds;
mod platform;
mod problem;
mod quotes;
mod usage;
mod webhooks;

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, routing::any};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use caller::Pacemaker;
pub use describe::{description, description_text};
pub use docs::routes as description_routes;
pub use problem::Problem;

use crate::server::AppState;

/// The longest body of one request, and of a batch.
const LARGEST_BODY_BYTES: usize = 64 * 1024;
const LARGEST_BATCH_BYTES: usize = 1024 * 1024;

/// The routes, with their description.
fn described() -> OpenApiRouter<AppState> {
    let one = OpenApiRouter::new()
        .routes(routes!(quotes::make_quote))
        .routes(routes!(usage::charge_usage))
        .routes(routes!(holds::make_hold))
        .routes(routes!(holds::read_hold))
        .routes(routes!(holds::capture_hold))
        .routes(routes!(holds::release_hold))
        .routes(routes!(holds::extend_hold))
        .routes(routes!(accounts::read_balance))
        .routes(routes!(accounts::list_entries))
        .routes(routes!(accounts::read_usage))
        .routes(routes!(platform::grant_credits))
        .routes(routes!(platform::open_account))
        .routes(routes!(platform::make_sign_in_link))
        .routes(routes!(catalogue::read_catalogue))
        .routes(routes!(webhooks::add_endpoint, webhooks::list_endpoints))
        .routes(routes!(webhooks::remove_endpoint))
        .routes(routes!(webhooks::list_deliveries))
        .routes(routes!(webhooks::resend_delivery))
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES));
    let batch = OpenApiRouter::new()
        .routes(routes!(usage::charge_batch))
        .layer(DefaultBodyLimit::max(LARGEST_BATCH_BYTES));
    OpenApiRouter::with_openapi(describe::base()).nest("/api/v1", one.merge(batch))
}

/// The routes. What is asked below `/api/v1` and is not there is told as a problem too.
pub fn routes() -> Router<AppState> {
    let nothing = || any(|| async { Problem::not_found("address") });
    described()
        .split_for_parts()
        .0
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api/v1", nothing())
        .route("/api/v1/", nothing())
        .route("/api/v1/{*rest}", nothing())
}

async fn method_not_allowed() -> Problem {
    let detail = "This address does not know this method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

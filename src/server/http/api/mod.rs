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

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use tower::util::MapFutureLayer;
use tower_http::catch_panic::CatchPanicLayer;
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

/// The routes, which answer within a deadline. What is asked below `/api/v1` and is not there is told
/// as a problem too.
pub fn routes(deadline: Duration) -> Router<AppState> {
    let nothing = || any(|| async { Problem::not_found("address") });
    let routes = described()
        .split_for_parts()
        .0
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api/v1", nothing())
        .route("/api/v1/", nothing())
        .route("/api/v1/{*rest}", nothing());
    in_problems(routes, deadline)
}

/// Programs are told of what went wrong here as a problem too, not in a page for people.
fn in_problems<S: Clone + Send + Sync + 'static>(routes: Router<S>, by: Duration) -> Router<S> {
    let in_time = MapFutureLayer::new(move |answer| in_time(by, answer));
    routes.layer(in_time).layer(CatchPanicLayer::custom(after_panic))
}

/// What the ledger was given is written nevertheless.
async fn in_time<E>(
    deadline: Duration,
    answer: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| {
        tracing::warn!("an answer was given up after {deadline:?}");
        Ok(Problem::unavailable().into_response())
    })
}

/// The panic is logged with its place by the panic hook.
fn after_panic(_: Box<dyn Any + Send>) -> Response {
    let detail = "Something went wrong here. Send the request again with the same key: what was \
                  done is not done twice.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
}

async fn method_not_allowed() -> Problem {
    let detail = "This address does not know this method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::{
        body::{Body, to_bytes},
        http::{
            HeaderMap, Request,
            header::{CONTENT_TYPE, RETRY_AFTER},
        },
        routing::get,
    };
    use tokio::time::timeout;
    use tower::ServiceExt;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);
    const SECOND: Duration = Duration::from_secs(1);

    /// Asks at `/`, and returns the status, the headers and the problem.
    async fn ask(routes: Router) -> (StatusCode, HeaderMap, serde_json::Value) {
        let response = routes.oneshot(Request::new(Body::empty())).await.unwrap();
        let (parts, body) = response.into_parts();
        assert_eq!(parts.headers[CONTENT_TYPE], "application/problem+json");
        let body = to_bytes(body, 10_000).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    async fn breaks() -> &'static str {
        panic!("as if something were wrong here")
    }

    #[tokio::test]
    async fn what_goes_wrong_here_is_told_as_a_problem() {
        let routes = Router::<()>::new().route("/", get(breaks));
        let (status, _, problem) = ask(in_problems(routes, 10 * SECOND)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(problem["code"], "internal_error");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_given_up_with_the_advice_to_come_back() {
        let never = || pending::<&'static str>();
        let routes = in_problems(Router::<()>::new().route("/", get(never)), MOMENT);
        let (status, headers, problem) = timeout(10 * SECOND, ask(routes)).await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["code"], "unavailable");
        assert_eq!(headers[RETRY_AFTER], "1");
    }
}

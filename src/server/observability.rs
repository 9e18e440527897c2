//! What the program says about itself: one line per request, each with the request's id.

use std::{io::IsTerminal, time::Duration};

use axum::{
    Router,
    http::{HeaderName, StatusCode},
};
use tower::ServiceBuilder;
use tower_http::{
    classify::ServerErrorsFailureClass,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span};
use tracing_subscriber::EnvFilter;

use super::config::{Config, ConfigError};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SIGN_IN_LINKS: &str = "/sign-in/link/";

/// Starts logging to stderr: JSON in production, text for people elsewhere.
///
/// # Errors
/// Where the filter can't be read.
pub fn start_logging(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| ConfigError {
        setting: "RUST_LOG",
        problem: format!("({}) is no log filter: {error}", config.log),
    })?;
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would say on stderr that stderr can't be written to, and panic.
        .log_internal_errors(false);
    // Fails only where a test has started logging already.
    let started = if config.is_production() {
        logging.json().flatten_event(true).try_init()
    } else {
        logging.with_target(false).compact().try_init()
    };
    started.ok();
    Ok(())
}

/// Gives every request an id (or keeps the one that a proxy gave it), logs the request under it,
/// and returns it with the answer.
pub fn observed(router: Router) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(Level::INFO))
                .on_failure(failed),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID));
    router.layer(layers)
}

/// Logs a server error, except 503: that is the right answer while the database is away, and a
/// probe every second would fill the log with it.
#[expect(clippy::needless_pass_by_value, reason = "the layer passes it so")]
fn failed(class: ServerErrorsFailureClass, latency: Duration, _: &Span) {
    if !matches!(class, ServerErrorsFailureClass::StatusCode(StatusCode::SERVICE_UNAVAILABLE)) {
        tracing::error!(classification = %class, ?latency, "response failed");
    }
}

/// The query stays out of the logs: it may hold what people search for. So does a token that
/// signs in: who reads the logs could be faster.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let path = request.uri().path();
    let path = if path.starts_with(SIGN_IN_LINKS) { SIGN_IN_LINKS } else { path };
    tracing::info_span!("request", id, method = %request.method(), path)
}

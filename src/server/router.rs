//! URL → handler: the doors for machines, and the pages for people behind their gate.
//!
//! # Order
//! Outermost first. Every request: id and log → an address of ours → panics → security headers →
//! compression → errors in a sentence. Those that may carry the cookie also: errors in words →
//! deadline → same site only → body limit → no NUL → session → gate. What a machine asks for passes
//! none of these but a deadline: `/api/v1` and Stripe's webhooks have their own.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header::CACHE_CONTROL},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower::util::MapResponseLayer;
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer,
    limit::RequestBodyLimitLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer,
};

use super::{
    AppState,
    config::Config,
    early::early,
    headers::SecurityHeaders,
    http::{
        agent, api, api_keys, auto_recharge, billing_cycle, buying, events, health, history_csv,
        metrics, notices, notifications, spend_caps, stripe_webhook, unsubscribe,
    },
    identity::{self, Gate, Sessions},
    nul::without_nul,
    observability::observed,
    pages::{page_not_found, pages},
    static_files::{package_files, root_files},
    words,
};

/// No form of ours is longer.
const LARGEST_FORM_BYTES: usize = 64 * 1024;
/// Good enough for a page, and quick; the files for browsers are compressed beforehand.
const COMPRESSION: CompressionLevel = CompressionLevel::Precise(4);

/// What is private is in no cache, also not behind the back button of a shared machine.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Answers connections for which there is no room: probes learn how the process is, and everybody
/// else learns when to come back.
pub fn reserve_router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(state)
        .fallback(no_room)
}

async fn no_room(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return api::Problem::busy().into_response();
    }
    words::page(StatusCode::SERVICE_UNAVAILABLE)
}

/// Everything that the server answers.
pub fn router(state: AppState) -> Router {
    let config = Arc::clone(&state.config);
    let headers = SecurityHeaders::new(&config);
    let deadlines = state.deadlines;
    let machines = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .nest_service("/pkg", package_files(&config))
        .merge(api::description_routes())
        .merge(agent::routes())
        .layer(in_time(deadlines.people));
    let stripe = stripe_webhook::routes(state.payments.clone()).layer(in_time(deadlines.stripe));
    let router = Router::new()
        .merge(machines)
        .merge(stripe)
        .merge(api::routes(deadlines.programs))
        .merge(people(&state, &headers))
        .with_state(state)
        .layer(MapResponseLayer::new(words::in_a_sentence))
        .layer(CompressionLayer::new().quality(COMPRESSION))
        .layer(MapResponseLayer::new(move |response| headers.add_to(response)))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(early(not_ours));
    observed(router)
}

/// What people ask for: everything that may carry the cookie.
fn people(state: &AppState, headers: &SecurityHeaders) -> Router<AppState> {
    let config = &state.config;
    let not_found = page_not_found(state, headers);
    let sessions = Sessions::new(state.database.clone(), state.clock.clone());
    let gate = Gate { sessions: sessions.clone(), not_found: not_found.clone() };
    let pages = pages(state, headers);
    // Each layer wraps those above it.
    Router::new()
        .route("/sign-in", post(identity::sign_in))
        .route("/sign-in/link/{token}", post(identity::sign_in_links::follow))
        .route("/sign-out", post(identity::sign_out))
        .merge(buying::routes(state.payments.clone()))
        .merge(api_keys::routes(state.api_keys.clone(), pages.clone().with_state(state.clone())))
        .merge(auto_recharge::routes(
            state.payments.clone(),
            pages.clone().with_state(state.clone()),
        ))
        .merge(billing_cycle::routes(state.ledger.clone(), pages.clone().with_state(state.clone())))
        .merge(spend_caps::routes(state.ledger.clone(), pages.clone().with_state(state.clone())))
        .route("/settings/events", get(events::stream))
        .route("/settings/credits/history.csv", get(history_csv::own))
        .route("/support/accounts/{id}/history.csv", get(history_csv::of_account))
        .merge(notices::routes())
        .merge(notifications::routes(state.clone(), pages.clone().with_state(state.clone())))
        .merge(unsubscribe::routes(state.clone(), pages.clone().with_state(state.clone())))
        .merge(pages)
        .fallback_service(root_files(config, not_found))
        .layer(from_fn_with_state(gate, identity::gate))
        .layer(identity::session_layer(config, sessions))
        .layer(from_fn_with_state(config.is_https(), identity::removable_cookie))
        .layer(from_fn(without_nul))
        .layer(RequestBodyLimitLayer::new(LARGEST_FORM_BYTES))
        .layer(same_site_only(config))
        .layer(in_time(state.deadlines.people))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn(words::in_words))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, NO_STORE))
}

/// Gives up an answer that has not begun by then. The ledger still writes what it was given.
fn in_time(deadline: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, deadline)
}

/// Refuses requests that name no path: those of proxies (`CONNECT host:443`) and `OPTIONS *`.
fn not_ours(request: &Request) -> Option<Response> {
    let is_ours = request.method() != Method::CONNECT && request.uri().path().starts_with('/');
    (!is_ours).then(|| words::page(StatusCode::BAD_REQUEST))
}

/// Refuses what other sites make a browser send; behind a proxy that changes `Host`, the public
/// address counts as ours.
fn same_site_only(config: &Config) -> CsrfLayer {
    let layer = CsrfLayer::new().with_insecure_bypass(unsubscribe::is_proven_by_address);
    // Only an origin that no browser writes is refused; then the layer's own check stands alone.
    layer.clone().add_trusted_origin(config.public_origin()).unwrap_or(layer)
}

/// The panic is logged with its place by the panic hook.
fn after_panic(_: Box<dyn Any + Send>) -> Response {
    words::page(StatusCode::INTERNAL_SERVER_ERROR)
}

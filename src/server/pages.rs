//! The pages of the route table, rendered with what they need in their context: the state, the
//! request with who is asking, and a policy for their scripts.

use std::sync::OnceLock;

use axum::{
    Router,
    http::{StatusCode, header::CACHE_CONTROL, header::CONTENT_SECURITY_POLICY},
};
use leptos::{
    context::{provide_context, use_context},
    nonce::use_nonce,
};
use leptos_axum::{
    AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list,
    render_app_async_with_context,
};
use tower_http::set_header::SetResponseHeaderLayer;

use super::{AppState, headers::SecurityHeaders, router::NO_STORE};
use crate::app::{App, shell};

/// Every page at its address, and every server function at its own.
pub fn pages(state: &AppState, headers: &SecurityHeaders) -> Router<AppState> {
    // Rendering the table while pages are rendered could mix them up: once is enough.
    static ROUTES: OnceLock<Vec<AxumRouteListing>> = OnceLock::new();
    let routes = ROUTES.get_or_init(|| generate_route_list(App)).clone();
    let (options, headers) = (state.config.leptos.clone(), headers.clone());
    Router::new().leptos_routes_with_context(
        state,
        routes,
        move || allow_scripts(&headers),
        move || shell(options.clone()),
    )
}

/// The page for addresses that lead nowhere, and for those that aren't the visitor's to know.
pub fn page_not_found(state: &AppState, headers: &SecurityHeaders) -> Router {
    let (state, headers) = (state.clone(), headers.clone());
    let options = state.config.leptos.clone();
    let context = move || {
        provide_context(state.clone());
        allow_scripts(&headers);
        if let Some(response) = use_context::<ResponseOptions>() {
            response.set_status(StatusCode::NOT_FOUND);
        }
    };
    let render = render_app_async_with_context(context, move || shell(options.clone()));
    Router::new()
        .fallback(render)
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, NO_STORE))
}

/// The scripts of this one page may run: Leptos has put the same nonce on them.
fn allow_scripts(headers: &SecurityHeaders) {
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
        let policy = headers.content_policy(Some(&nonce));
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
}

//! The pages of the route table, rendered with what they need in their context: the state, the
//! request with who is asking, and a policy for their scripts.
//!
//! What is absent: server functions have no address. Pages call them while they are rendered,
//! forms go to handlers; so there is no second door to the same data.

use std::sync::OnceLock;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY},
    },
    middleware::map_response,
    response::Response,
};
use leptos::{
    context::{provide_context, use_context},
    nonce::use_nonce,
    server_fn::axum::server_fn_paths,
};
use leptos_axum::{
    AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list_with_exclusions,
    render_app_async_with_context,
};
use tower_http::set_header::SetResponseHeaderLayer;

use super::{AppState, headers::SecurityHeaders, router::NO_STORE, words};
use crate::app::{App, not_found_shell, shell};

/// No page of ours is larger.
const LARGEST_PAGE_BYTES: usize = 16 * 1024 * 1024;
const END: &str = "</body></html>";

/// Every page at its address.
pub fn pages(state: &AppState, headers: &SecurityHeaders) -> Router<AppState> {
    // Rendering the table while pages are rendered could mix them up: once is enough.
    static ROUTES: OnceLock<Vec<AxumRouteListing>> = OnceLock::new();
    let routes = ROUTES.get_or_init(|| {
        let functions = server_fn_paths().map(|(path, _)| path.to_owned()).collect();
        generate_route_list_with_exclusions(App, Some(functions))
    });
    let (options, headers) = (state.config.leptos.clone(), headers.clone());
    let router = Router::new().leptos_routes_with_context(
        state,
        routes.clone(),
        move || allow_scripts(&headers),
        move || shell(options.clone()),
    );
    router.layer(map_response(whole))
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
    let render = render_app_async_with_context(context, move || not_found_shell(options.clone()));
    Router::new()
        .fallback(render)
        .layer(map_response(whole))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, NO_STORE))
}

/// The scripts of this one page may run: Leptos has put the same nonce on them.
fn allow_scripts(headers: &SecurityHeaders) {
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
        let policy = headers.content_policy(Some(&nonce));
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
}

/// A page is sent when it is whole, or not at all: what hangs while it is rendered runs into the
/// deadline. Leptos writes its last scripts behind the document; they belong into it.
async fn whole(response: Response) -> Response {
    // The answer to a method that no page knows isn't a page.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let html = to_bytes(body, LARGEST_PAGE_BYTES).await.map(|bytes| in_order(&bytes));
    let Ok(Some(html)) = html else {
        tracing::error!("a page was not rendered to its end");
        return words::page(StatusCode::INTERNAL_SERVER_ERROR);
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(html))
}

/// Puts what follows the document into its body; none where the document doesn't end.
fn in_order(page: &[u8]) -> Option<String> {
    let page = std::str::from_utf8(page).ok()?;
    let (document, after) = page.rsplit_once("</html>")?;
    let (content, _) = document.rsplit_once("</body>")?;
    let scripts = after.trim_start_matches("<!>");
    Some([content, scripts, END].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_scripts_belong_into_the_document() {
        let page =
            "<html><body><p>1</p><!></body><!></html><!><script>a</script><script>b</script>";
        let whole = "<html><body><p>1</p><!><script>a</script><script>b</script></body></html>";
        assert_eq!(in_order(page.as_bytes()).as_deref(), Some(whole));
        assert_eq!(in_order(whole.as_bytes()).as_deref(), Some(whole));
    }

    #[test]
    fn half_a_page_is_no_page() {
        assert_eq!(in_order(b"<html><body><p>1</p>"), None);
        assert_eq!(in_order(b""), None);
    }
}

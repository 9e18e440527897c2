//! The form behind the link that ends a kind of mail. Mail programs post to it by themselves
//! (RFC 8058), without a cookie: what the link carries is the proof.

use axum::{
    Router,
    extract::{Path, State},
    http::{Method, StatusCode, Uri, request::Parts},
    response::Response,
    routing::post,
};

use super::page_answer::answer_with_page;
use crate::{
    pages::unsubscribe::Unsubscribed,
    server::{AppState, notices::NoLink},
};

#[derive(Clone, Debug)]
struct Forms {
    state: AppState,
    pages: Router,
}

/// The post of the page, for whoever has the link.
pub fn routes<S>(state: AppState, pages: Router) -> Router<S> {
    Router::new()
        .route("/unsubscribe/{token}", post(unsubscribe))
        .with_state(Forms { state, pages })
}

/// Whether a request may come from anywhere, because what it asks for is proven by its address.
#[must_use]
pub fn is_proven_by_address(method: &Method, uri: &Uri) -> bool {
    method == Method::POST && uri.path().starts_with("/unsubscribe/")
}

async fn unsubscribe(
    State(forms): State<Forms>,
    Path(token): Path<String>,
    parts: Parts,
) -> Response {
    let now = forms.state.clock.now();
    match forms.state.notices.unsubscribe(&token, now).await {
        Ok(link) => {
            let done = Unsubscribed(link.topic);
            answer_with_page(forms.pages, parts, StatusCode::OK, done).await
        }
        // The page finds out the same, and says it.
        Err(problem @ (NoLink::Forged | NoLink::Expired | NoLink::Unavailable)) => {
            answer_with_page(forms.pages, parts, StatusCode::NOT_FOUND, problem).await
        }
    }
}

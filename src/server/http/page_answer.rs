//! A form that is answered by its own page, with what came of it.

use axum::{
    Router,
    body::Body,
    http::{
        Method, Request,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use tower::ServiceExt;

/// The page, as if it had been asked for, with what came of its form.
pub async fn answer_with_page<Outcome: Clone + Send + Sync + 'static>(
    pages: Router,
    mut parts: Parts,
    outcome: Outcome,
) -> Response {
    parts.method = Method::GET;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    parts.extensions.insert(outcome);
    pages.oneshot(Request::from_parts(parts, Body::empty())).await.into_response()
}

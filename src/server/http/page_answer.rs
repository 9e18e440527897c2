//! A form that is answered by its own page, with what came of it, and an amount that is entered in
//! one.

use axum::{
    Router,
    body::Body,
    http::{
        Method, Request, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use tower::ServiceExt;

use crate::credits::{Credits, without_separators};

/// The page, as if it had been asked for, with what came of its form and the status for that;
/// where the page can't be shown, it says so with its own.
pub async fn answer_with_page<Outcome: Clone + Send + Sync + 'static>(
    pages: Router,
    mut parts: Parts,
    status: StatusCode,
    outcome: Outcome,
) -> Response {
    parts.method = Method::GET;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    parts.extensions.insert(outcome);
    let mut response =
        pages.oneshot(Request::from_parts(parts, Body::empty())).await.into_response();
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

/// An amount that was entered is none.
pub struct NoAmount;

/// An amount that may be left out: none where the field is empty. Separators of thousands are
/// understood; a comma that may be meant as a point is not.
pub fn entered_amount(text: &str) -> Result<Option<Credits>, NoAmount> {
    let text = without_separators(text).ok_or(NoAmount)?;
    if text.is_empty() {
        return Ok(None);
    }
    let amount: Credits = text.parse().map_err(|_| NoAmount)?;
    if amount < Credits::ZERO { Err(NoAmount) } else { Ok(Some(amount)) }
}

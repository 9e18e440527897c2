//! Errors as pages in words, for people.
//!
//! A handler or layer that answers with a bare status gets its page here. The page asks nothing
//! of the database, so it also stands when that is away.

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

/// How soon one may try again, in seconds.
const RETRY_AFTER_S: &str = "5";

/// What a status means to the person who sees it: a title, what happened, what to do.
const fn words(status: StatusCode) -> (&'static str, &'static str, &'static str) {
    match status.as_u16() {
        403 => (
            "This came from another site",
            "A form on another site tried to act in your name. Nothing was changed.",
            "Open Recharge and do it there.",
        ),
        404 => (
            "Page not found",
            "There is nothing at this address, or it isn’t yours to see.",
            "Check the address, or go to your credits.",
        ),
        405 => (
            "Nothing happens here",
            "This address can’t be used in that way. Nothing was changed.",
            "Go back and use the buttons on the page.",
        ),
        408 => (
            "That took too long to arrive",
            "The connection was too slow for what was sent. Nothing was changed.",
            "Go back and try again.",
        ),
        413 => (
            "That was too much at once",
            "What was sent is larger than any form here. Nothing was changed.",
            "Go back and shorten what you entered.",
        ),
        429 => (
            "Too many requests",
            "There were too many requests from your address. Nothing was changed.",
            "Wait a minute and try again.",
        ),
        503 => (
            "Recharge is not available right now",
            "We can’t reach our records at the moment. Your credits are safe: nothing was lost.",
            "Try again in a minute.",
        ),
        400..=499 => (
            "This request can’t be read",
            "Something in it is missing or not as expected. Nothing was changed.",
            "Go back and try again.",
        ),
        _ => (
            "Something went wrong on our side",
            "We have written down what happened. Credits only move when your history says so.",
            "Go back and try again, or look at your credits.",
        ),
    }
}

/// The page for a status.
#[must_use]
pub fn page(status: StatusCode) -> Response {
    let (title, what, then) = words(status);
    let number = status.as_u16();
    let html = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Recharge</title>
<link rel="stylesheet" href="/pkg/recharge.css">
</head>
<body>
<main class="narrow" id="main">
<a class="brand" href="/">Recharge</a>
<div class="panel error-page">
<p class="fine muted">Error {number}</p>
<h1>{title}</h1>
<p>{what} {then}</p>
<a class="button button-primary" href="/">Go to the start page</a>
</div>
</main>
</body>
</html>
"#
    );
    let mut response = (status, Html(html)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    response
}

/// Gives an error without any content a sentence: for machines, which have no use for a page.
pub fn in_a_sentence(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let (title, what, _) = words(status);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Response::from_parts(parts, Body::from(format!("{title}. {what}\n")))
}

/// Gives every bare error its page, and leaves pages and files alone.
pub async fn in_words(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || !is_bare(&response) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut page = page(status);
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            page.headers_mut().append(name, value.clone());
        }
    }
    page
}

/// Bare: without a type, or a plain text that an extractor wrote for programmers.
fn is_bare(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_happened_and_what_to_do() {
        for status in 400..600 {
            let (title, what, then) = words(StatusCode::from_u16(status).expect("a status"));
            assert!(!title.is_empty() && what.ends_with('.') && then.ends_with('.'), "{status}");
        }
    }

    #[test]
    fn when_the_database_is_away_one_may_try_again_soon() {
        let page = page(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.headers()[RETRY_AFTER], RETRY_AFTER_S);
    }
}

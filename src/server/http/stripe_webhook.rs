//! Stripe's door: the raw body, capped and in time, and the signature over exactly these bytes.

use std::{error::Error as _, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
    routing::post,
};

use crate::server::payments::{Payments, Rejection};

/// Stripe's events are far smaller.
const LARGEST: usize = 256 * 1_024;
/// How long the body may take to arrive.
const SLOWEST: Duration = Duration::from_secs(5);

/// `POST /webhooks/stripe`. It carries no cookie: keep it outside the CSRF layer.
pub fn routes<S>(payments: Payments) -> Router<S> {
    Router::new().route("/webhooks/stripe", post(receive)).with_state(payments)
}

async fn receive(State(payments): State<Payments>, headers: HeaderMap, body: Body) -> StatusCode {
    let body = match read(&headers, body).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    match payments.receive(&body, signature.unwrap_or_default()).await {
        Ok(()) => StatusCode::OK,
        Err(Rejection::Unsigned) => StatusCode::BAD_REQUEST,
        Err(Rejection::Later(_)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<String, StatusCode> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|size| size > LARGEST) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let bytes = tokio::time::timeout(SLOWEST, to_bytes(body, LARGEST)).await;
    let bytes = bytes.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
    let bytes = bytes.map_err(|error| {
        let is_too_large =
            error.source().is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        if is_too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST }
    })?;
    String::from_utf8(bytes.into()).map_err(|_| StatusCode::BAD_REQUEST)
}

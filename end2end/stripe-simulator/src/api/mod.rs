//! `/v1`: key, parameters, idempotency, faults, then the route.
//!
//! # Order
//! recorded → key checked → fault before → idempotency → done → fault after → answered.
//! What has begun is finished even if the client goes away, as at Stripe.
pub mod error;
pub mod form;
pub mod idempotency;
pub mod parameters;
pub mod recorder;
pub mod routes;
pub mod schema;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::books::{Cause, new_id, objects::API_VERSION};
use crate::config::{is_live_key, is_test_key};
use crate::fault::Fault;
use crate::inner::{Inner, lock};
use crate::server::DroppedConnection;
use error::ApiError;
use idempotency::{Admission, Reply};
use recorder::RequestSeen;

/// One request to the API, read.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub form: Map<String, Value>,
    pub request_id: String,
    pub idempotency_key: Option<String>,
}

/// Answers everything under `/v1`.
pub async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // A task of its own: a client that hangs up must not stop what it has started.
    let task = tokio::spawn(serve(inner, method, uri, headers, body));
    task.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn serve(
    inner: Arc<Inner>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let sent = if method == Method::GET {
        uri.query().unwrap_or_default().to_owned()
    } else {
        String::from_utf8_lossy(&body).into_owned()
    };
    let form = form::decode(&sent);
    let call = Call {
        path: uri.path().to_owned(),
        request_id: new_id("req_"),
        idempotency_key: text("idempotency-key").filter(|_| method == Method::POST),
        form: form.clone().unwrap_or_default(),
        method,
    };
    let version = text("stripe-version").unwrap_or_else(|| API_VERSION.to_owned());
    let seen = lock(&inner.recorder).note(RequestSeen::new(&call, &version));
    let allowed = check_key(&inner, text("authorization"))
        .and_then(|()| form.map(drop).map_err(|name| ApiError::unknown_parameter(&name)));
    let mut response = match allowed {
        Ok(()) => with_faults(&inner, &call).await,
        Err(error) => reply_of(Err(error)).into_response(),
    };
    lock(&inner.recorder).answered(seen, &response);
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        HeaderValue::from_str(value).map(|value| headers.insert(name, value)).is_ok()
    };
    put("request-id", &call.request_id);
    put("stripe-version", &version);
    if let Some(key) = &call.idempotency_key {
        put("idempotency-key", key);
    }
    response
}

fn check_key(inner: &Inner, authorization: Option<String>) -> Result<(), ApiError> {
    let unauthorized = |message: String| {
        Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message))
    };
    let Some(key) = authorization.as_deref().and_then(|value| value.strip_prefix("Bearer ")) else {
        return unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, \
             using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
                .into(),
        );
    };
    if is_live_key(key) {
        return unauthorized("The Stripe simulator refuses live keys: this is not Stripe. Roll the key if it was real.".into());
    }
    let expected = inner.config.secret_key.as_deref();
    if expected.map_or(is_test_key(key), |expected| expected == key) {
        return Ok(());
    }
    let head: String = key.chars().take(8).collect();
    unauthorized(format!("Invalid API Key provided: {head}****"))
}

async fn with_faults(inner: &Arc<Inner>, call: &Call) -> Response {
    let fault = lock(&inner.faults).take(call.method.as_str(), &call.path);
    match fault {
        None => once(inner, call, Duration::ZERO).await,
        Some(fault) if fault.after_doing => {
            let done = once(inner, call, Duration::ZERO).await;
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            faulty(&fault).unwrap_or(done)
        }
        Some(fault) => {
            let delay = Duration::from_millis(fault.delay_ms);
            match faulty(&fault) {
                // Slow, not broken: the delay belongs to the work, so that a second request meets the first.
                None => once(inner, call, delay).await,
                Some(response) => {
                    tokio::time::sleep(delay).await;
                    response
                }
            }
        }
    }
}

fn faulty(fault: &Fault) -> Option<Response> {
    if fault.drop_connection {
        let mut response = StatusCode::BAD_GATEWAY.into_response();
        response.extensions_mut().insert(DroppedConnection);
        return Some(response);
    }
    let status = StatusCode::from_u16(fault.status?).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = fault.body.clone().unwrap_or_else(|| fault_error(status).body().to_string());
    let content_type = if fault.html { "text/html; charset=utf-8" } else { "application/json" };
    Some((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn fault_error(status: StatusCode) -> ApiError {
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            ApiError::new(status, "invalid_request_error", "Request rate limit exceeded.")
                .code("rate_limit")
        }
        StatusCode::CONFLICT => ApiError::new(
            status,
            "invalid_request_error",
            "This object cannot be accessed right now.",
        )
        .code("lock_timeout"),
        _ => ApiError::new(
            status,
            "api_error",
            "Sorry! There was an error while talking to one of our backends. Support has been notified.",
        ),
    }
}

/// Does the call, or gives the answer that its idempotency key already has.
async fn once(inner: &Arc<Inner>, call: &Call, delay: Duration) -> Response {
    let Some(key) = &call.idempotency_key else {
        tokio::time::sleep(delay).await;
        return reply_of(perform(inner, call)).into_response();
    };
    let now = lock(&inner.books).now();
    match lock(&inner.replies).admit(key, call, now) {
        Admission::Replay(reply) => return reply.replayed(),
        Admission::Refused(error) => return reply_of(Err(error)).into_response(),
        Admission::First => {}
    }
    tokio::time::sleep(delay).await;
    let reply = reply_of(perform(inner, call));
    lock(&inner.replies).keep(key, &reply, &call.request_id);
    reply.into_response()
}

fn perform(inner: &Arc<Inner>, call: &Call) -> Result<Value, ApiError> {
    inner.change(|books| {
        books.cause = Cause {
            request_id: Some(call.request_id.clone()),
            idempotency_key: call.idempotency_key.clone(),
        };
        let answer = routes::route(books, call);
        books.cause = Cause::default();
        answer
    })
}

fn reply_of(outcome: Result<Value, ApiError>) -> Reply {
    match outcome {
        Ok(body) => Reply::new(200, &body, true),
        // A refused card is an outcome. Other errors mean that nothing had begun: the key stays free.
        Err(error) => Reply::new(error.status, &error.body(), error.status == 402),
    }
}

//! Idempotency keys: the same request is done once and answered alike.
use std::collections::HashMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Call;
use super::error::ApiError;

/// How long Stripe keeps a key.
const KEPT_SECONDS: i64 = 24 * 3600;

/// An answer that can be given again.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    body: String,
    /// The request was carried out, so its key is used up.
    done: bool,
    request_id: String,
}

impl Reply {
    pub fn new(status: u16, body: &Value, done: bool) -> Self {
        // Stripe indents its answers by two.
        let body = serde_json::to_string_pretty(body).unwrap_or_default();
        Self { status, body, done, request_id: String::new() }
    }

    /// The same answer again, marked as such.
    pub fn replayed(self) -> Response {
        let original = HeaderValue::from_str(&self.request_id);
        let mut response = self.into_response();
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        if let Ok(original) = original {
            response.headers_mut().insert("original-request", original);
        }
        response
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], self.body).into_response()
    }
}

/// What a key means for a request.
pub enum Admission {
    First,
    Replay(Reply),
    Refused(ApiError),
}

struct Kept {
    request: (String, Value),
    since: i64,
    /// `None` while the first request is being carried out.
    reply: Option<Reply>,
}

/// Every key that has been used.
#[derive(Default)]
pub struct Replies(HashMap<String, Kept>);

impl Replies {
    /// Decides what a request with this key gets, and reserves the key when it is new.
    pub fn admit(&mut self, key: &str, call: &Call, now: i64) -> Admission {
        if key.is_empty() || key.len() > 255 {
            return Admission::Refused(ApiError::invalid(
                "Idempotency keys must have between 1 and 255 characters.",
            ));
        }
        self.0.retain(|_, kept| now - kept.since < KEPT_SECONDS);
        let request = (format!("{} {}", call.method, call.path), Value::Object(call.form.clone()));
        let Some(kept) = self.0.get(key) else {
            self.0.insert(key.to_owned(), Kept { request, since: now, reply: None });
            return Admission::First;
        };
        if kept.request != request {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Admission::Refused(ApiError::new(
                StatusCode::BAD_REQUEST,
                "idempotency_error",
                message,
            ));
        }
        match &kept.reply {
            Some(reply) => Admission::Replay(reply.clone()),
            None => {
                let message = format!(
                    "There is currently another in-progress request using this Stripe idempotency key: {key}"
                );
                Admission::Refused(
                    ApiError::new(StatusCode::CONFLICT, "idempotency_error", message)
                        .code("idempotency_key_in_use"),
                )
            }
        }
    }

    /// Remembers the answer, or frees the key when nothing was done.
    pub fn keep(&mut self, key: &str, reply: &Reply, request_id: &str) {
        if !reply.done {
            self.0.remove(key);
        } else if let Some(kept) = self.0.get_mut(key) {
            kept.reply = Some(Reply { request_id: request_id.to_owned(), ..reply.clone() });
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

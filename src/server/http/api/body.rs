//! What a program sends: a JSON body of a known shape, and a key that makes the request happen
//! once.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::problem::{Problem, sentence};
use crate::server::{AppState, ledger::RequestKey, requests::Request as KeptRequest};

/// How long a body is waited for.
const BODY_TIME: Duration = Duration::from_secs(6);
/// The longest key that a program may choose.
const LONGEST_KEY: usize = 200;

/// A JSON body. What it has that we don't know is refused with its name, not ignored: a misspelt
/// limit would be none.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let detail = "Send JSON with Content-Type: application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        let bytes = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, state)).await;
        let bytes = bytes.map_err(|_| late())?.map_err(unread)?;
        read(&bytes).map(Self)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // Where a name stands for one of several, a number is told as an error of syntax.
        if error.inner().is_data() || is_json(bytes) {
            let (path, message) = (error.path().to_string(), error.inner().to_string());
            // Where the line and column would stand; the field says it better.
            let message = message.split(" at line ").next().unwrap_or_default();
            return Problem::field(path, sentence(message));
        }
        invalid_json()
    })?;
    json.end().map_err(|_| invalid_json())?;
    // A list would be taken for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::field(".", "The body must be a JSON object."));
    }
    Ok(value)
}

fn is_json(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn invalid_json() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON.")
}

fn late() -> Problem {
    let detail = format!("The body did not come within {} seconds.", BODY_TIME.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_late", detail)
}

fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = "The body is longer than this address takes.";
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
    }
    Problem::new(StatusCode::BAD_REQUEST, "body_unread", "The body could not be read.")
}

/// An id in the path. What no id can be, because it is no text or has control characters, names
/// nothing; no database is asked for it.
pub struct Id(pub String);

impl FromRequestParts<AppState> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) if can_be_id(&id) => Ok(Self(id)),
            _ => Err(Problem::not_found("object")),
        }
    }
}

/// Whether a database can be asked for it: PostgreSQL takes no NUL.
pub fn can_be_id(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// The header `Idempotency-Key`: the same key with the same content is one request.
#[derive(IntoParams)]
#[into_params(names("Idempotency-Key"), parameter_in = Header)]
pub struct IdempotencyKey(
    /// Your own key; the same when you repeat the request.
    #[param(min_length = 1, max_length = 200)]
    String,
);

impl FromRequestParts<AppState> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        let is = |code, detail: &str| Problem::new(StatusCode::BAD_REQUEST, code, detail);
        let Some(header) = parts.headers.get("idempotency-key") else {
            let detail = "Send a header Idempotency-Key with a value of your own, the same when \
                          you repeat the request.";
            return Err(is("idempotency_key_missing", detail));
        };
        let key = header.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > LONGEST_KEY {
            let detail = "Idempotency-Key must have 1 to 200 visible ASCII characters.";
            return Err(is("idempotency_key_invalid", detail));
        }
        Ok(Self(key.to_owned()))
    }
}

impl IdempotencyKey {
    /// The key for one request to one address. The address is part of what is asked.
    pub fn of(&self, route: &str, content: &impl Serialize) -> RequestKey {
        RequestKey::new(format!("api:{}", self.0), &(route, content))
    }

    /// The keys for requests that are sent together, in their order. What they are sent with is
    /// part of what is asked.
    pub fn of_all(&self, route: &str, all: &[impl Serialize]) -> Vec<RequestKey> {
        let together = serde_json::to_vec(all).unwrap_or_default();
        let together = hex::encode(Sha256::digest(together));
        // A separator that no program's key can have: no other request is one of these.
        let key = |index| format!("api:{}\u{1f}{index}", self.0);
        let keys = (0..all.len()).map(|at| RequestKey::new(key(at), &(route, at, &together)));
        keys.collect()
    }

    /// The key for a request that is not asked of the ledger.
    pub fn kept(&self, route: &str, content: &impl Serialize) -> KeptRequest {
        let asked = serde_json::to_string(&(route, content)).unwrap_or_default();
        KeptRequest::new(&self.0, &asked)
    }

    /// What the program wrote.
    pub fn text(&self) -> &str {
        &self.0
    }
}

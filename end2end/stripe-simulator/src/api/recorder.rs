//! What was asked of the API, so that tests can say "at most one session".
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Call;
use crate::books::real_now;
use crate::server::DroppedConnection;

/// The recorder keeps no more than this many requests.
const KEPT: usize = 20_000;

/// A request that the API has seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestSeen {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Parameters of the body or the query; lists are objects keyed by number.
    pub params: Value,
    /// The key that came with it.
    pub idempotency_key: Option<String>,
    /// The version that the client asked for.
    pub stripe_version: String,
    /// `req_…`
    pub request_id: String,
    /// When it came, by the machine's clock, in seconds since 1970.
    pub at: i64,
    /// The status of the answer; `None` while it is under way, or when the connection was dropped.
    pub status: Option<u16>,
    /// The answer was the stored one of an earlier request.
    pub replayed: bool,
}

impl RequestSeen {
    pub(crate) fn new(call: &Call, version: &str) -> Self {
        Self {
            method: call.method.to_string(),
            path: call.path.clone(),
            params: Value::Object(call.form.clone()),
            idempotency_key: call.idempotency_key.clone(),
            stripe_version: version.to_owned(),
            request_id: call.request_id.clone(),
            at: real_now(),
            status: None,
            replayed: false,
        }
    }
}

/// Everything that was asked, oldest first.
#[derive(Default)]
pub struct Recorder(Vec<RequestSeen>);

impl Recorder {
    /// Writes a request down and tells by which id it is known.
    pub fn note(&mut self, request: RequestSeen) -> String {
        if self.0.len() >= KEPT {
            self.0.drain(..KEPT / 2);
        }
        let id = request.request_id.clone();
        self.0.push(request);
        id
    }

    /// Writes down what became of it.
    pub fn answered(&mut self, id: String, response: &Response) {
        let dropped = response.extensions().get::<DroppedConnection>().is_some();
        if let Some(seen) = self.0.iter_mut().rev().find(|seen| seen.request_id == id) {
            seen.status = (!dropped).then(|| response.status().as_u16());
            seen.replayed = response.headers().contains_key("idempotent-replayed");
        }
    }

    pub fn all(&self) -> &[RequestSeen] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

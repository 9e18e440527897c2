//! The public HTTP API as a program uses it: a request is sent until it is answered, each time
//! with the same key, so that it happens once.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::tally::Tally;
use crate::{credits::Credits, server::secret::Secret};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(20);
/// How long a request is repeated before it is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// The pause before the first repetition; each later one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Sends requests and counts what becomes of them.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    api: String,
    key: Secret,
    tally: Arc<Tally>,
}

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The API understood, and refused.
    #[error("{asked}: {status}, {}: {}", problem.code, problem.detail)]
    Refused { asked: String, status: u16, problem: Box<Problem> },
    /// Nobody knows whether it was done.
    #[error("{asked} had no answer: {cause}")]
    NoAnswer { asked: String, cause: String },
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub code: String,
    pub detail: String,
    pub top_up_url: Option<String>,
    #[serde(default)]
    pub caps_url: Option<String>,
}

/// A charge, or a row of nothing.
#[derive(Deserialize)]
pub struct Charged {
    pub account: String,
    pub entry: i64,
    #[serde(deserialize_with = "credits")]
    pub charged: Credits,
    #[serde(deserialize_with = "credits")]
    pub available: Credits,
    #[serde(deserialize_with = "credits")]
    pub held: Credits,
}

/// A binding price.
#[derive(Deserialize)]
pub struct Quoted {
    pub id: String,
}

/// A hold.
#[derive(Deserialize)]
pub struct Held {
    pub id: String,
    #[serde(deserialize_with = "credits")]
    pub amount: Credits,
    #[serde(deserialize_with = "credits")]
    pub captured: Credits,
}

/// A page of the history.
#[derive(Deserialize)]
pub struct Rows {
    pub entries: Vec<Row>,
    pub next: Option<i64>,
}

/// A row of the history.
#[derive(Deserialize)]
pub struct Row {
    #[serde(deserialize_with = "credits")]
    pub amount: Credits,
}

fn credits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Credits, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// One request.
struct Request<'a> {
    method: Method,
    path: &'a str,
    /// Its idempotency key and body.
    sent: Option<(&'a str, &'a Value)>,
}

impl Client {
    /// Asks the server at this address with this key.
    pub fn new(address: &str, key: Secret, tally: Arc<Tally>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(ATTEMPT).no_proxy().build()?;
        let api = format!("{}/api/v1", address.trim_end_matches('/'));
        Ok(Self { http, api, key, tally })
    }

    /// Reads something, or says at once that nobody is there.
    pub async fn reach<A: DeserializeOwned>(&self, path: &str) -> Result<A, Failure> {
        self.send(&Request { method: Method::GET, path, sent: None }, Duration::ZERO).await
    }

    /// Reads something.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, Failure> {
        self.send(&Request { method: Method::GET, path, sent: None }, PATIENCE).await
    }

    /// Has something done, once for this key.
    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<A, Failure> {
        self.send(&Request { method: Method::POST, path, sent: Some((key, body)) }, PATIENCE).await
    }

    async fn send<A: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        patience: Duration,
    ) -> Result<A, Failure> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        let asked = || format!("{} {}", request.method, request.path);
        loop {
            let attempt = Instant::now();
            let (wait, cause) = match self.attempt(request).await {
                Ok(Answer { status, body, .. }) if status.is_success() => {
                    self.tally.answered(attempt.elapsed());
                    return serde_json::from_slice(&body).map_err(|error| {
                        let cause = format!("{status}, but it can't be read: {error}");
                        Failure::NoAnswer { asked: asked(), cause }
                    });
                }
                Ok(Answer { status, body, retry_after }) => {
                    self.tally.answered(attempt.elapsed());
                    let problem: Box<Problem> = serde_json::from_slice(&body).unwrap_or_default();
                    if !is_passing(status) {
                        let status = status.as_u16();
                        return Err(Failure::Refused { asked: asked(), status, problem });
                    }
                    self.tally.held_up();
                    (retry_after, format!("{status} {}", problem.detail))
                }
                Err(error) => {
                    self.tally.cut_off();
                    (None, why(&error))
                }
            };
            let wait = wait.unwrap_or(pause);
            if begun.elapsed() + wait > patience {
                return Err(Failure::NoAnswer { asked: asked(), cause });
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{}", self.api, request.path);
        let mut sending = self.http.request(request.method.clone(), url);
        sending = sending.bearer_auth(self.key.reveal());
        if let Some((key, body)) = request.sent {
            sending = sending.header("Idempotency-Key", key).json(body);
        }
        let response = sending.send().await?;
        let status = response.status();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        Ok(Answer { status, retry_after, body: response.bytes().await?.into() })
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// Whether the same request may fare better in a moment.
fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// The innermost cause says what happened: "Connection refused".
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

//! A shop for the tests: a simulator, a webhook endpoint that writes everything down, and an HTTP client.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use stripe_simulator::{Config, Endpoint, Retry, Simulator};

/// The secret that the shop's endpoint shares with the simulator.
pub const SECRET: &str = "whsec_shop";

/// Longer than anything here should take.
pub const SOON: Duration = Duration::from_secs(5);

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// `Stripe-Signature`
    pub signature: Option<String>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Received {
    /// The event in it.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event is JSON")
    }

    /// The event's type.
    pub fn kind(&self) -> String {
        self.event()["type"].as_str().expect("an event has a type").to_owned()
    }
}

#[derive(Clone, Default)]
struct Endpoints {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

/// A shop.
pub struct Shop {
    /// The simulator that it sells with.
    pub simulator: Simulator,
    endpoints: Endpoints,
}

/// An answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A field of the error.
    pub fn error(&self, field: &str) -> String {
        self.json()["error"][field].as_str().unwrap_or_default().to_owned()
    }
}

impl Shop {
    /// Opens a shop whose webhook endpoint takes everything.
    pub async fn open() -> Self {
        Self::open_with(Config::default()).await
    }

    /// Opens a shop with its own settings; the webhook endpoint is added to them.
    pub async fn open_with(config: Config) -> Self {
        let endpoints = Endpoints::default();
        let router = Router::new().route("/hook", post(hook)).with_state(endpoints.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/hook", listener.local_addr().expect("it listens"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let quick = Retry { attempts: 6, first_wait: Duration::from_millis(5), ..Retry::default() };
        let webhooks = vec![Endpoint { url, secret: SECRET.into() }];
        let config = Config { webhooks, retry: quick, ..config };
        let simulator = Simulator::start(config).await.expect("the simulator starts");
        Self { simulator, endpoints }
    }

    /// The endpoint's next answers; 200 when there are none left.
    pub fn answer_webhooks_with(&self, statuses: &[u16]) {
        self.endpoints.answers.lock().expect("not poisoned").extend(statuses);
    }

    /// Every webhook that came, in order.
    pub fn received(&self) -> Vec<Received> {
        self.endpoints.received.lock().expect("not poisoned").clone()
    }

    /// The types of every webhook that came, in order.
    pub fn received_kinds(&self) -> Vec<String> {
        self.received().iter().map(Received::kind).collect()
    }

    /// Waits until no webhook is under way.
    pub async fn quiet(&self) {
        assert!(self.simulator.idle(SOON).await, "webhooks still under way");
    }

    /// A POST to the API.
    pub async fn post(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, &[], form).await
    }

    /// A POST with an idempotency key.
    pub async fn post_once(&self, key: &str, path: &str, form: &str) -> Answer {
        self.send("POST", path, &[("idempotency-key", key)], form).await
    }

    /// A GET from the API.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Any request, with the shop's key unless another one is given.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        self.try_send(method, path, headers, form).await.expect("the simulator answers")
    }

    /// Any request; the error when the connection breaks.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Result<Answer, String> {
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.simulator.base_url()));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer sk_test_shop");
        }
        let content_type = if path.starts_with("/_control") {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        request = request.header("content-type", content_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.body(Full::new(Bytes::from(form.to_owned()))).expect("a sound request");
        let response = client.request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text })
    }

    /// Creates the usual session and answers with its id.
    pub async fn session(&self) -> String {
        self.session_with("").await
    }

    /// Creates the usual session with more parameters.
    pub async fn session_with(&self, more: &str) -> String {
        let answer = self.post("/v1/checkout/sessions", &format!("{}{more}", usual())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_str().expect("a session has an id").to_owned()
    }
}

/// The parameters of the usual session: 20,000 credits for $830.00.
pub fn usual() -> String {
    "mode=payment&client_reference_id=purchase-1\
     &success_url=http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}&cancel_url=http://127.0.0.1:9/cancel\
     &line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
     &line_items[0][price_data][unit_amount]=83000&line_items[0][price_data][product_data][name]=20,000 credits\
     &metadata[purchase]=purchase-1&payment_intent_data[metadata][purchase]=purchase-1"
        .to_owned()
}

/// The usual parameters with one replaced.
pub fn usual_but(old: &str, new: &str) -> String {
    let usual = usual();
    assert!(usual.contains(old), "{old} is not among the usual parameters");
    usual.replace(old, new)
}

async fn hook(State(endpoints): State<Endpoints>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature =
        headers.get("stripe-signature").and_then(|value| value.to_str().ok()).map(str::to_owned);
    endpoints
        .received
        .lock()
        .expect("not poisoned")
        .push(Received { signature, body: body.to_vec() });
    let answer = endpoints.answers.lock().expect("not poisoned").pop_front().unwrap_or(200);
    StatusCode::from_u16(answer).expect("a status")
}

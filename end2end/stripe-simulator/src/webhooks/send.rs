//! Sending: one attempt, and attempts until one succeeds.
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde_json::json;

use super::delivery::{Attempt, DeliveryState};
use super::signature::{Signature, header_and_body};
use crate::books::real_now;
use crate::config::Endpoint;
use crate::inner::{Inner, lock};

/// No more of an endpoint's answer is kept.
const BODY_KEPT: usize = 500;

impl Inner {
    /// Delivers until the endpoint takes it or the attempts are used up.
    pub async fn deliver(self: Arc<Self>, delivery: String) {
        if !self.attempt(&delivery).await {
            self.deliver_again(delivery).await;
        }
    }

    /// All attempts after the first.
    pub async fn deliver_again(self: Arc<Self>, delivery: String) {
        let retry = &self.config.retry;
        let mut wait = retry.first_wait;
        for _ in 1..retry.attempts {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(retry.longest_wait);
            if self.attempt(&delivery).await {
                return;
            }
        }
        self.note(&delivery, None, DeliveryState::Failed);
    }

    /// Makes one attempt and tells whether the delivery is over.
    pub async fn attempt(&self, delivery: &str) -> bool {
        let planned = lock(&self.courier).delivery(delivery).cloned();
        // A reset forgets deliveries; there is nothing left to do for them.
        let Some(planned) = planned else { return true };
        if planned.attempts.is_empty() && planned.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(planned.delay_ms)).await;
        }
        let event = lock(&self.books).get(&planned.event).cloned();
        let body =
            event.and_then(|event| serde_json::to_vec_pretty(&event).ok()).unwrap_or_default();
        let endpoint = Endpoint { url: planned.url, secret: planned.secret };
        let attempt = self.post(&endpoint, body, planned.signature).await;
        let succeeded = attempt.succeeded();
        if succeeded {
            let mut books = lock(&self.books);
            let pending = books
                .get(&planned.event)
                .and_then(|event| event["pending_webhooks"].as_i64())
                .unwrap_or_default();
            books.change(&planned.event, json!({ "pending_webhooks": (pending - 1).max(0) }));
        }
        self.note(
            delivery,
            Some(attempt),
            if succeeded { DeliveryState::Delivered } else { DeliveryState::Pending },
        );
        succeeded
    }

    fn note(&self, delivery: &str, attempt: Option<Attempt>, state: DeliveryState) {
        if let Some(delivery) = lock(&self.courier).delivery(delivery) {
            delivery.attempts.extend(attempt);
            delivery.state = state;
        }
        self.delivered.send_modify(|changes| *changes += 1);
    }

    /// Posts any bytes to an endpoint, once.
    pub async fn post(&self, endpoint: &Endpoint, body: Vec<u8>, signature: Signature) -> Attempt {
        let began = Instant::now();
        let at = real_now();
        let answer = tokio::time::timeout(
            self.config.webhook_timeout,
            self.exchange(endpoint, body, signature),
        )
        .await;
        let (status, error, body) = match answer {
            Ok(Ok((status, body))) => (Some(status), None, body),
            Ok(Err(error)) => (None, Some(error), String::new()),
            Err(_) => (None, Some("no answer in time".to_owned()), String::new()),
        };
        Attempt {
            at,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            status,
            error,
            body,
        }
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        body: Vec<u8>,
        signature: Signature,
    ) -> Result<(u16, String), String> {
        let (header, body) = header_and_body(signature, &endpoint.secret, body);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&endpoint.url)
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("cache-control", "no-cache")
            .header("accept", "*/*; q=0.5, application/xml");
        if let Some(header) = header {
            request = request.header("stripe-signature", header);
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let client = lock(&self.courier).client();
        let response = client.request(request).await.map_err(|error| describe(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), 64 * 1024).collect().await;
        let text = body
            .map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned())
            .unwrap_or_default();
        Ok((status, text.chars().take(BODY_KEPT).collect()))
    }
}

/// The error with its causes; the outermost alone says little.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

//! Webhooks: events to endpoints, signed, tried again until they are taken.
//!
//! The courier knows the endpoints, the policy and every delivery; sending is in `send`.
pub mod delivery;
pub mod policy;
pub mod send;
pub mod signature;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::api::error::ApiError;
use crate::config::Endpoint;
use crate::inner::{Inner, lock};
use delivery::{Delivery, DeliveryState};
use policy::WebhookPolicy;

/// Who is told of events, how, and what became of it.
pub struct Courier {
    pub endpoints: Vec<Endpoint>,
    pub policy: WebhookPolicy,
    pub deliveries: Vec<Delivery>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Courier {
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        // No idle connections: an endpoint that restarts must not meet a stale one.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { endpoints, policy: WebhookPolicy::default(), deliveries: Vec::new(), client }
    }

    pub fn client(&self) -> Client<HttpConnector, Full<Bytes>> {
        self.client.clone()
    }

    pub fn forget(&mut self) {
        self.policy = WebhookPolicy::default();
        self.deliveries.clear();
    }

    pub fn delivery(&mut self, id: &str) -> Option<&mut Delivery> {
        self.deliveries.iter_mut().find(|delivery| delivery.id == id)
    }

    /// Writes down the deliveries that an event causes under the policy.
    fn plan(&mut self, event: &str, kind: &str, policy: &WebhookPolicy) -> Vec<String> {
        let state = match policy {
            WebhookPolicy { drop: true, .. } => DeliveryState::Dropped,
            WebhookPolicy { reorder: 2.., .. } => DeliveryState::Held,
            _ => DeliveryState::Pending,
        };
        let mut due = Vec::new();
        for endpoint in &self.endpoints {
            for _ in 0..=policy.duplicates {
                let mut delivery = Delivery::new(event, kind, endpoint, state);
                delivery.signature = policy.signature;
                delivery.delay_ms = policy.delay_ms;
                due.push(delivery.id.clone());
                self.deliveries.push(delivery);
            }
        }
        if state == DeliveryState::Pending { due } else { Vec::new() }
    }

    /// The deliveries held back, newest event first, once there are events enough.
    fn release(&mut self, enough: usize) -> Vec<String> {
        let held: Vec<(String, String)> =
            self.held().map(|held| (held.id.clone(), held.event.clone())).collect();
        let mut events: Vec<&String> = held.iter().map(|(_, event)| event).collect();
        events.dedup();
        if events.len() < enough {
            return Vec::new();
        }
        let due: Vec<String> = held.iter().rev().map(|(id, _)| id.clone()).collect();
        for delivery in
            self.deliveries.iter_mut().filter(|delivery| delivery.state == DeliveryState::Held)
        {
            delivery.state = DeliveryState::Pending;
        }
        due
    }

    fn held(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Held)
    }
}

impl Inner {
    /// Tells every endpoint of an event, as the policy says.
    pub fn publish(self: &Arc<Self>, event: &str) {
        let policy = lock(&self.courier).policy.clone();
        self.publish_with(event, &policy);
    }

    /// Tells every endpoint again, whatever the policy says.
    ///
    /// # Errors
    /// `resource_missing`
    pub fn resend(self: &Arc<Self>, event: &str) -> Result<(), ApiError> {
        lock(&self.books).find("event", event, "id")?;
        self.publish_with(event, &WebhookPolicy::default());
        Ok(())
    }

    fn publish_with(self: &Arc<Self>, event: &str, policy: &WebhookPolicy) {
        let kind = lock(&self.books).field(event, "type");
        let policy = policy.for_type(&kind);
        let (due, released, endpoints) = {
            let mut courier = lock(&self.courier);
            let due = courier.plan(event, &kind, &policy);
            let released =
                if policy.reorder > 1 { courier.release(policy.reorder) } else { Vec::new() };
            (due, released, courier.endpoints.len())
        };
        lock(&self.books).change(event, json!({ "pending_webhooks": endpoints }));
        for delivery in due {
            self.spawn(Arc::clone(self).deliver(delivery));
        }
        self.send_one_by_one(released);
    }

    /// Sets the policy; events that were held back are let go when nothing is to be reordered any more.
    pub fn set_policy(self: &Arc<Self>, policy: WebhookPolicy) {
        let released = {
            let mut courier = lock(&self.courier);
            courier.policy = policy;
            if courier.policy.reorder > 1 { Vec::new() } else { courier.release(0) }
        };
        self.send_one_by_one(released);
    }

    fn send_one_by_one(self: &Arc<Self>, deliveries: Vec<String>) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            for delivery in deliveries {
                // The order is that of first attempts; what fails is tried again beside the others.
                if !inner.attempt(&delivery).await {
                    inner.spawn(Arc::clone(&inner).deliver_again(delivery));
                }
            }
        });
    }

    /// Waits until `done` says so of the deliveries, or the time is up.
    pub async fn wait_for_deliveries(
        &self,
        within: Duration,
        done: impl Fn(&[Delivery]) -> bool,
    ) -> bool {
        let mut changes = self.delivered.subscribe();
        let waiting = async {
            while !done(&lock(&self.courier).deliveries) {
                if changes.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(within, waiting).await.is_ok()
    }

    /// Waits until the session's completion has been taken by every endpoint, at most as long as Stripe waits.
    pub async fn wait_for_completion(&self, session: &str) {
        let event = {
            let books = lock(&self.books);
            let completed = |event: &&serde_json::Value| {
                event["type"] == "checkout.session.completed"
                    && event["data"]["object"]["id"] == session
            };
            books
                .newest_first("event")
                .find(completed)
                .and_then(|event| event["id"].as_str().map(str::to_owned))
        };
        let Some(event) = event else { return };
        let settled = |all: &[Delivery]| {
            all.iter()
                .filter(|delivery| delivery.event == event)
                .all(|delivery| !delivery.is_under_way())
        };
        self.wait_for_deliveries(self.config.redirect_wait, settled).await;
    }
}

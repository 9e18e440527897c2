//! The account's books: every object that Stripe would keep, and the events that its changes cause.
//!
//! All changes happen under one lock and write their events to `outbox`, in order; `inner` hands those to the couriers.
pub mod cards;
mod charge;
mod customer;
pub mod dispute;
mod line_item;
pub mod list;
pub mod objects;
mod off_session;
pub mod payment;
mod refund;
pub mod session;
mod setup;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};

use crate::api::error::ApiError;
use cards::Instrument;
use objects::{API_VERSION, merge};
use payment::Settlement;
use session::SessionDetails;

/// What the books need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub base_url: String,
    pub merchant: String,
    pub terms_of_service_url: Option<String>,
    pub settle_after: Option<Duration>,
}

/// The API request that a change comes from, as events report it.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

/// All objects of one simulated account.
pub struct Books {
    pub settings: Settings,
    /// Seconds that the account's clock is ahead of the machine's.
    pub clock_ahead: i64,
    pub cause: Cause,
    /// Events that nobody has been told of yet.
    pub outbox: Vec<String>,
    objects: HashMap<String, Value>,
    order: Vec<String>,
    details: HashMap<String, SessionDetails>,
    /// What stands behind each payment method.
    instruments: HashMap<String, Instrument>,
}

impl Books {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock_ahead: 0,
            cause: Cause::default(),
            outbox: Vec::new(),
            objects: HashMap::new(),
            order: Vec::new(),
            details: HashMap::new(),
            instruments: HashMap::new(),
        }
    }

    /// The account's time in seconds since 1970.
    pub fn now(&self) -> i64 {
        real_now() + self.clock_ahead
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// The object with this id, when it is of that kind.
    ///
    /// # Errors
    /// `resource_missing` that blames `param`.
    pub fn find(&self, object: &str, id: &str, param: &str) -> Result<&Value, ApiError> {
        self.get(id)
            .filter(|found| found["object"] == object)
            .ok_or_else(|| ApiError::no_such(object, id, param))
    }

    /// Objects of one kind, newest first.
    pub fn newest_first<'a>(&'a self, object: &'a str) -> impl Iterator<Item = &'a Value> {
        self.order
            .iter()
            .rev()
            .filter_map(|id| self.objects.get(id))
            .filter(move |found| found["object"] == object)
    }

    pub(crate) fn put(&mut self, object: Value) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if !self.objects.contains_key(&id) {
            self.order.push(id.clone());
        }
        self.objects.insert(id, object);
    }

    /// Merges fields into an object; `null` is a value like any other.
    pub(crate) fn change(&mut self, id: &str, fields: Value) {
        if let Some(object) = self.objects.get_mut(id) {
            merge(object, fields);
        }
    }

    /// Changes any object behind Stripe's back, for tests of mismatches. No event tells of it.
    ///
    /// # Errors
    /// `resource_missing` when nothing has this id.
    pub fn alter(&mut self, id: &str, fields: Value) -> Result<Value, ApiError> {
        self.change(id, fields);
        self.get(id).cloned().ok_or_else(|| ApiError::no_such("object", id, "id"))
    }

    /// Writes an event with a snapshot of the object as it is now.
    pub(crate) fn emit(&mut self, kind: &str, id: &str) {
        let Some(object) = self.get(id).cloned() else {
            return;
        };
        self.publish_event(kind, object);
    }

    /// Writes an event around an object that need not exist, and answers with its id.
    pub fn publish_event(&mut self, kind: &str, object: Value) -> String {
        let event = self.event(kind, object);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        self.outbox.push(id.clone());
        self.put(event);
        id
    }

    fn event(&self, kind: &str, object: Value) -> Value {
        json!({
            "id": new_id("evt_1"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "livemode": object["livemode"].as_bool().unwrap_or(false),
            "data": { "object": object },
            "pending_webhooks": 0,
            "request": { "id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key },
            "type": kind,
        })
    }

    /// Delayed payments whose time has come.
    pub(crate) fn due_settlements(&self) -> Vec<(String, Settlement)> {
        let now = self.now();
        let due = self.details.iter().filter_map(|(id, details)| match details.delayed {
            Some((settlement, Some(at))) if at <= now => Some((id.clone(), settlement)),
            _ => None,
        });
        due.collect()
    }

    pub(crate) fn details(&self, session: &str) -> Option<&SessionDetails> {
        self.details.get(session)
    }

    pub(crate) fn details_mut(&mut self, session: &str) -> Option<&mut SessionDetails> {
        self.details.get_mut(session)
    }

    pub(crate) fn keep_details(&mut self, session: &str, details: SessionDetails) {
        self.details.insert(session.to_owned(), details);
    }
}

/// The machine's time in seconds since 1970.
pub fn real_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A fresh id in Stripe's form: the prefix and 24 letters and digits.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", random_text(24))
}

pub(crate) fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

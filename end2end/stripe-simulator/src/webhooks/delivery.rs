//! A delivery: an event on its way to an endpoint, with every attempt.
use serde::{Deserialize, Serialize};

use super::signature::Signature;
use crate::books::new_id;
use crate::config::Endpoint;

/// Where a delivery has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Held back until enough others are there to change their order.
    Held,
    /// Being sent, or waiting for the next attempt.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// All attempts are used up.
    Failed,
    /// Dropped on purpose.
    Dropped,
}

/// One attempt and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, by the machine's clock, in seconds since 1970.
    pub at: i64,
    /// How long the answer took.
    pub took_ms: u64,
    /// The endpoint's status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub body: String,
}

impl Attempt {
    /// Whether Stripe would count it as delivered.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// An event on its way to an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Names this delivery among all.
    pub id: String,
    /// `evt_…`
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// Where it goes.
    pub url: String,
    /// Where it has got to.
    pub state: DeliveryState,
    /// Every attempt so far.
    pub attempts: Vec<Attempt>,
    #[serde(skip)]
    pub(crate) secret: String,
    #[serde(skip)]
    pub(crate) signature: Signature,
    #[serde(skip)]
    pub(crate) delay_ms: u64,
}

impl Delivery {
    pub(crate) fn new(
        event: &str,
        event_type: &str,
        endpoint: &Endpoint,
        state: DeliveryState,
    ) -> Self {
        Self {
            id: new_id("whd_"),
            event: event.to_owned(),
            event_type: event_type.to_owned(),
            url: endpoint.url.clone(),
            state,
            attempts: Vec::new(),
            secret: endpoint.secret.clone(),
            signature: Signature::Valid,
            delay_ms: 0,
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.state, DeliveryState::Held | DeliveryState::Pending)
    }
}

//! Stripe's API: this file and those below it are the only ones that name async-stripe.
//!
//! Requests are its types, so that a parameter can't be misspelt. Answers are read by
//! [`answer`](super::answer), so that a field which we don't read can't stop a purchase.
//! Its own strategies either never retry or invent an idempotency key, so we retry ourselves,
//! always with the key that is kept with the purchase.

mod saved;
mod sessions;

use std::{fmt, time::Duration};

use serde_json::Value;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_core::event::ListEvent;
use stripe_types::{RangeBoundsTs, RangeQueryTs};
use stripe_webhook::{Webhook, WebhookError};

pub use saved::{NewCharge, NewSetup};
pub use sessions::NewSession;

use super::{answer::EventPage, patience::Patience, settings::Settings};
use crate::server::secret::Secret;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Events a page.
const PAGE: i64 = 100;

/// Why Stripe did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeFailure {
    /// It says no, and will say so again.
    #[error("Stripe refuses ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's words: for the customer where a card was refused (402), else for the operator.
        message: String,
        /// Stripe's code, and the bank's where it refused.
        codes: Codes,
        /// The payment that was refused, where there is one: `pi_…`.
        payment: Option<String>,
    },
    /// It can't be reached, is overloaded, or its answer was lost: the outcome is unknown.
    #[error("Stripe can't be reached: {0}")]
    Away(String),
}

/// Why Stripe and the bank say no, in their codes; empty where they have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// `card_declined`, `authentication_required` and others.
    pub code: String,
    /// `insufficient_funds` and others.
    pub decline: String,
}

impl StripeFailure {
    /// Refused without a word from Stripe about a payment.
    fn refused(status: u16, message: impl Into<String>) -> Self {
        let (codes, payment) = (Codes::default(), None);
        Self::Refused { status, message: message.into(), codes, payment }
    }

    /// Whether Stripe knows nothing of this object.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// A client with the operator's key.
#[derive(Clone)]
pub struct Stripe {
    client: Client,
    patience: Patience,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stripe(…)")
    }
}

impl Stripe {
    /// A client; no request is made.
    ///
    /// # Errors
    /// Where key or address can't be used, in words without the key.
    pub fn new(key: &Secret, settings: &Settings) -> Result<Self, String> {
        let builder = ClientBuilder::new(key.reveal()).url(settings.base()).app_info(
            "Recharge",
            Some(env!("CARGO_PKG_VERSION").to_owned()),
            None,
        );
        let client = builder.build().map_err(|_| "STRIPE_SECRET_KEY can't be used.".to_owned())?;
        Ok(Self { client, patience: Patience::new(settings.patience) })
    }

    /// One page of events of these types, newest first, from the first instant to the second, both
    /// included.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn events(
        &self,
        kinds: &[&str],
        (since, until): (i64, Option<i64>),
        after: Option<&str>,
    ) -> Result<EventPage, StripeFailure> {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let created = RangeBoundsTs { gte: Some(since), lte: until, ..RangeBoundsTs::default() };
        let created = RangeQueryTs::Bounds(created);
        let mut request = ListEvent::new().types(kinds).created(created).limit(PAGE);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        Ok(EventPage::read(&self.send(&request, None).await?))
    }

    async fn send(
        &self,
        request: &(impl StripeRequest + Sync),
        key: Option<&str>,
    ) -> Result<Value, StripeFailure> {
        let is_worth_it = |failure: &Attempt| matches!(failure, Attempt::Again(_));
        let outcome = self.patience.insist(is_worth_it, |left| self.attempt(request, key, left));
        outcome.await.map_err(|failure| match failure {
            Attempt::Final(failure) => failure,
            Attempt::Again(message) => StripeFailure::Away(message),
        })
    }

    async fn attempt(
        &self,
        request: &(impl StripeRequest + Sync),
        key: Option<&str>,
        left: Duration,
    ) -> Result<Value, Attempt> {
        let mut request = request.build();
        // Metadata comes out of a map in any order; the same key must bring the same text.
        if let Some(body) = request.body.as_mut() {
            let mut pairs: Vec<_> = body.split('&').collect();
            pairs.sort_unstable();
            *body = pairs.join("&");
        }
        let mut request = request.customize::<miniserde::json::Value>().timeout(ATTEMPT.min(left));
        if let Some(key) = key {
            let key = IdempotencyKey::new(key).map_err(|error| refused(400, &error))?;
            request = request.request_strategy(RequestStrategy::Idempotent(key));
        }
        let answer = request.send(&self.client).await.map_err(classify)?;
        serde_json::from_str(&miniserde::json::to_string(&answer))
            .map_err(|_| Attempt::Again("the answer can't be read".to_owned()))
    }
}

/// How one attempt ended without an answer.
#[derive(Debug)]
enum Attempt {
    Final(StripeFailure),
    Again(String),
}

fn refused(status: u16, message: &impl fmt::Display) -> Attempt {
    Attempt::Final(StripeFailure::refused(status, message.to_string()))
}

/// An error body that can't be read has lost its status: then the outcome is unknown too.
fn classify(error: StripeError) -> Attempt {
    match error {
        StripeError::Stripe(error, status) => {
            let codes = Codes {
                code: error.code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
                decline: error.decline_code.unwrap_or_default(),
            };
            let payment = error.payment_intent.map(|payment| payment.id.to_string());
            let message = error.message.unwrap_or_default();
            match status {
                409 | 424 | 429 | 500.. => Attempt::Again(format!("{status}: {message}")),
                // The key is wrong or lacks a permission: the operator's fault, not this request's.
                401 | 403 => {
                    tracing::error!(status, "Stripe does not accept STRIPE_SECRET_KEY");
                    Attempt::Final(StripeFailure::Away(format!("{status}: the key is refused")))
                }
                _ => Attempt::Final(StripeFailure::Refused { status, message, codes, payment }),
            }
        }
        StripeError::JSONDeserialize(_) => Attempt::Again("the answer can't be read".to_owned()),
        StripeError::ClientError(message) => Attempt::Again(message),
        StripeError::Timeout => Attempt::Again("no answer in time".to_owned()),
        StripeError::ConfigError(message) => refused(400, &message),
    }
}

/// Whether one of the secrets has signed exactly this text within the last five minutes.
#[must_use]
pub fn is_signed(body: &str, signature: &str, secrets: &[Secret]) -> bool {
    secrets.iter().any(|secret| {
        let event = Webhook::construct_event(body, signature, secret.reveal());
        // The signature is checked before the event is parsed.
        matches!(event, Ok(_) | Err(WebhookError::BadParse(_)))
    })
}

//! Stripe's API: the only file that names async-stripe.
//!
//! Requests are its types, so that a parameter can't be misspelt. Answers are read by
//! [`answer`](super::answer), so that a field which we don't read can't stop a purchase.
//! Its own strategies either never retry or invent an idempotency key, so we retry ourselves,
//! always with the key that is kept with the purchase.

use std::{collections::HashMap, fmt, time::Duration};

use serde_json::Value;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionConsentCollection,
    CreateCheckoutSessionConsentCollectionTermsOfService, CreateCheckoutSessionCustomText,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, CustomTextPositionParam, ExpireCheckoutSession,
    ProductData, RetrieveCheckoutSession,
};
use stripe_core::event::ListEvent;
use stripe_shared::CheckoutSessionMode;
use stripe_types::{Currency, RangeQueryTs};
use stripe_webhook::{Webhook, WebhookError};

use super::{
    answer::{EventPage, PURCHASE, Session},
    patience::Patience,
    settings::Settings,
};
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
        /// Stripe's words, for the operator.
        message: String,
    },
    /// It can't be reached, is overloaded, or its answer was lost: the outcome is unknown.
    #[error("Stripe can't be reached: {0}")]
    Away(String),
}

impl StripeFailure {
    /// Whether Stripe knows nothing of this object.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// What a customer is sent to Stripe with.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The purchase.
    pub purchase: String,
    /// What is sold: "5,000 credits".
    pub name: String,
    /// What must be known before paying: expiry and non-refundable.
    pub conditions: String,
    /// Minor units.
    pub total: i64,
    /// The lower-case ISO code.
    pub currency: String,
    /// Filled in for the customer.
    pub email: Option<String>,
    /// Seconds since 1970; after it nobody can pay.
    pub ends_at: i64,
    /// Where the customer comes back to.
    pub page: String,
    /// Whether Stripe has a link to our terms and asks for consent.
    pub asks_for_consent: bool,
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

    /// Opens a Checkout Session, or returns the one that was opened under this key before.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn create(&self, new: &NewSession, key: &str) -> Result<Session, StripeFailure> {
        let request = create_request(new);
        read_session(&self.send(&request, Some(key)).await?)
    }

    /// Reads a session with its payment and charge.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn retrieve(&self, session: &str) -> Result<Session, StripeFailure> {
        check_id(session)?;
        let expand = ["payment_intent.latest_charge".to_owned()];
        let request = RetrieveCheckoutSession::new(session).expand(expand);
        read_session(&self.send(&request, None).await?)
    }

    /// Ends an open session: nobody can pay it any more.
    ///
    /// # Errors
    /// See [`StripeFailure`]; refused where it isn't open.
    pub async fn expire(&self, session: &str) -> Result<Session, StripeFailure> {
        check_id(session)?;
        read_session(&self.send(&ExpireCheckoutSession::new(session), None).await?)
    }

    /// One page of events of these types since an instant, newest first.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn events(
        &self,
        kinds: &[&str],
        since: i64,
        after: Option<&str>,
    ) -> Result<EventPage, StripeFailure> {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let mut request =
            ListEvent::new().types(kinds).created(RangeQueryTs::gte(since)).limit(PAGE);
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
    Attempt::Final(StripeFailure::Refused { status, message: message.to_string() })
}

/// An error body that can't be read has lost its status: then the outcome is unknown too.
fn classify(error: StripeError) -> Attempt {
    match error {
        StripeError::Stripe(error, status) => {
            let message = error.message.unwrap_or_default();
            match status {
                409 | 424 | 429 | 500.. => Attempt::Again(format!("{status}: {message}")),
                // The key is wrong or lacks a permission: the operator's fault, not this request's.
                401 | 403 => {
                    tracing::error!(status, "Stripe does not accept STRIPE_SECRET_KEY");
                    Attempt::Final(StripeFailure::Away(format!("{status}: the key is refused")))
                }
                _ => refused(status, &message),
            }
        }
        StripeError::JSONDeserialize(_) => Attempt::Again("the answer can't be read".to_owned()),
        StripeError::ClientError(message) => Attempt::Again(message),
        StripeError::Timeout => Attempt::Again("no answer in time".to_owned()),
        StripeError::ConfigError(message) => refused(400, &message),
    }
}

fn read_session(answer: &Value) -> Result<Session, StripeFailure> {
    Session::read(answer).ok_or_else(|| StripeFailure::Away("no session in the answer".to_owned()))
}

/// An id becomes part of the path, and some come from the address bar.
fn check_id(id: &str) -> Result<(), StripeFailure> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if id.is_empty() || id.len() > 255 || !is_plain {
        return Err(StripeFailure::Refused { status: 404, message: "no such session".to_owned() });
    }
    Ok(())
}

fn create_request(new: &NewSession) -> CreateCheckoutSession {
    let metadata = HashMap::from([(PURCHASE.to_owned(), new.purchase.clone())]);
    let mut product = ProductData::new(&new.name);
    product.description = Some(new.conditions.clone());
    let currency: Currency = new.currency.parse().unwrap_or_else(|never| match never {});
    let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency);
    price.unit_amount = Some(new.total);
    price.product_data = Some(product);
    let mut line = CreateCheckoutSessionLineItems::new();
    line.price_data = Some(price);
    line.quantity = Some(1);
    // The session's metadata doesn't reach the payment and its charge, where refunds and
    // disputes come from.
    let mut payment = CreateCheckoutSessionPaymentIntentData::new();
    payment.metadata = Some(metadata.clone());
    payment.description = Some(new.name.clone());
    let mut text = CreateCheckoutSessionCustomText::new();
    text.submit = Some(CustomTextPositionParam::new(&new.conditions));
    let mut request = CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .client_reference_id(&new.purchase)
        .metadata(metadata)
        .line_items([line])
        .payment_intent_data(payment)
        .custom_text(text)
        .expires_at(new.ends_at)
        .success_url(format!("{}?session_id={{CHECKOUT_SESSION_ID}}", new.page))
        .cancel_url(format!("{}?returned=1", new.page));
    if let Some(email) = &new.email {
        request = request.customer_email(email);
    }
    if new.asks_for_consent {
        let mut consent = CreateCheckoutSessionConsentCollection::new();
        consent.terms_of_service =
            Some(CreateCheckoutSessionConsentCollectionTermsOfService::Required);
        request = request.consent_collection(consent);
    }
    request
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

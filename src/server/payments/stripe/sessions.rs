//! Checkout Sessions: opened, read, ended.

use std::collections::HashMap;

use serde_json::Value;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionConsentCollection,
    CreateCheckoutSessionConsentCollectionTermsOfService, CreateCheckoutSessionCustomText,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, CustomTextPositionParam, ExpireCheckoutSession,
    ProductData, RetrieveCheckoutSession,
};
use stripe_shared::CheckoutSessionMode;
use stripe_types::Currency;

use super::{
    super::answer::{PURCHASE, Session},
    Stripe, StripeFailure,
};

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

impl Stripe {
    /// Opens a Checkout Session, or returns the one that was opened under this key before.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn create(&self, new: &NewSession, key: &str) -> Result<Session, StripeFailure> {
        let request = create_request(new);
        read_session(&self.send(&request, Some(key)).await?)
    }

    /// Reads a session with its payment and charge, or with what it saved.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn retrieve(&self, session: &str) -> Result<Session, StripeFailure> {
        check_id(session)?;
        let expand = ["payment_intent.latest_charge", "setup_intent.payment_method"];
        let request = RetrieveCheckoutSession::new(session).expand(expand.map(str::to_owned));
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
}

pub(super) fn read_session(answer: &Value) -> Result<Session, StripeFailure> {
    Session::read(answer).ok_or_else(|| StripeFailure::Away("no session in the answer".to_owned()))
}

/// An id becomes part of the path, and some come from the address bar.
pub(super) fn check_id(id: &str) -> Result<(), StripeFailure> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if id.is_empty() || id.len() > 255 || !is_plain {
        return Err(StripeFailure::refused(404, "no such object"));
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

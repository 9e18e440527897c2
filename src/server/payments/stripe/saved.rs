//! Saved payment methods: kept for a customer, charged without them, taken away.
//!
//! The crates with these requests would cost more to compile than all that is used of them, so
//! the requests are written here; the simulator and Stripe's specification hold their spelling.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;
use stripe::StripeRequest;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomText, CreateCheckoutSessionSetupIntentData,
    CustomTextPositionParam,
};
use stripe_client_core::{RequestBuilder, StripeMethod};
use stripe_shared::CheckoutSessionMode;
use stripe_types::Currency;

use super::{
    super::answer::{AGREED, ASKED_AT, PURCHASE, RECHARGE, Session},
    Stripe, StripeFailure,
    sessions::{check_id, read_session},
};

/// The most payments of a customer that are looked through: far more than there can be since one
/// was claimed.
const LISTED: u32 = 100;

/// A payment method that is to be saved.
#[derive(Clone, Debug)]
pub struct NewSetup {
    /// Whose.
    pub account: String,
    /// Stripe's customer for that account.
    pub customer: String,
    /// The lower-case ISO code that it will be charged in.
    pub currency: String,
    /// When it was asked for, in milliseconds: a later wish wins.
    pub asked_at: i64,
    /// What must be known before saving.
    pub conditions: String,
    /// Whether these conditions say that it takes the place of the one that is charged.
    pub is_agreed: bool,
    /// Where the customer comes back to.
    pub page: String,
}

/// A saved payment method that is charged without its owner.
#[derive(Clone, Debug)]
pub struct NewCharge {
    /// The purchase.
    pub purchase: String,
    /// Stripe's customer.
    pub customer: String,
    /// The saved payment method.
    pub method: String,
    /// Minor units.
    pub total: i64,
    /// The lower-case ISO code.
    pub currency: String,
    /// What is sold: "5,000 credits".
    pub name: String,
    /// Where Stripe sends the receipt; empty where nowhere.
    pub email: String,
}

/// A request with its parameters.
struct Call<P> {
    method: StripeMethod,
    path: String,
    params: P,
}

impl<P: Serialize> StripeRequest for Call<P> {
    type Output = miniserde::json::Value;

    fn build(&self) -> RequestBuilder {
        let request = RequestBuilder::new(self.method, self.path.clone());
        match self.method {
            StripeMethod::Post => request.form(&self.params),
            StripeMethod::Get | StripeMethod::Delete => request.query(&self.params),
        }
    }
}

#[derive(Serialize)]
struct CustomerParams<'a> {
    email: &'a str,
    metadata: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct ChargeParams<'a> {
    amount: i64,
    automatic_payment_methods: Automatic,
    confirm: bool,
    currency: &'a str,
    customer: &'a str,
    description: &'a str,
    error_on_requires_action: bool,
    metadata: BTreeMap<&'a str, &'a str>,
    off_session: bool,
    payment_method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receipt_email: &'a str,
}

#[derive(Serialize)]
struct Automatic {
    enabled: bool,
    allow_redirects: &'static str,
}

#[derive(Serialize)]
struct ExpandParams {
    expand: [&'static str; 1],
}

#[derive(Serialize)]
struct ListParams<'a> {
    customer: &'a str,
    created: Since,
    limit: u32,
}

#[derive(Serialize)]
struct Since {
    gte: i64,
}

#[derive(Serialize)]
struct NoParams {}

impl Stripe {
    /// Makes the customer of an account, or returns the one that was made under this key before.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn new_customer(
        &self,
        account: &str,
        email: &str,
        key: &str,
    ) -> Result<String, StripeFailure> {
        let params = CustomerParams { email, metadata: BTreeMap::from([("account", account)]) };
        let answer = self.send(&post("/customers", params), Some(key)).await?;
        let id = answer["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| StripeFailure::Away("no customer in the answer".to_owned()))
    }

    /// Opens the page on which a customer saves a payment method.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn set_up(&self, new: &NewSetup, key: &str) -> Result<Session, StripeFailure> {
        let metadata = HashMap::from([
            (RECHARGE.to_owned(), new.account.clone()),
            (ASKED_AT.to_owned(), new.asked_at.to_string()),
            (AGREED.to_owned(), new.is_agreed.to_string()),
        ]);
        let currency: Currency = new.currency.parse().unwrap_or_else(|never| match never {});
        let mut text = CreateCheckoutSessionCustomText::new();
        text.submit = Some(CustomTextPositionParam::new(&new.conditions));
        let mut intent = CreateCheckoutSessionSetupIntentData::new();
        intent.metadata = Some(metadata.clone());
        let request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Setup)
            .currency(currency)
            .customer(&new.customer)
            .client_reference_id(&new.account)
            .metadata(metadata)
            .setup_intent_data(intent)
            .custom_text(text)
            .success_url(format!("{}?session_id={{CHECKOUT_SESSION_ID}}", new.page))
            .cancel_url(new.page.clone());
        read_session(&self.send(&request, Some(key)).await?)
    }

    /// Charges a saved payment method, or returns what became of it under this key before.
    ///
    /// # Errors
    /// See [`StripeFailure`]; what the card refused names its payment.
    pub async fn charge_saved(&self, new: &NewCharge, key: &str) -> Result<Session, StripeFailure> {
        let params = ChargeParams {
            amount: new.total,
            // Nobody is there to be sent to a page and back.
            automatic_payment_methods: Automatic { enabled: true, allow_redirects: "never" },
            confirm: true,
            currency: &new.currency,
            customer: &new.customer,
            description: &new.name,
            error_on_requires_action: true,
            metadata: BTreeMap::from([
                (PURCHASE, new.purchase.as_str()),
                (RECHARGE, new.purchase.as_str()),
            ]),
            off_session: true,
            payment_method: &new.method,
            receipt_email: &new.email,
        };
        read_payment(&self.send(&post("/payment_intents", params), Some(key)).await?)
    }

    /// Reads a payment with its charge.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn payment(&self, payment: &str) -> Result<Session, StripeFailure> {
        check_id(payment)?;
        let params = ExpandParams { expand: ["latest_charge"] };
        let path = format!("/payment_intents/{payment}");
        read_payment(&self.send(&get(&path, params), None).await?)
    }

    /// The payments of a customer since an instant in seconds, newest first.
    ///
    /// # Errors
    /// See [`StripeFailure`].
    pub async fn payments_since(
        &self,
        customer: &str,
        since: i64,
    ) -> Result<Vec<Session>, StripeFailure> {
        let params = ListParams { customer, created: Since { gte: since }, limit: LISTED };
        let answer = self.send(&get("/payment_intents", params), None).await?;
        let data = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(data.iter().filter_map(Session::of_payment).collect())
    }

    /// Takes a saved payment method away from its customer.
    ///
    /// # Errors
    /// See [`StripeFailure`]; refused where it is nobody's.
    pub async fn detach(&self, method: &str) -> Result<(), StripeFailure> {
        check_id(method)?;
        let path = format!("/payment_methods/{method}/detach");
        self.send(&post(&path, NoParams {}), None).await.map(drop)
    }
}

fn post<P>(path: &str, params: P) -> Call<P> {
    Call { method: StripeMethod::Post, path: path.to_owned(), params }
}

fn get<P>(path: &str, params: P) -> Call<P> {
    Call { method: StripeMethod::Get, path: path.to_owned(), params }
}

fn read_payment(answer: &Value) -> Result<Session, StripeFailure> {
    let read = Session::of_payment(answer);
    read.ok_or_else(|| StripeFailure::Away("no payment in the answer".to_owned()))
}

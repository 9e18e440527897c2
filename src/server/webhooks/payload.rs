//! What is told to the platform: `{"type": …, "timestamp": …, "data": {…}}`, amounts and instants
//! as the API writes them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Ref, RefOr, Schema},
};

use crate::credits::{Credits, Event, EventKind, Money};

/// What happened, as it is sent.
#[derive(Serialize)]
pub struct Payload<'a> {
    /// The id of its kind.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When it happened.
    pub timestamp: String,
    /// What belongs to it.
    pub data: Data,
}

/// What belongs to an event.
#[derive(Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "they are those of `Event`")]
pub enum Data {
    Low(CreditsLow),
    Depleted(CreditsDepleted),
    Recovered(CreditsRecovered),
    Expiring(CreditsExpiring),
    PurchaseCredited(PurchaseCredited),
    PurchaseFailed(PurchaseFailed),
    AutoRechargePaused(AutoRechargePaused),
}

/// Whom it happened to.
#[derive(Clone, Serialize, ToSchema)]
pub struct Whose {
    /// The account.
    pub account: String,
    /// The platform's own id for its owner, where the platform brought them along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The balance fell below the customer's own threshold.
#[derive(Serialize, ToSchema)]
pub struct CreditsLow {
    #[serde(flatten)]
    whose: Whose,
    /// What is left, held credits included.
    #[schema(schema_with = amount)]
    balance: String,
    /// The threshold.
    #[schema(schema_with = amount)]
    threshold: String,
}

/// Nothing is left.
#[derive(Serialize, ToSchema)]
pub struct CreditsDepleted {
    #[serde(flatten)]
    whose: Whose,
}

/// The balance is above the threshold, or above nothing, again.
#[derive(Serialize, ToSchema)]
pub struct CreditsRecovered {
    #[serde(flatten)]
    whose: Whose,
    /// What is there, held credits included.
    #[schema(schema_with = amount)]
    balance: String,
}

/// Credits expire soon.
#[derive(Serialize, ToSchema)]
pub struct CreditsExpiring {
    #[serde(flatten)]
    whose: Whose,
    /// What would be forfeited if nothing more was spent.
    #[schema(schema_with = amount)]
    amount: String,
    /// The first instant at which they can't be spent any more.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Which reminder it is: so many days before.
    days: u32,
}

/// A purchase was paid, and its credits are there.
#[derive(Serialize, ToSchema)]
pub struct PurchaseCredited {
    #[serde(flatten)]
    whose: Whose,
    /// The purchase.
    purchase: String,
    /// What was bought.
    #[schema(schema_with = amount)]
    credits: String,
    /// The first instant at which they can't be spent any more.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A payment failed; nothing was charged.
#[derive(Serialize, ToSchema)]
pub struct PurchaseFailed {
    #[serde(flatten)]
    whose: Whose,
    /// The purchase.
    purchase: String,
    /// What would have been bought.
    #[schema(schema_with = amount)]
    credits: String,
    /// What would have been paid, in minor units of the currency.
    total_minor: i64,
    /// The currency: `usd`.
    currency: &'static str,
    /// Why, in words for the customer.
    reason: String,
}

/// Nothing is bought automatically until the customer has acted.
#[derive(Serialize, ToSchema)]
pub struct AutoRechargePaused {
    #[serde(flatten)]
    whose: Whose,
    /// Why, in words for the customer.
    reason: String,
}

/// The API's own description of an amount.
fn amount() -> RefOr<Schema> {
    Ref::from_schema_name("Amount").into()
}

/// The kinds that are sent, and no others.
pub const SENT: [EventKind; 7] = [
    EventKind::Low,
    EventKind::Depleted,
    EventKind::Recovered,
    EventKind::Expiring,
    EventKind::PurchaseCredited,
    EventKind::PurchaseFailed,
    EventKind::AutoRechargePaused,
];

/// An event as it is sent; none where its kind is not.
#[must_use]
pub fn payload(event: &Event, at: DateTime<Utc>, whose: Whose) -> Option<Payload<'static>> {
    let data = data(event, whose)?;
    Some(Payload { kind: event.kind().id(), timestamp: instant(at), data })
}

fn data(event: &Event, whose: Whose) -> Option<Data> {
    let text = |credits: &Credits| credits.plain();
    Some(match event {
        Event::Low { balance, low_at } => {
            Data::Low(CreditsLow { whose, balance: text(balance), threshold: text(low_at) })
        }
        Event::Depleted => Data::Depleted(CreditsDepleted { whose }),
        Event::Recovered { balance, .. } => {
            Data::Recovered(CreditsRecovered { whose, balance: text(balance) })
        }
        Event::Expiring { amount, expires_at, days } => {
            let (amount, expires_at) = (text(amount), instant(*expires_at));
            Data::Expiring(CreditsExpiring { whose, amount, expires_at, days: *days })
        }
        Event::PurchaseCredited { purchase, credits, expires_at } => {
            Data::PurchaseCredited(PurchaseCredited {
                whose,
                purchase: purchase.clone(),
                credits: text(credits),
                expires_at: instant(*expires_at),
            })
        }
        Event::PurchaseFailed { purchase, credits, total, reason } => {
            Data::PurchaseFailed(failed(whose, purchase, *credits, *total, reason))
        }
        Event::AutoRechargePaused { reason } => {
            Data::AutoRechargePaused(AutoRechargePaused { whose, reason: reason.clone() })
        }
        Event::CapReached { .. }
        | Event::AutoRechargeMade { .. }
        | Event::AutoRechargeFailed { .. }
        | Event::PriceChanged { .. } => return None,
    })
}

fn failed(
    whose: Whose,
    purchase: &str,
    credits: Credits,
    total: Money,
    reason: &str,
) -> PurchaseFailed {
    PurchaseFailed {
        whose,
        purchase: purchase.to_owned(),
        credits: credits.plain(),
        total_minor: total.minor,
        currency: total.currency.code(),
        reason: reason.to_owned(),
    }
}

/// RFC 3339, UTC, milliseconds.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

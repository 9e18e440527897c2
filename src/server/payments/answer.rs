//! What we read of Stripe's answers and events: the few fields that decide, whatever else is
//! there, missing or new. Money must not wait for a field that nobody reads.

mod saved;

use serde_json::Value;

pub use saved::SavedMethod;

/// Under this name our purchase stands on the session, the payment and the charge.
pub const PURCHASE: &str = "purchase";

/// Under this name the account stands on a session that saves its card, and the purchase on a
/// payment that was made without its customer.
pub const RECHARGE: &str = "auto_recharge";
/// Under this name stands when the card was asked for.
pub const ASKED_AT: &str = "asked_at";
/// Under this name stands whether its owner was told there that it is charged as agreed before.
pub const AGREED: &str = "agreed";

/// A Checkout Session, or a payment without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `cs_…`; `pi_…` where it is a payment without a session.
    pub id: String,
    /// Whether it is a payment that was made without its customer, and so without a session.
    pub is_off_session: bool,
    /// Where it is a session that only saves a payment method: for which account, and what.
    pub saves: Option<SavedMethod>,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// `paid`, `unpaid` or `no_payment_required`; empty or anything else credits nothing.
    pub payment_status: String,
    /// Minor units before discounts and taxes.
    pub amount_subtotal: Option<i64>,
    /// Minor units that are paid.
    pub amount_total: Option<i64>,
    /// The lower-case ISO code.
    pub currency: String,
    /// Whether real money moves.
    pub livemode: Option<bool>,
    /// Our purchase.
    pub client_reference_id: Option<String>,
    /// Our purchase again: unlike the reference, no visitor of a payment link can set it.
    pub metadata_purchase: Option<String>,
    /// Where the customer pays.
    pub url: Option<String>,
    /// `pi_…`, once there is one.
    pub payment: Option<String>,
    /// How far the payment is; empty where it was not expanded.
    pub payment_progress: String,
    /// Why the last attempt to pay failed, in words for the customer.
    pub payment_error: Option<String>,
    /// The codes of Stripe and the bank for the same; empty where there are none.
    pub payment_codes: [String; 2],
    /// Stripe's receipt, once the payment is there.
    pub receipt_url: Option<String>,
    /// When Stripe made the charge, in seconds since 1970.
    pub charged_at: Option<i64>,
    /// `accepted`, where Stripe's page asked for its terms.
    pub consent: Option<String>,
}

impl Session {
    /// Reads a session; none where it has no id.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let intent = &value["payment_intent"];
        Some(Self {
            id: text(&value["id"])?,
            is_off_session: false,
            saves: SavedMethod::read(value),
            status: text(&value["status"]).unwrap_or_default(),
            payment_status: text(&value["payment_status"]).unwrap_or_default(),
            amount_subtotal: value["amount_subtotal"].as_i64(),
            amount_total: value["amount_total"].as_i64(),
            currency: text(&value["currency"]).unwrap_or_default(),
            livemode: value["livemode"].as_bool(),
            client_reference_id: text(&value["client_reference_id"]),
            metadata_purchase: text(&value["metadata"][PURCHASE]),
            url: text(&value["url"]),
            payment: id_of(intent),
            payment_progress: text(&intent["status"]).unwrap_or_default(),
            payment_error: text(&intent["last_payment_error"]["message"]),
            payment_codes: codes(intent),
            receipt_url: text(&intent["latest_charge"]["receipt_url"]),
            charged_at: instant(&intent["latest_charge"]["created"]),
            consent: text(&value["consent"]["terms_of_service"]),
        })
    }

    /// The purchase that this session was made for by us.
    #[must_use]
    pub fn purchase(&self) -> Option<&str> {
        let reference = self.client_reference_id.as_deref();
        reference.filter(|_| self.client_reference_id == self.metadata_purchase)
    }

    /// Whether the money is there, or none is needed.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        let is_settled = matches!(self.payment_status.as_str(), "paid" | "no_payment_required");
        is_settled && self.status == "complete"
    }
}

/// An event, as its sender wrote it and as far as we understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `checkout.session.completed` and others.
    pub kind: String,
    /// Whether real money moves.
    pub livemode: bool,
    /// Seconds since 1970; 0 where unknown.
    pub created: i64,
    /// What it is about.
    pub object_id: Option<String>,
    /// The payment that this belongs to.
    pub payment_intent: Option<String>,
    /// The event as it came.
    pub body: String,
}

impl Event {
    /// Reads an event from its text; none where it isn't JSON or has no id.
    #[must_use]
    pub fn read(body: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(body).ok()?;
        Self::from_value(&value, body.to_owned())
    }

    /// Reads an event out of a list.
    #[must_use]
    pub fn from_list(value: &Value) -> Option<Self> {
        Self::from_value(value, value.to_string())
    }

    fn from_value(value: &Value, body: String) -> Option<Self> {
        let object = &value["data"]["object"];
        Some(Self {
            id: text(&value["id"])?,
            kind: text(&value["type"]).unwrap_or_default(),
            livemode: value["livemode"].as_bool().unwrap_or(false),
            created: value["created"].as_i64().unwrap_or(0),
            object_id: text(&object["id"]),
            payment_intent: id_of(&object["payment_intent"]),
            body,
        })
    }

    /// The payment without its customer that this event says something of.
    #[must_use]
    pub fn off_session_payment(&self) -> Option<&str> {
        let id = self.object_id.as_deref().filter(|_| self.kind.starts_with("payment_intent."))?;
        let event: Value = serde_json::from_str(&self.body).ok()?;
        text(&event["data"]["object"]["metadata"][RECHARGE]).map(|_| id)
    }

    /// Returns whether the event itself says that somebody has paid. That credits nothing: credits
    /// come only from an answer of Stripe's API.
    #[must_use]
    pub fn says_paid(&self) -> bool {
        let Ok(event) = serde_json::from_str::<Value>(&self.body) else { return false };
        let session = Session::read(&event["data"]["object"]);
        match self.session() {
            Some(_) => session.is_some_and(|it| it.saves.is_none() && it.is_paid()),
            None => self.kind == "payment_intent.succeeded",
        }
    }

    /// The session that this event says something of.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        let id = self.object_id.as_deref()?;
        self.kind.starts_with("checkout.session.").then_some(id)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<Event>,
    /// The id to go on after; none on the last page.
    pub next: Option<String>,
}

impl EventPage {
    /// Reads a page; what has no id is passed over.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        let data = value["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let events: Vec<_> = data.iter().filter_map(Event::from_list).collect();
        let has_more = value["has_more"].as_bool().unwrap_or(false);
        let next = events.last().filter(|_| has_more).map(|event| event.id.clone());
        Self { events, next }
    }
}

/// Why the last attempt to pay failed, in the codes of Stripe and the bank.
fn codes(intent: &Value) -> [String; 2] {
    let error = &intent["last_payment_error"];
    [&error["code"], &error["decline_code"]].map(|code| text(code).unwrap_or_default())
}

/// Text that a database can keep: PostgreSQL has no NUL.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty() && !text.contains('\0')).map(str::to_owned)
}

/// Seconds since 1970, of this century: anything else is no instant that a page could show.
fn instant(value: &Value) -> Option<i64> {
    value.as_i64().filter(|seconds| (0..4_102_444_800).contains(seconds))
}

/// An id stands alone, or in the object where that was expanded.
fn id_of(value: &Value) -> Option<String> {
    text(value).or_else(|| text(&value["id"]))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! Promises about texts that SQL cannot read: sessions, events of Stripe, consents, addresses, marks.

use std::str::FromStr;

use chrono::TimeDelta;
use sea_orm::{DbErr, FromQueryResult};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{Findings, pages::Pages};
use crate::{
    credits::{
        CONSENT_VERSION, Credits, Currency, EventKind, Money, RechargePlan, Refill, SavedCard,
    },
    server::database::Pool,
};

/// The names in a session's record for when its user signed in, and for the user.
const SIGNED_IN_AT: &str = "signed_in_at";
const USER: &str = "user";
/// The longest time that a session lasts after signing in.
const LONGEST_SESSION: TimeDelta = TimeDelta::days(30);

#[derive(FromQueryResult)]
struct SessionRow {
    id_hash: String,
    record: String,
    expires_at: i64,
    user_id: Option<String>,
}

/// Finds sessions whose columns and records disagree: one could be somebody else's, or never end.
pub(super) async fn sessions(reader: &Pool) -> Result<Findings, DbErr> {
    let select = "SELECT id_hash, record, expires_at, user_id FROM sessions";
    let pages = Pages::new(reader, select, "id_hash");
    pages.judge("sessions", |row: &SessionRow| &row.id_hash, SessionRow::contradiction).await
}

impl SessionRow {
    fn contradiction(&self) -> Option<&'static str> {
        let record: Value = serde_json::from_str(&self.record).unwrap_or_default();
        let begun = record[SIGNED_IN_AT].as_i64();
        let longest = LONGEST_SESSION.num_milliseconds();
        if !record.is_object() || record[USER].as_str() != self.user_id.as_deref() {
            Some("its record names another user")
        } else if begun.is_some_and(|at| self.expires_at > at.saturating_add(longest)) {
            Some("it ends later than a session may")
        } else if begun.is_some_and(|at| self.expires_at < at) {
            Some("it ends before it begins")
        } else {
            None
        }
    }
}

#[derive(FromQueryResult)]
struct StripeRow {
    id: String,
    kind: String,
    livemode: bool,
    object_id: Option<String>,
    payment_intent: Option<String>,
    body: String,
}

/// Finds events of Stripe whose columns disagree with their body.
pub(super) async fn stripe_events(reader: &Pool) -> Result<Findings, DbErr> {
    let select = "SELECT id, kind, livemode, object_id, payment_intent, body FROM stripe_events";
    let pages = Pages::new(reader, select, "id");
    let says = |row: &StripeRow| (!row.is_as_its_body()).then_some("its body says something else");
    pages.judge("stripe_events", |row| &row.id, says).await
}

impl StripeRow {
    fn is_as_its_body(&self) -> bool {
        if let Some(digest) = self.id.strip_prefix("unreadable_") {
            // A NUL was replaced after the digest was taken.
            return self.body.contains('\u{fffd}')
                || hex::encode(Sha256::digest(&self.body)) == digest;
        }
        let Ok(body) = serde_json::from_str::<Value>(&self.body) else { return false };
        let object = &body["data"]["object"];
        let payment = &object["payment_intent"];
        let payment = text(payment).or_else(|| text(&payment["id"]));
        text(&body["id"]) == Some(self.id.as_str())
            && text(&body["type"]).unwrap_or_default() == self.kind
            && body["livemode"].as_bool().unwrap_or(false) == self.livemode
            && text(&object["id"]) == self.object_id.as_deref()
            && payment == self.payment_intent.as_deref()
    }
}

/// Returns a text as the columns of an event keep it, or `None` if it is empty or has a NUL.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty() && !text.contains('\0'))
}

#[derive(FromQueryResult)]
struct RechargeRow {
    account_id: String,
    threshold: i64,
    package: Option<String>,
    credits: i64,
    total: i64,
    currency: String,
    monthly_cap: i64,
    per_day: i64,
    cooldown_hours: i64,
    consent: String,
    brand: Option<String>,
    last4: Option<String>,
    up_to_target: bool,
}

/// Finds auto-recharges that differ from what their owner has agreed to. Judges only consents in
/// the words of this release.
pub(super) async fn auto_recharges(reader: &Pool) -> Result<Findings, DbErr> {
    let select = "SELECT account_id, threshold, package, credits, total, currency, monthly_cap,
                         per_day, cooldown_hours, consent, brand, last4, up_to_target
                  FROM auto_recharges";
    let which = format!("is_on AND consent_version = '{CONSENT_VERSION}'");
    let pages = Pages::only(reader, select, "account_id", &which);
    let says =
        |row: &RechargeRow| (!row.is_agreed_to()).then_some("its owner agreed to something else");
    pages.judge("auto_recharges", |row| &row.account_id, says).await
}

impl RechargeRow {
    fn is_agreed_to(&self) -> bool {
        let Ok(currency) = self.currency.parse::<Currency>() else { return false };
        let plan = RechargePlan {
            threshold: Credits::from_thousandths(self.threshold),
            refill: match &self.package {
                Some(package) => Refill::Package(package.clone()),
                None if self.up_to_target => Refill::Target,
                None => Refill::Amount,
            },
            credits: self.credits,
            total: Money::new(self.total, currency),
            monthly_cap: Money::new(self.monthly_cap, currency),
            per_day: u32::try_from(self.per_day).unwrap_or(u32::MAX),
            cooldown_hours: u32::try_from(self.cooldown_hours).unwrap_or(u32::MAX),
        };
        let card = SavedCard {
            brand: self.brand.clone().unwrap_or_default(),
            last4: self.last4.clone().unwrap_or_default(),
        };
        plan.consent(&card).join(" ") == self.consent
    }
}

#[derive(FromQueryResult)]
struct EndpointRow {
    id: String,
    url: String,
    kinds: String,
}

/// Finds endpoints that no message can reach, or that want no kind of event.
pub(super) async fn webhook_endpoints(reader: &Pool) -> Result<Findings, DbErr> {
    let pages = Pages::new(reader, "SELECT id, url, kinds FROM webhook_endpoints", "id");
    pages.judge("webhook_endpoints", |row: &EndpointRow| &row.id, EndpointRow::problem).await
}

impl EndpointRow {
    fn problem(&self) -> Option<&'static str> {
        let is_known = |kind: &str| EventKind::from_str(kind).is_ok();
        let is_web = |url: Url| matches!(url.scheme(), "http" | "https");
        if !Url::parse(&self.url).is_ok_and(is_web) {
            Some("its address is not valid")
        } else if !self.kinds.is_empty() && !self.kinds.split(',').any(is_known) {
            Some("it wants no kind of event")
        } else {
            None
        }
    }
}

#[derive(FromQueryResult)]
struct MarkRow {
    name: String,
    value: String,
}

/// Finds marks that would keep the program from reading what came before them.
pub(super) async fn marks(reader: &Pool, latest: i64) -> Result<Findings, DbErr> {
    let says = |row: &MarkRow| {
        let seconds = match row.name.as_str() {
            "stripe_events" => row.value.as_str(),
            // Where the events beyond a gap begin and end.
            "stripe_events_beyond" => row.value.split_once(':').map_or("", |(_, to)| to),
            _ => return None,
        };
        let seconds = seconds.parse::<i64>().unwrap_or(i64::MAX);
        (seconds > latest / 1_000).then_some("it would skip events of Stripe until then")
    };
    let pages = Pages::new(reader, "SELECT name, value FROM marks", "name");
    pages.judge("marks", |row| &row.name, says).await
}

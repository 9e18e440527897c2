//! Holds the rows of an account against what its entries say.

use chrono::DateTime;

use super::{
    mismatch::{Checked, equal, mismatch},
    replay::{Replay, ReplayedLot},
};
use crate::{
    credits::{Currency, Operation, PurchaseState, Source, expires_after_one_year},
    server::{
        clock::{from_millis, to_millis},
        entity::{account, lot, purchase, usage_daily},
    },
};

impl Replay {
    pub fn lots(&self, lots: &[lot::Model], purchases: &[purchase::Model]) -> Checked {
        let mut expected = self.lots.iter();
        for lot in lots {
            let row = self.row(lot.number);
            let place = ("lots", row.as_str());
            let Some((number, replayed)) = expected.next() else {
                return Err(mismatch("lots", row, "no entry grants it"));
            };
            equal(place, "its number", (lot.number, *number))?;
            equal(place, "granted", (lot.granted, replayed.granted))?;
            let left = replayed.granted - replayed.taken;
            equal(place, "remaining and held", (lot.remaining + lot.held, left))?;
            equal(place, "is_open", (lot.is_open, left > 0))?;
            check_expiry(lot, replayed, &row)?;
            if lot.remaining > 0 && lot.expires_at <= self.at {
                return Err(mismatch("lots", row, "it can be spent after its expiry"));
            }
            if let Some(id) = &lot.purchase_id {
                let paid = purchases.iter().find(|purchase| purchase.id == *id);
                let paid = paid.ok_or_else(|| mismatch("lots", &row, "no purchase paid for it"))?;
                equal(place, "granted", (lot.granted, paid.credits))?;
            }
        }
        if let Some((number, _)) = expected.next() {
            return Err(mismatch("lots", self.row(*number), "the lot of this entry is missing"));
        }
        purchases.iter().try_for_each(|purchase| self.purchase(purchase, lots))
    }

    fn purchase(&self, purchase: &purchase::Model, lots: &[lot::Model]) -> Checked {
        let row = purchase.id.as_str();
        let state = purchase.state.parse::<PurchaseState>();
        let state = state.map_err(|error| mismatch("purchases", row, error.to_string()))?;
        let currency = purchase.currency.parse::<Currency>();
        currency.map_err(|error| mismatch("purchases", row, error.to_string()))?;
        let lot = lots.iter().find(|lot| lot.purchase_id.as_deref() == Some(row));
        let is_credited = state == PurchaseState::Credited;
        if is_credited != lot.is_some() {
            let message = if is_credited { "it has no lot" } else { "it has a lot" };
            return Err(mismatch("purchases", row, format!("{} but {message}", state.id())));
        }
        let numbers = (purchase.lot.unwrap_or(0), lot.map_or(0, |lot| lot.number));
        equal(("purchases", row), "its lot", numbers)?;
        let credited_at = lot.and_then(|lot| self.lots.get(&lot.number)).map(|lot| lot.granted_at);
        let instants = (purchase.credited_at.unwrap_or(0), credited_at.unwrap_or(0));
        equal(("purchases", row), "credited_at", instants)
    }

    pub fn usage(&self, rows: &[usage_daily::Model]) -> Checked {
        for usage in rows {
            let row = format!("{}/{}/{}", self.account, usage.day, usage.operation);
            let place = ("usage_daily", row.as_str());
            let operation = usage.operation.parse::<Operation>();
            let operation =
                operation.map_err(|error| mismatch(place.0, &row, error.to_string()))?;
            let found = self.usage.get(&(usage.day.clone(), operation));
            let (credits, operations) = found.copied().unwrap_or_default();
            equal(place, "credits", (usage.credits, credits))?;
            equal(place, "operations", (usage.operations, operations))?;
        }
        let is_there = |day: &str, operation: Operation| {
            rows.iter().any(|row| row.day == day && row.operation == operation.id())
        };
        let missing = self.usage.keys().find(|(day, operation)| !is_there(day, *operation));
        missing.map_or(Ok(()), |(day, operation)| {
            let row = format!("{}/{day}/{operation}", self.account);
            Err(mismatch("usage_daily", row, "the row is missing"))
        })
    }

    pub fn account(&self, account: &account::Model) -> Checked {
        let place = ("accounts", self.account.as_str());
        equal(place, "seq", (account.seq, self.seq))?;
        equal(place, "available", (account.available, self.available))?;
        equal(place, "held", (account.held, self.held))?;
        equal(place, "granted", (account.granted, self.granted))?;
        equal(place, "spent", (account.spent, self.spent))?;
        equal(place, "expired", (account.expired, self.expired))?;
        equal(place, "the earliest latest_at", (account.latest_at.min(self.at), self.at))
    }
}

/// Bought credits last one year from their granting; nothing but what was held is spent after an
/// expiry, and what is forfeited is dated at it, or when it came back from a hold.
fn check_expiry(lot: &lot::Model, replayed: &ReplayedLot, row: &str) -> Checked {
    let place = ("lots", row);
    if lot.source == Source::Purchase.id() {
        let end = to_millis(expires_after_one_year(from_millis(replayed.granted_at)));
        equal(place, "expires_at", (lot.expires_at, end))?;
    }
    if let Some((forfeited_at, was_held)) = replayed.forfeited {
        let end = if was_held { lot.expires_at.min(forfeited_at) } else { forfeited_at };
        equal(place, "expires_at", (lot.expires_at, end))?;
    }
    if replayed.last_taken_at >= lot.expires_at {
        let at = DateTime::from_timestamp_millis(lot.expires_at).unwrap_or_default();
        return Err(mismatch("lots", row, format!("spent after its expiry at {at}")));
    }
    Ok(())
}

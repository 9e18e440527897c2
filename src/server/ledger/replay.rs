//! Lives one account's history again, from its entries alone, and compares.

use std::collections::{BTreeMap, HashMap};

use chrono::DateTime;
use chrono_tz::Tz;

use super::verify::Mismatch;
use crate::{
    credits::{Currency, EntryKind, Operation, PurchaseState, Source, expires_after_one_year},
    server::{
        clock::{from_millis, to_millis},
        entity::{account, allocation, entry, lot, purchase, usage_daily},
    },
};

/// What the entries say up to some `seq`. Amounts are thousandths.
pub(super) struct Replay {
    account: String,
    zone: Tz,
    seq: i64,
    available: i64,
    held: i64,
    granted: i64,
    spent: i64,
    expired: i64,
    at: i64,
    lots: BTreeMap<i64, ReplayedLot>,
    usage: BTreeMap<(String, Operation), (i64, i64)>,
}

struct ReplayedLot {
    granted: i64,
    granted_at: i64,
    taken: i64,
    last_taken_at: i64,
    forfeited_at: Option<i64>,
}

type Checked = Result<(), Mismatch>;

fn mismatch(table: &'static str, row: impl Into<String>, message: impl Into<String>) -> Mismatch {
    Mismatch { table, row: row.into(), message: message.into() }
}

/// Fails with what a row says and what it should say.
fn equal<T: PartialEq + std::fmt::Display>(
    place: (&'static str, &str),
    what: &str,
    (found, expected): (T, T),
) -> Checked {
    if found == expected {
        return Ok(());
    }
    let message = format!("{what} is {found}, its entries say {expected}");
    Err(mismatch(place.0, place.1, message))
}

impl Replay {
    pub fn new(account: &account::Model) -> Result<Self, Mismatch> {
        let zone = account.zone.parse::<Tz>().map_err(|_| {
            mismatch("accounts", &account.id, format!("unknown zone {:?}", account.zone))
        })?;
        Ok(Self {
            account: account.id.clone(),
            zone,
            seq: 0,
            available: 0,
            held: 0,
            granted: 0,
            spent: 0,
            expired: 0,
            at: account.created_at,
            lots: BTreeMap::new(),
            usage: BTreeMap::new(),
        })
    }

    pub fn count(&self) -> u64 {
        self.seq.unsigned_abs()
    }

    fn row(&self, number: i64) -> String {
        format!("{}/{number}", self.account)
    }

    pub fn entries(
        &mut self,
        entries: &[entry::Model],
        allocations: &[allocation::Model],
    ) -> Checked {
        let mut by_seq: HashMap<i64, Vec<&allocation::Model>> = HashMap::new();
        for allocation in allocations {
            by_seq.entry(allocation.seq).or_default().push(allocation);
        }
        for entry in entries {
            let row = self.row(entry.seq);
            equal(("entries", &row), "its number", (entry.seq, self.seq + 1))?;
            let taken = by_seq.remove(&entry.seq).unwrap_or_default();
            self.entry(entry, &taken, &row)?;
        }
        match by_seq.into_values().flatten().next() {
            Some(orphan) => self.no_allocations(std::slice::from_ref(orphan)),
            None => Ok(()),
        }
    }

    /// Allocations for which there is no entry.
    pub fn no_allocations(&self, allocations: &[allocation::Model]) -> Checked {
        allocations.first().map_or(Ok(()), |orphan| {
            let row = format!("{}/{}", self.row(orphan.seq), orphan.lot);
            Err(mismatch("allocations", row, "there is no such entry"))
        })
    }

    fn entry(
        &mut self,
        entry: &entry::Model,
        allocations: &[&allocation::Model],
        row: &str,
    ) -> Checked {
        let place = ("entries", row);
        let kind = entry.kind.parse::<EntryKind>();
        let kind = kind.map_err(|()| mismatch("entries", row, "unknown kind"))?;
        self.seq = entry.seq;
        self.available += entry.available_change;
        self.held += entry.held_change;
        equal(place, "available_after", (entry.available_after, self.available))?;
        equal(place, "held_after", (entry.held_after, self.held))?;
        if entry.at < self.at {
            return Err(mismatch("entries", row, "it is dated before the entry before it"));
        }
        self.at = entry.at;
        let change = entry.available_change + entry.held_change;
        let taken: i64 = allocations.iter().map(|allocation| allocation.amount).sum();
        match kind {
            EntryKind::Granted => {
                self.grant(entry, row)?;
                equal(place, "what it takes from lots", (taken, 0))?;
            }
            EntryKind::Spent => {
                self.spend(entry, -change, row)?;
                equal(place, "its amount", (change, -taken))?;
            }
            EntryKind::Expired => {
                self.expired -= change;
                equal(place, "its amount", (change, -taken))?;
            }
            EntryKind::Held | EntryKind::Released => equal(place, "its amount", (change, 0))?,
            EntryKind::Adjusted | EntryKind::ClawedBack => {
                return Err(mismatch("entries", row, "no command writes this kind"));
            }
        }
        self.allocations(entry, kind, allocations)
    }

    fn grant(&mut self, entry: &entry::Model, row: &str) -> Checked {
        if entry.available_change <= 0 || entry.held_change != 0 || entry.operation.is_some() {
            return Err(mismatch("entries", row, "it grants nothing that can be spent"));
        }
        self.granted += entry.available_change;
        let lot = ReplayedLot {
            granted: entry.available_change,
            granted_at: entry.at,
            taken: 0,
            last_taken_at: entry.at,
            forfeited_at: None,
        };
        self.lots.insert(entry.seq, lot);
        Ok(())
    }

    fn spend(&mut self, entry: &entry::Model, amount: i64, row: &str) -> Checked {
        let operation = entry.operation.as_deref().unwrap_or_default().parse::<Operation>();
        let operation = operation.map_err(|error| mismatch("entries", row, error.to_string()))?;
        if amount < 0 {
            return Err(mismatch("entries", row, "it spends less than nothing"));
        }
        self.spent += amount;
        let day = from_millis(entry.at).with_timezone(&self.zone).format("%Y-%m-%d").to_string();
        let (credits, operations) = self.usage.entry((day, operation)).or_default();
        *credits += amount;
        *operations += 1;
        Ok(())
    }

    fn allocations(
        &mut self,
        entry: &entry::Model,
        kind: EntryKind,
        allocations: &[&allocation::Model],
    ) -> Checked {
        for allocation in allocations {
            let row = format!("{}/{}", self.row(entry.seq), allocation.lot);
            let Some(lot) = self.lots.get_mut(&allocation.lot) else {
                return Err(mismatch("allocations", row, "there is no such lot"));
            };
            lot.taken += allocation.amount;
            if lot.taken > lot.granted {
                return Err(mismatch("allocations", row, "more is taken than the lot held"));
            }
            if kind == EntryKind::Expired {
                lot.forfeited_at = Some(entry.at);
            } else {
                lot.last_taken_at = entry.at;
            }
        }
        Ok(())
    }

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
            if let Some(id) = &lot.purchase_id {
                let paid = purchases.iter().find(|purchase| purchase.id == *id);
                let paid = paid.ok_or_else(|| mismatch("lots", &row, "no purchase paid for it"))?;
                equal(place, "granted", (lot.granted, paid.credits))?;
            }
        }
        if let Some((number, _)) = expected.next() {
            return Err(mismatch("lots", self.row(*number), "the lot of this entry is missing"));
        }
        let held: i64 = lots.iter().map(|lot| lot.held).sum();
        let first = lots.iter().find(|lot| lot.held > 0).map_or(0, |lot| lot.number);
        equal(("lots", &self.row(first)), "all that is held", (held, self.held))?;
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

/// Bought credits last one year from their granting; nothing is spent after an expiry, and what
/// is forfeited is dated at it.
fn check_expiry(lot: &lot::Model, replayed: &ReplayedLot, row: &str) -> Checked {
    let place = ("lots", row);
    if lot.source == Source::Purchase.id() {
        let end = to_millis(expires_after_one_year(from_millis(replayed.granted_at)));
        equal(place, "expires_at", (lot.expires_at, end))?;
    }
    if let Some(forfeited_at) = replayed.forfeited_at {
        equal(place, "expires_at", (lot.expires_at, forfeited_at))?;
    }
    if replayed.last_taken_at >= lot.expires_at {
        let at = DateTime::from_timestamp_millis(lot.expires_at).unwrap_or_default();
        return Err(mismatch("lots", row, format!("spent after its expiry at {at}")));
    }
    Ok(())
}

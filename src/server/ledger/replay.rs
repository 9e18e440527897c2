//! Lives one account's history again, from its entries and their allocations alone.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;

use super::{
    mismatch::{Checked, Mismatch, equal, mismatch},
    replay_holds::ReplayedHold,
};
use crate::{
    credits::{EntryKind, Operation},
    server::{
        clock::from_millis,
        entity::{account, allocation, entry},
    },
};

/// What the entries say up to some `seq`. Amounts are thousandths.
pub(super) struct Replay {
    pub(super) account: String,
    zone: Tz,
    pub(super) seq: i64,
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) granted: i64,
    pub(super) spent: i64,
    pub(super) expired: i64,
    pub(super) at: i64,
    latest: i64,
    /// When a hold last gave something back.
    pub(super) given_back_at: Option<i64>,
    pub(super) lots: BTreeMap<i64, ReplayedLot>,
    pub(super) holds: BTreeMap<i64, ReplayedHold>,
    pub(super) usage: BTreeMap<(String, Operation), (i64, i64)>,
}

/// What the entries say of a lot.
pub(super) struct ReplayedLot {
    pub(super) granted: i64,
    pub(super) granted_at: i64,
    pub(super) taken: i64,
    /// When it was last spent from directly, not out of a hold.
    pub(super) last_taken_at: i64,
    /// When something of it was first forfeited, and whether a hold gave it back just then.
    pub(super) forfeited: Option<(i64, bool)>,
}

impl Replay {
    /// Starts before the first entry. No entry may be later than `latest`.
    pub fn new(account: &account::Model, latest: i64) -> Result<Self, Mismatch> {
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
            latest,
            given_back_at: None,
            lots: BTreeMap::new(),
            holds: BTreeMap::new(),
            usage: BTreeMap::new(),
        })
    }

    pub fn count(&self) -> u64 {
        self.seq.unsigned_abs()
    }

    pub(super) fn row(&self, number: i64) -> String {
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
        if entry.at > self.latest {
            return Err(mismatch("entries", row, "it is dated in the future"));
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
            EntryKind::Held | EntryKind::Released => {
                equal(place, "its amount", (change, 0))?;
                equal(place, "what it takes from lots", (taken, 0))?;
            }
            EntryKind::Adjusted | EntryKind::ClawedBack => {
                return Err(mismatch("entries", row, "no command writes this kind"));
            }
        }
        self.hold(entry, kind, row)?;
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
            forfeited: None,
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
                lot.forfeited.get_or_insert((entry.at, self.given_back_at == Some(entry.at)));
            } else if entry.hold.is_none() {
                lot.last_taken_at = entry.at;
            }
        }
        Ok(())
    }
}

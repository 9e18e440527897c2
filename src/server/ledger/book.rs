//! One account while its batch is decided.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{kept::Standing, telling::CapsBefore};
use crate::credits::{Account, Credits, EntryKind, Hold, Lot, Operation, Posting};

/// One account while its batch is decided, with what has to be written for it.
pub(super) struct Book {
    pub account: Account,
    pub zone: Tz,
    pub cycle_anchor_day: u32,
    pub lots: BTreeMap<i64, Lot>,
    pub holds: BTreeMap<i64, ChangedHold>,
    /// Credits and operations by day and type.
    pub usage: BTreeMap<(String, Operation), (Credits, i64)>,
    pub is_changed: bool,
    /// Its number of entries when the batch began.
    pub seq_before: i64,
    /// The version of its row then.
    pub version_before: i64,
    /// None where nothing is capped.
    pub caps_before: Option<CapsBefore>,
}

/// A hold as its batch leaves it.
pub(super) struct ChangedHold {
    pub hold: Hold,
    /// Whether it was made or took more: then its lots have to be written too.
    pub takes_more: bool,
}

impl From<Standing> for Book {
    fn from(standing: Standing) -> Self {
        Self {
            seq_before: standing.account.seq,
            version_before: standing.version,
            account: standing.account,
            zone: standing.zone,
            cycle_anchor_day: standing.cycle_anchor_day,
            lots: BTreeMap::new(),
            holds: BTreeMap::new(),
            usage: BTreeMap::new(),
            is_changed: false,
            caps_before: None,
        }
    }
}

impl Book {
    /// Keeps what has to be written.
    pub fn take_note(&mut self, posting: Posting) {
        self.is_changed = true;
        for lot in posting.lots {
            self.lots.insert(lot.number, lot);
        }
        let entry = posting.entry;
        if let Some(hold) = posting.hold {
            let before = self.holds.get(&hold.number);
            let takes_more =
                entry.kind == EntryKind::Held || before.is_some_and(|before| before.takes_more);
            self.holds.insert(hold.number, ChangedHold { hold, takes_more });
        }
        if let (EntryKind::Spent, Some(operation)) = (entry.kind, entry.operation) {
            let day = entry.at.with_timezone(&self.zone).format("%Y-%m-%d").to_string();
            let (credits, operations) = self.usage.entry((day, operation)).or_default();
            *credits += -entry.amount();
            *operations += 1;
        }
    }
}

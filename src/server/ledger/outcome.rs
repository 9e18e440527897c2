//! What a command led to.

use chrono::{DateTime, Utc};

use crate::credits::{Account, Credits, Entry, EntryKind, Hold, HoldState};

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The entry that says so.
    pub seq: i64,
    /// What it says.
    pub kind: EntryKind,
    /// The hold that it made, extended or settled.
    pub hold: Option<i64>,
    /// What it did to the available credits.
    pub available_change: Credits,
    /// What it did to the held credits.
    pub held_change: Credits,
    /// The available credits after it.
    pub available_after: Credits,
    /// The held credits after it.
    pub held_after: Credits,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Whether it had happened before: then nothing happened now.
    pub replayed: bool,
    /// True if this key made the entry. False if another key had settled the hold before.
    pub(super) is_own: bool,
}

impl Outcome {
    /// What it did to the balance: nothing where credits were only set aside or given back.
    #[must_use]
    pub fn amount(&self) -> Credits {
        self.available_change + self.held_change
    }

    pub(super) fn of(entry: &Entry, replayed: bool) -> Self {
        Self {
            seq: entry.seq,
            kind: entry.kind,
            hold: entry.hold,
            available_change: entry.available_change,
            held_change: entry.held_change,
            available_after: entry.available_after,
            held_after: entry.held_after,
            at: entry.at,
            replayed,
            is_own: true,
        }
    }

    /// What had become of a hold before another request asked for the same.
    pub(super) fn settled_before(hold: &Hold, account: &Account) -> Self {
        let (seq, at) = hold.settled.unwrap_or_default();
        let is_captured = hold.state == HoldState::Captured;
        Self {
            seq,
            kind: if is_captured { EntryKind::Spent } else { EntryKind::Released },
            hold: Some(hold.number),
            available_change: hold.amount - hold.captured,
            held_change: -hold.amount,
            available_after: account.available,
            held_after: account.held,
            at,
            replayed: true,
            is_own: false,
        }
    }
}

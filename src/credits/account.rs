//! The heart: one account as a state machine.
//!
//! A caller loads an account with its open lots, calls [`Account::advance`] and then
//! [`Account::apply`] with the same instant, and writes the postings down. What must hold after
//! each of them:
//!
//! - available = Σ remaining of the lots, held = Σ held of the lots; neither is negative;
//! - granted = available + held + spent + expired (+ adjusted + clawed back, with their signs);
//! - entries are numbered without gaps, and each says what was available and held after it;
//! - a refused command changes nothing.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Allocation, Command, Credits, Entry, EntryKind, Lot, Note, Operation, Refusal, Source,
};

/// The most that one command may move: keeps every sum far from the end of an i64.
const LARGEST: Credits = Credits::from_thousandths(1_000_000_000_000_000);

/// Names an account: `acc_…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened to an account over its whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All that arrived.
    pub granted: Credits,
    /// All that operations consumed.
    pub spent: Credits,
    /// All that was forfeited.
    pub expired: Credits,
}

/// The balance of one account and its open lots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which account.
    pub id: AccountId,
    /// What can be spent.
    pub available: Credits,
    /// What is set aside.
    pub held: Credits,
    /// The number of its last entry; 0 before the first.
    pub seq: i64,
    /// What happened over its life.
    pub totals: Totals,
    /// The latest instant it has seen: time never runs backwards for an account.
    pub latest_at: DateTime<Utc>,
    /// The lots of which something is left.
    pub lots: Vec<Lot>,
}

/// What one command or one expiry has done: to be written down as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The row that says so.
    pub entry: Entry,
    /// The lots it changed or made, as they are now.
    pub lots: Vec<Lot>,
}

/// What a posting does to the two sums, and on what grounds.
struct Change {
    kind: EntryKind,
    operation: Option<Operation>,
    available: Credits,
    note: Note,
    at: DateTime<Utc>,
    allocations: Vec<Allocation>,
}

impl Account {
    /// An account without any history.
    #[must_use]
    pub fn new(id: AccountId, opened_at: DateTime<Utc>) -> Self {
        Self {
            id,
            available: Credits::ZERO,
            held: Credits::ZERO,
            seq: 0,
            totals: Totals::default(),
            latest_at: opened_at,
            lots: Vec::new(),
        }
    }

    /// The balance: available and held.
    #[must_use]
    pub fn balance(&self) -> Credits {
        self.available + self.held
    }

    /// Writes down what time alone has done up to `now`: lots that have expired, in the order of
    /// their instants, each with its own entry dated at that instant. Reading uses it too, on
    /// loaded rows, so nothing depends on a job having run.
    pub fn advance(&mut self, now: DateTime<Utc>) -> Vec<Posting> {
        let now = now.max(self.latest_at);
        self.lots.sort_by_key(Lot::spending_order);
        let mut postings = Vec::new();
        for index in 0..self.lots.len() {
            if self.lots[index].is_expired(now) && self.lots[index].remaining.is_positive() {
                postings.push(self.expire(index));
            }
        }
        self.latest_at = now;
        postings
    }

    /// Carries out one command at `now`, as if every instant up to it had been lived through:
    /// call [`Account::advance`] first and write what it returns.
    ///
    /// # Errors
    /// A [`Refusal`] that says why; then nothing has changed.
    pub fn apply(&mut self, command: &Command, now: DateTime<Utc>) -> Result<Posting, Refusal> {
        let now = now.max(self.latest_at);
        match command {
            Command::Grant { source, amount, validity, purchase, note } => {
                check_amount(*amount, Credits::from_thousandths(1))?;
                let expires_at = validity.ends(now);
                if expires_at <= now {
                    return Err(Refusal::AlreadyExpired);
                }
                let lot = Lot {
                    number: self.seq + 1,
                    source: *source,
                    granted: *amount,
                    remaining: *amount,
                    held: Credits::ZERO,
                    expires_at,
                    purchase: purchase.clone(),
                };
                Ok(self.grant(lot, note, now))
            }
            Command::Spend { operation, amount, note } => {
                check_amount(*amount, Credits::ZERO)?;
                if *amount > self.available {
                    return Err(Refusal::InsufficientCredits {
                        needed: *amount,
                        available: self.available,
                        held: self.held,
                    });
                }
                Ok(self.spend(*operation, *amount, note, now))
            }
        }
    }

    fn grant(&mut self, lot: Lot, note: &Note, at: DateTime<Utc>) -> Posting {
        self.totals.granted += lot.granted;
        self.lots.push(lot.clone());
        self.lots.sort_by_key(Lot::spending_order);
        let entry = self.post(Change {
            kind: EntryKind::Granted,
            operation: None,
            available: lot.granted,
            note: note.clone(),
            at,
            allocations: Vec::new(),
        });
        Posting { entry, lots: vec![lot] }
    }

    fn spend(
        &mut self,
        operation: Operation,
        amount: Credits,
        note: &Note,
        at: DateTime<Utc>,
    ) -> Posting {
        let (allocations, lots) = self.take(amount);
        self.totals.spent += amount;
        let entry = self.post(Change {
            kind: EntryKind::Spent,
            operation: Some(operation),
            available: -amount,
            note: note.clone(),
            at,
            allocations,
        });
        Posting { entry, lots }
    }

    /// Takes from the lots in the order of spending; the caller has checked that there is enough.
    fn take(&mut self, amount: Credits) -> (Vec<Allocation>, Vec<Lot>) {
        let mut missing = amount;
        let (mut allocations, mut changed) = (Vec::new(), Vec::new());
        for lot in &mut self.lots {
            if !missing.is_positive() {
                break;
            }
            let taken = lot.remaining.min(missing);
            if taken.is_positive() {
                lot.remaining -= taken;
                missing -= taken;
                allocations.push(Allocation { lot: lot.number, amount: taken });
                changed.push(lot.clone());
            }
        }
        assert!(missing.is_zero(), "available says more than the lots of {} hold", self.id);
        self.lots.retain(Lot::is_open);
        (allocations, changed)
    }

    fn expire(&mut self, index: usize) -> Posting {
        let lot = &mut self.lots[index];
        let forfeited = lot.remaining;
        lot.remaining = Credits::ZERO;
        let lot = lot.clone();
        self.totals.expired += forfeited;
        let description = match lot.source {
            Source::Purchase => "Unused credits expired",
            Source::Promotion => "Unused promotion expired",
            Source::Goodwill => "Unused goodwill expired",
        };
        let entry = self.post(Change {
            kind: EntryKind::Expired,
            operation: None,
            available: -forfeited,
            note: Note {
                description: description.to_owned(),
                detail: format!("{forfeited} of {} forfeited", lot.granted),
                ..Note::default()
            },
            at: lot.expires_at,
            allocations: vec![Allocation { lot: lot.number, amount: forfeited }],
        });
        Posting { entry, lots: vec![lot] }
    }

    fn post(&mut self, change: Change) -> Entry {
        self.seq += 1;
        self.available += change.available;
        self.latest_at = self.latest_at.max(change.at);
        Entry {
            seq: self.seq,
            kind: change.kind,
            operation: change.operation,
            available_change: change.available,
            held_change: Credits::ZERO,
            available_after: self.available,
            held_after: self.held,
            note: change.note,
            at: change.at,
            allocations: change.allocations,
        }
    }
}

fn check_amount(amount: Credits, smallest: Credits) -> Result<(), Refusal> {
    if amount < smallest || amount > LARGEST {
        let expected = format!("from {smallest} to {LARGEST} credits");
        return Err(Refusal::InvalidAmount { expected });
    }
    Ok(())
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;

//! The heart: one account as a state machine.
//!
//! A caller loads an account with its open lots, calls [`Account::advance`] and then
//! [`Account::apply`] with the same instant, and writes the postings down. What must hold after
//! each of them:
//!
//! - available = Σ remaining of the lots, held = Σ held of the lots = Σ of the open holds; none is
//!   negative;
//! - granted = available + held + spent + expired (+ adjusted + clawed back, with their signs);
//! - entries are numbered without gaps, and each says what was available and held after it;
//! - a refused command changes nothing.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Allocation, CapUse, Command, Credits, Entry, EntryKind, Hold, Lot, Note, Operation, Refusal,
    Watch,
};

mod holding;
mod spending;

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
    /// The lots of which something is left, in the order of spending once time has passed.
    pub lots: Vec<Lot>,
    /// Those of its holds that may lapse or that a command names. The others needn't be loaded.
    pub holds: Vec<Hold>,
    /// What it lets itself spend.
    pub caps: CapUse,
    /// What its customer wants to hear of the balance, and heard last.
    pub watch: Watch,
}

/// What one command or one expiry has done: to be written down as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The row that says so.
    pub entry: Entry,
    /// The lots it changed or made, as they are now.
    pub lots: Vec<Lot>,
    /// The hold it changed or made, as it is now.
    pub hold: Option<Hold>,
}

/// What has come of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was carried out.
    Posted(Box<Posting>),
    /// Its hold had been settled just so before, by another request: nothing happened now.
    Settled(Hold),
}

/// What a posting does to the two sums, and on what grounds.
struct Change {
    kind: EntryKind,
    operation: Option<Operation>,
    available: Credits,
    held: Credits,
    note: Note,
    hold: Option<i64>,
    at: DateTime<Utc>,
    allocations: Vec<Allocation>,
}

/// What time does next to an account: the instant and the index of the lot or hold.
enum Due {
    Lapse(DateTime<Utc>, usize),
    Expiry(DateTime<Utc>, usize),
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
            holds: Vec::new(),
            caps: CapUse::default(),
            watch: Watch::default(),
        }
    }

    /// The balance: available and held.
    #[must_use]
    pub fn balance(&self) -> Credits {
        self.available + self.held
    }

    /// Writes down what time alone has done up to `now`: holds that have lapsed and lots that have
    /// expired, in the order of their instants, each with its own entry dated at that instant.
    /// Reading uses it too, on loaded rows, so nothing depends on a job having run.
    pub fn advance(&mut self, now: DateTime<Utc>) -> Vec<Posting> {
        let now = now.max(self.latest_at);
        let mut postings = Vec::new();
        while let Some(due) = self.next_due(now) {
            postings.push(match due {
                Due::Lapse(at, index) => self.lapse(index, at),
                Due::Expiry(at, index) => self.expire(index, at),
            });
        }
        self.latest_at = now;
        self.lots.sort_by_key(Lot::spending_order);
        postings
    }

    /// What time does next, up to `now`. A hold that lapses at the instant of an expiry gives back
    /// first, so that what it gives expires with the rest.
    fn next_due(&self, now: DateTime<Utc>) -> Option<Due> {
        let lapsing = self.holds.iter().enumerate();
        let lapsing = lapsing.filter(|(_, hold)| hold.is_open() && hold.expires_at <= now);
        let lapse = lapsing.min_by_key(|(_, hold)| (hold.expires_at, hold.number));
        let expiring = self.lots.iter().enumerate();
        let expiring =
            expiring.filter(|(_, lot)| lot.is_expired(now) && lot.remaining.is_positive());
        let expiry = expiring.min_by_key(|(_, lot)| lot.spending_order());
        // What is given back to a lot after its expiry expires when it is given back.
        let lapse = lapse.map(|(index, hold)| (hold.expires_at.max(self.latest_at), index));
        let expiry = expiry.map(|(index, lot)| (lot.expires_at.max(self.latest_at), index));
        match (lapse, expiry) {
            (Some((at, index)), Some((expiry, _))) if at <= expiry => Some(Due::Lapse(at, index)),
            (_, Some((at, index))) => Some(Due::Expiry(at, index)),
            (Some((at, index)), None) => Some(Due::Lapse(at, index)),
            (None, None) => None,
        }
    }

    /// Carries out one command at `now`, as if every instant up to it had been lived through:
    /// call [`Account::advance`] before and after it, and write what it returns.
    ///
    /// # Errors
    /// A [`Refusal`] that says why; then nothing has changed.
    pub fn apply(&mut self, command: &Command, now: DateTime<Utc>) -> Result<Applied, Refusal> {
        let now = now.max(self.latest_at);
        let posting = match command {
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
                self.grant(lot, note, now)
            }
            Command::Spend { operation, amount, note } => {
                self.check_spending(*operation, *amount)?;
                self.spend(*operation, *amount, note, now)
            }
            Command::Hold { operation, amount, lasts, note } => {
                self.check_spending(*operation, *amount)?;
                self.hold(*operation, *amount, lasts.ends(now), note, now)
            }
            Command::Capture { hold, amount, detail } => {
                return self.capture(*hold, *amount, detail.as_deref(), now);
            }
            Command::Release { hold, reason } => return self.release(*hold, *reason, now),
            Command::Extend { hold, lasts, more, ceiling } => {
                self.extend(*hold, *lasts, *more, *ceiling, now)?
            }
        };
        Ok(Applied::Posted(Box::new(posting)))
    }

    /// Whether so much can be spent or set aside now.
    fn check_spending(&self, operation: Operation, amount: Credits) -> Result<(), Refusal> {
        check_amount(amount, Credits::ZERO)?;
        let (available, held) = (self.available, self.held);
        self.caps.check(operation, amount, (available, held))?;
        if amount > available {
            return Err(Refusal::InsufficientCredits { needed: amount, available, held });
        }
        Ok(())
    }

    fn post(&mut self, change: Change) -> Entry {
        self.seq += 1;
        self.available += change.available;
        self.held += change.held;
        self.latest_at = self.latest_at.max(change.at);
        Entry {
            seq: self.seq,
            kind: change.kind,
            operation: change.operation,
            available_change: change.available,
            held_change: change.held,
            available_after: self.available,
            held_after: self.held,
            note: change.note,
            hold: change.hold,
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

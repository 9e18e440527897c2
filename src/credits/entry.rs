//! One line of the ledger, written once and never changed.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Operation};

/// What an entry says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Credits arrived.
    Granted,
    /// Credits were consumed by an operation.
    Spent,
    /// Credits were set aside for an operation.
    Held,
    /// Held credits were given back.
    Released,
    /// Unused credits ended: they are forfeited.
    Expired,
    /// Corrected by support.
    Adjusted,
    /// Taken back after a refund or a lost dispute.
    ClawedBack,
}

impl EntryKind {
    /// All of them, in the order of a filter.
    pub const ALL: [Self; 7] = [
        Self::Spent,
        Self::Granted,
        Self::Expired,
        Self::Held,
        Self::Released,
        Self::Adjusted,
        Self::ClawedBack,
    ];

    /// The id in URLs, files and the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Spent => "spent",
            Self::Held => "held",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Adjusted => "adjusted",
            Self::ClawedBack => "clawed_back",
        }
    }

    /// The name on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::Spent => "Spent",
            Self::Held => "Held",
            Self::Released => "Released",
            Self::Expired => "Expired",
            Self::Adjusted => "Adjusted",
            Self::ClawedBack => "Clawed back",
        }
    }
}

impl FromStr for EntryKind {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.id() == id).ok_or(())
    }
}

/// What people and programs are told an entry was for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The first line of its row: "Momentum breakout v8".
    pub description: String,
    /// The second line, what was priced: "20 assets × 1 year, daily bars".
    pub detail: String,
    /// The caller's own reference, searchable: a job, an order, a ticket.
    pub reference: String,
    /// The version of the rate card that priced it; empty where nothing was priced.
    pub rate_card: String,
}

/// How much of an entry came from which lot; negative where it was given back to the lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The lot's number.
    pub lot: i64,
    /// What was taken from it for good.
    pub amount: Credits,
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the account's history: 1, 2, 3 … without gaps.
    pub seq: i64,
    /// What happened.
    pub kind: EntryKind,
    /// The type of operation, where there was one.
    pub operation: Option<Operation>,
    /// What it did to the available credits.
    pub available_change: Credits,
    /// What it did to the held credits.
    pub held_change: Credits,
    /// The available credits after it.
    pub available_after: Credits,
    /// The held credits after it.
    pub held_after: Credits,
    /// What it was for.
    pub note: Note,
    /// The hold that it made, extended or settled.
    pub hold: Option<i64>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Which lots it took from for good, in the order of spending.
    pub allocations: Vec<Allocation>,
}

impl Entry {
    /// What it did to the balance: a hold moves no ownership and has 0 here.
    #[must_use]
    pub fn amount(&self) -> Credits {
        self.available_change + self.held_change
    }

    /// The balance after it: available and held.
    #[must_use]
    pub fn balance_after(&self) -> Credits {
        self.available_after + self.held_after
    }
}

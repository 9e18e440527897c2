//! Credits received together.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Credits;

/// Where the credits of a lot came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Given to promote the product.
    Promotion,
    /// Given by support, with a reason.
    Goodwill,
    /// Bought.
    Purchase,
}

impl Source {
    /// All of them, free ones first.
    pub const ALL: [Self; 3] = [Self::Promotion, Self::Goodwill, Self::Purchase];

    /// The id in files and the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Goodwill => "goodwill",
            Self::Purchase => "purchase",
        }
    }

    /// Whether nobody paid for it: such lots are spent first among those that expire together.
    #[must_use]
    pub const fn is_free(self) -> bool {
        !matches!(self, Self::Purchase)
    }
}

impl FromStr for Source {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|source| source.id() == id).ok_or(())
    }
}

/// Credits received together: one purchase, one promotion, one goodwill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The `seq` of the entry that granted it: its name within the account.
    pub number: i64,
    /// Where it came from.
    pub source: Source,
    /// What it held at first.
    pub granted: Credits,
    /// What can still be spent of it.
    pub remaining: Credits,
    /// What is set aside of it by holds.
    pub held: Credits,
    /// The first instant at which what remains can't be spent any more.
    pub expires_at: DateTime<Utc>,
    /// The purchase that paid for it.
    pub purchase: Option<String>,
}

impl Lot {
    /// Whether it has expired at this instant: validity is half-open.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at
    }

    /// Whether anything of it is left, spendable or held.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.remaining.is_positive() || self.held.is_positive()
    }

    /// The order of spending: soonest expiry, then free before paid, then oldest.
    #[must_use]
    pub fn spending_order(&self) -> (DateTime<Utc>, bool, i64) {
        (self.expires_at, !self.source.is_free(), self.number)
    }
}

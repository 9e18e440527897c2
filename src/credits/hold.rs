//! Credits set aside for an operation that is under way.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Allocation, Credits, Note, Operation};

/// How far a hold has come. It is settled once, in one of three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Set aside.
    Open,
    /// Became spending, wholly or in part.
    Captured,
    /// Given back by who made it.
    Released,
    /// Given back by the clock.
    Lapsed,
}

impl HoldState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Captured, Self::Released, Self::Lapsed];

    /// The id in files and the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Lapsed => "lapsed",
        }
    }
}

impl FromStr for HoldState {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.id() == id).ok_or(())
    }
}

/// Credits set aside for one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The `seq` of the entry that made it: its name within the account.
    pub number: i64,
    /// The type of operation.
    pub operation: Operation,
    /// What is or was set aside.
    pub amount: Credits,
    /// What of it became spending.
    pub captured: Credits,
    /// How far it has come.
    pub state: HoldState,
    /// The first instant at which it has lapsed.
    pub expires_at: DateTime<Utc>,
    /// The `seq` of the entry that settled it, and when.
    pub settled: Option<(i64, DateTime<Utc>)>,
    /// What its rows say.
    pub note: Note,
    /// Which lots it took from.
    pub parts: Vec<Allocation>,
}

impl Hold {
    /// The hold as it is at an instant, also where nobody has written down yet that it lapsed.
    #[must_use]
    pub fn as_of(mut self, now: DateTime<Utc>) -> Self {
        if self.is_open() && self.expires_at <= now {
            self.state = HoldState::Lapsed;
        }
        self
    }

    /// Whether its credits are still set aside.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == HoldState::Open
    }
}

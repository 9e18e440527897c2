//! A binding price for one operation.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Operation, Quantities};

/// A binding price for one operation: a ceiling for the later charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its id: `quo_…`.
    pub id: String,
    /// What is priced.
    pub operation: Operation,
    /// How much of it.
    pub quantities: Quantities,
    /// What it costs at most.
    pub cost: Credits,
    /// What was priced, as a row of the history says it.
    pub detail: String,
    /// The version of the rate card that priced it; it stays so, whatever is published later.
    pub rate_card: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The first instant at which it can't be used any more.
    pub valid_until: DateTime<Utc>,
}

impl Quote {
    /// How long a quote can be used.
    pub const VALIDITY: TimeDelta = TimeDelta::minutes(15);

    /// Whether it can be used now.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        now < self.valid_until
    }

    /// What is charged for work that came to this: never more than was quoted.
    #[must_use]
    pub fn charge(&self, actual: Credits) -> Credits {
        actual.min(self.cost)
    }
}

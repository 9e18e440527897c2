//! What an account can be told to do, and why it may refuse.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Note, Operation, Source, expires_after_one_year};

/// One change asked of an account. Its idempotency key travels beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Credits arrive as a new lot.
    Grant {
        /// Where they come from.
        source: Source,
        /// How many.
        amount: Credits,
        /// How long they can be spent.
        validity: Validity,
        /// The purchase that paid for them.
        purchase: Option<String>,
        /// What the row says.
        note: Note,
    },
    /// An operation consumes credits. Zero is allowed and leaves a row.
    Spend {
        /// The type of operation.
        operation: Operation,
        /// How many.
        amount: Credits,
        /// What the row says.
        note: Note,
    },
}

/// How long granted credits can be spent. Bought ones are valid from the instant at which they
/// become spendable, so a payment that takes days costs no validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// One calendar year from the granting.
    OneYear,
    /// Up to, but without, this instant.
    Until(DateTime<Utc>),
}

impl Validity {
    /// The first instant at which credits granted at `at` can't be spent any more.
    #[must_use]
    pub fn ends(self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::OneYear => expires_after_one_year(at),
            Self::Until(end) => end,
        }
    }
}

/// Why a command was refused. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// There is too little to spend.
    #[error("{needed} credits are needed, {available} are available")]
    InsufficientCredits {
        /// What the command asked for.
        needed: Credits,
        /// What can be spent now.
        available: Credits,
        /// What is set aside.
        held: Credits,
    },
    /// The amount can't be meant.
    #[error("the amount must be {expected}")]
    InvalidAmount {
        /// What would be accepted, in words.
        expected: String,
    },
    /// Credits would be granted that have expired already.
    #[error("credits can't be granted with an expiry in the past")]
    AlreadyExpired,
    /// The same idempotency key was used for something else.
    #[error("this idempotency key was used with other content")]
    KeyReused,
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
}

//! What an account can be told to do, and why it may refuse.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, HoldState, Note, Operation, Source, expires_after_one_year};

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
    /// Credits are set aside for an operation that is about to start.
    Hold {
        /// The type of operation.
        operation: Operation,
        /// How many: the most that the operation can cost.
        amount: Credits,
        /// How long they stay set aside.
        lasts: HoldTime,
        /// What the rows of the hold say.
        note: Note,
    },
    /// Held credits become spending; what is left of the hold returns.
    Capture {
        /// The hold.
        hold: i64,
        /// How many of them: what the operation cost.
        amount: Captured,
        /// What was done, where it differs from what was asked: the row's second line.
        detail: Option<String>,
    },
    /// Held credits are given back: the operation failed or was called off, and costs nothing.
    Release {
        /// The hold.
        hold: i64,
        /// Why.
        reason: ReleaseReason,
    },
    /// A hold lasts longer, or sets more aside, for work that outgrows it.
    Extend {
        /// The hold.
        hold: i64,
        /// How long it lasts from now on, which is never shorter than before; none where nothing
        /// is said: an hour at least.
        lasts: Option<HoldTime>,
        /// What is set aside on top.
        more: Credits,
        /// The most that the hold may reach, where the caller is bounded.
        #[serde(skip)]
        ceiling: Option<Credits>,
    },
}

impl Command {
    /// The hold that it names.
    #[must_use]
    pub const fn hold(&self) -> Option<i64> {
        match self {
            Self::Capture { hold, .. } | Self::Release { hold, .. } | Self::Extend { hold, .. } => {
                Some(*hold)
            }
            Self::Grant { .. } | Self::Spend { .. } | Self::Hold { .. } => None,
        }
    }
}

/// What of a hold becomes spending. It is decided when the hold is captured: until then the hold
/// may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Captured {
    /// All that is held.
    All,
    /// So much; not more than is held.
    Exactly(Credits),
    /// So much, or all that is held where that is less.
    UpTo(Credits),
}

impl Captured {
    /// How much it is of a hold of so much.
    #[must_use]
    pub fn of(self, held: Credits) -> Credits {
        match self {
            Self::All => held,
            Self::Exactly(amount) => amount,
            Self::UpTo(amount) => amount.min(held),
        }
    }
}

/// Why a hold is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The operation failed.
    Failed,
    /// The operation was called off.
    Cancelled,
}

impl ReleaseReason {
    /// The word on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How long a hold lasts: from a second to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldTime {
    seconds: u32,
}

impl HoldTime {
    /// The longest: a day.
    pub const LONGEST_SECONDS: u32 = 86_400;
    /// What a hold has that names none: an hour.
    pub const DEFAULT: Self = Self { seconds: 3_600 };

    /// A time of 1 to 86,400 seconds; otherwise none.
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Option<Self> {
        if seconds == 0 || seconds > Self::LONGEST_SECONDS {
            return None;
        }
        Some(Self { seconds })
    }

    /// The first instant at which a hold made or extended at `at` has lapsed.
    #[must_use]
    pub fn ends(self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + TimeDelta::seconds(i64::from(self.seconds))
    }
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
    /// A spend cap of the account would be passed.
    #[error("the spend cap of {cap} credits a billing cycle has {left} left")]
    SpendCap {
        /// The operation that is capped; none where the cap is for all of them.
        operation: Option<Operation>,
        /// The cap.
        cap: Credits,
        /// What can still be spent below it: neither consumed nor held in this cycle.
        left: Credits,
        /// What the command asked for.
        needed: Credits,
        /// What could be spent now if it were not for the cap.
        available: Credits,
        /// What is set aside.
        held: Credits,
    },
    /// A hold would pass the ceiling of who extends it.
    #[error("the ceiling is {ceiling} credits, {needed} are needed")]
    AboveCeiling {
        /// The most that one run may cost.
        ceiling: Credits,
        /// What the command asked for, with what is held already.
        needed: Credits,
    },
    /// There is no such hold on this account.
    #[error("there is no such hold")]
    UnknownHold,
    /// The hold has been settled in another way.
    #[error("the hold is {}", .state.id())]
    HoldSettled {
        /// How it was settled.
        state: HoldState,
        /// What was set aside.
        amount: Credits,
        /// What of it became spending.
        captured: Credits,
        /// When.
        at: DateTime<Utc>,
    },
    /// More would be captured than is held.
    #[error("{amount} credits can't be captured from a hold of {held}")]
    CaptureAboveHold {
        /// What was asked for.
        amount: Credits,
        /// What is set aside.
        held: Credits,
    },
    /// An extension would end before the hold does.
    #[error("the hold lasts until {ends_at} already")]
    ExtensionTooShort {
        /// When the hold lapses as it is.
        ends_at: DateTime<Utc>,
    },
    /// The same idempotency key was used for something else.
    #[error("this idempotency key was used with other content")]
    KeyReused,
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
}

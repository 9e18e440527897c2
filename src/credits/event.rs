//! What happened that somebody should be told of: people by notice and mail, the platform by
//! webhook.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Money, Operation};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The balance fell below the customer's threshold.
    Low {
        /// What is left, held credits included.
        balance: Credits,
        /// The threshold.
        low_at: Credits,
    },
    /// Nothing is left.
    Depleted,
    /// The balance is above the threshold, or above nothing, again.
    Recovered {
        /// What is there, held credits included.
        balance: Credits,
        /// The threshold, where the balance is still below it.
        #[serde(default)]
        low_at: Option<Credits>,
    },
    /// Credits expire soon.
    Expiring {
        /// What would be forfeited if nothing more was spent.
        amount: Credits,
        /// When.
        expires_at: DateTime<Utc>,
        /// Which reminder it is: so many days before.
        days: u32,
    },
    /// A good part of a spend cap is used, or all of it.
    CapReached {
        /// What is capped; none for all operations together.
        operation: Option<Operation>,
        /// The cap.
        cap: Credits,
        /// What is used and held.
        used: Credits,
        /// The level that was reached: 80 or 100.
        percent: u8,
        /// The first day of the next billing cycle.
        until: NaiveDate,
    },
    /// A purchase was paid, and its credits are there.
    PurchaseCredited {
        /// Which.
        purchase: String,
        /// What was bought.
        credits: Credits,
        /// When its credits end.
        expires_at: DateTime<Utc>,
    },
    /// A payment failed; nothing was charged.
    PurchaseFailed {
        /// Which.
        purchase: String,
        /// What would have been bought.
        credits: Credits,
        /// What would have been paid.
        total: Money,
        /// Why, in words for the customer.
        reason: String,
    },
    /// Credits were bought automatically.
    AutoRechargeMade {
        /// The purchase.
        purchase: String,
        /// What was bought.
        credits: Credits,
        /// What was charged.
        total: Money,
    },
    /// An automatic purchase failed; it will be tried again.
    AutoRechargeFailed {
        /// The purchase.
        purchase: String,
        /// What would have been bought.
        credits: Credits,
        /// What would have been charged.
        total: Money,
        /// Why, in words for the customer.
        reason: String,
    },
    /// Nothing is bought automatically until the customer has acted.
    AutoRechargePaused {
        /// Why, in words for the customer.
        reason: String,
    },
    /// Operations cost something else from now on, or soon.
    PriceChanged {
        /// The version of the catalogue.
        version: String,
        /// From when.
        effective_from: DateTime<Utc>,
        /// What the operations of the last 30 days have cost.
        before: Credits,
        /// What they would have cost.
        after: Credits,
        /// How many of them could be priced again; the others are taken to change alike.
        known: u32,
        /// How many operations a rate card had priced.
        operations: u32,
    },
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are those of `Event`")]
pub enum EventKind {
    Low,
    Depleted,
    Recovered,
    Expiring,
    CapReached,
    PurchaseCredited,
    PurchaseFailed,
    AutoRechargeMade,
    AutoRechargeFailed,
    AutoRechargePaused,
    PriceChanged,
}

impl EventKind {
    /// All of them, in the order in which people read of them.
    pub const ALL: [Self; 11] = [
        Self::Low,
        Self::Depleted,
        Self::Recovered,
        Self::Expiring,
        Self::CapReached,
        Self::PurchaseCredited,
        Self::PurchaseFailed,
        Self::AutoRechargeMade,
        Self::AutoRechargeFailed,
        Self::AutoRechargePaused,
        Self::PriceChanged,
    ];

    /// The id in the database, in settings and in webhooks.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Low => "credits.low",
            Self::Depleted => "credits.depleted",
            Self::Recovered => "credits.recovered",
            Self::Expiring => "credits.expiring",
            Self::CapReached => "spend_cap.reached",
            Self::PurchaseCredited => "purchase.credited",
            Self::PurchaseFailed => "purchase.failed",
            Self::AutoRechargeMade => "auto_recharge.made",
            Self::AutoRechargeFailed => "auto_recharge.failed",
            Self::AutoRechargePaused => "auto_recharge.paused",
            Self::PriceChanged => "price.changed",
        }
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.id() == id).ok_or(())
    }
}

impl Event {
    /// What sort of thing it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Low { .. } => EventKind::Low,
            Self::Depleted => EventKind::Depleted,
            Self::Recovered { .. } => EventKind::Recovered,
            Self::Expiring { .. } => EventKind::Expiring,
            Self::CapReached { .. } => EventKind::CapReached,
            Self::PurchaseCredited { .. } => EventKind::PurchaseCredited,
            Self::PurchaseFailed { .. } => EventKind::PurchaseFailed,
            Self::AutoRechargeMade { .. } => EventKind::AutoRechargeMade,
            Self::AutoRechargeFailed { .. } => EventKind::AutoRechargeFailed,
            Self::AutoRechargePaused { .. } => EventKind::AutoRechargePaused,
            Self::PriceChanged { .. } => EventKind::PriceChanged,
        }
    }
}

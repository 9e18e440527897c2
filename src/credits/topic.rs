//! What customers are told of, as they choose it: by which way they hear of which topic.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EventKind;

/// Events that a customer wants to hear of or not, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The balance is low, or nothing is left.
    LowBalance,
    /// There is enough again.
    Recovered,
    /// Credits expire soon.
    Expiry,
    /// A spend cap is nearly or wholly used.
    SpendCaps,
    /// Operations cost something else.
    Prices,
    /// Receipts and failed payments.
    Purchases,
    /// What was bought automatically, or could not be.
    AutoRecharge,
}

/// By which ways a customer hears of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// In the inbox on the site.
    pub inbox: bool,
    /// By e-mail.
    pub mail: bool,
}

impl Topic {
    /// All of them, in the order in which people read of them.
    pub const ALL: [Self; 7] = [
        Self::LowBalance,
        Self::Recovered,
        Self::Expiry,
        Self::SpendCaps,
        Self::Prices,
        Self::Purchases,
        Self::AutoRecharge,
    ];

    /// The topic of an event.
    #[must_use]
    pub const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Low | EventKind::Depleted => Self::LowBalance,
            EventKind::Recovered => Self::Recovered,
            EventKind::Expiring => Self::Expiry,
            EventKind::CapReached => Self::SpendCaps,
            EventKind::PriceChanged => Self::Prices,
            EventKind::PurchaseCredited | EventKind::PurchaseFailed => Self::Purchases,
            EventKind::AutoRechargeMade
            | EventKind::AutoRechargeFailed
            | EventKind::AutoRechargePaused => Self::AutoRecharge,
        }
    }

    /// The id in the database, in forms and in links.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::LowBalance => "low_balance",
            Self::Recovered => "recovered",
            Self::Expiry => "expiry",
            Self::SpendCaps => "spend_caps",
            Self::Prices => "prices",
            Self::Purchases => "purchases",
            Self::AutoRecharge => "auto_recharge",
        }
    }

    /// The name on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowBalance => "Low balance",
            Self::Recovered => "Balance recovered",
            Self::Expiry => "Credits about to expire",
            Self::SpendCaps => "Spend caps",
            Self::Prices => "Price changes",
            Self::Purchases => "Purchases",
            Self::AutoRecharge => "Auto-recharge",
        }
    }

    /// When one hears of it.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::LowBalance => {
                "When your balance falls below your threshold, and when it is used up."
            }
            Self::Recovered => "When there is enough again after a warning.",
            Self::Expiry => "60, 30, 7 and 1 days before credits expire unused.",
            Self::SpendCaps => "When 80 % of a cap is used, and when it is reached.",
            Self::Prices => {
                "When operations are to cost something else, with what it means for you."
            }
            Self::Purchases => "Receipts, and payments that failed.",
            Self::AutoRecharge => "What was bought automatically, and when it could not be.",
        }
    }

    /// Whether customers may do without it. What concerns their money always reaches them.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Purchases | Self::AutoRecharge)
    }

    /// By which ways customers hear of it who chose nothing.
    #[must_use]
    pub const fn usual(self) -> Ways {
        Ways { inbox: true, mail: !matches!(self, Self::Recovered) }
    }
}

impl FromStr for Topic {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|topic| topic.id() == id).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_topic_and_what_concerns_money_can_not_be_left_out() {
        for kind in EventKind::ALL {
            let topic = Topic::of(kind);
            assert_eq!(topic.id().parse(), Ok(topic));
            let is_money = kind.id().starts_with("purchase") || kind.id().starts_with("auto_");
            assert_eq!(topic.is_optional(), !is_money, "{}", kind.id());
            assert!(topic.is_optional() || topic.usual() == Ways { inbox: true, mail: true });
        }
    }
}

//! One Checkout, from started to credited.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AccountId, Credits, Money};

/// How far a purchase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchaseState {
    /// Written down; Stripe has not answered yet, or could not be reached.
    Started,
    /// Waiting for the customer on Stripe's page.
    Open,
    /// The customer has ordered the payment; the money is not confirmed yet.
    Processing,
    /// Paid, and the credits are in the account.
    Credited,
    /// The payment failed; nothing was charged.
    Failed,
    /// The customer came back without paying.
    Cancelled,
    /// The Checkout ended unpaid.
    Expired,
    /// What Stripe says differs from what was sold: a person must look.
    NeedsReview,
}

impl PurchaseState {
    /// All of them, in the order of life.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Open,
        Self::Processing,
        Self::Credited,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::NeedsReview,
    ];

    /// The id in files and the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Open => "open",
            Self::Processing => "processing",
            Self::Credited => "credited",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::NeedsReview => "needs_review",
        }
    }

    /// The state in a word or two, for its owner and for support.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "Not started",
            Self::Open => "Waiting for payment",
            Self::Processing => "Confirming",
            Self::Credited => "Credited",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
            Self::NeedsReview => "In review",
        }
    }

    /// Whether the page may stop waiting for news.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Started | Self::Open | Self::Processing)
    }
}

/// The text names no state of a purchase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state of a purchase: {0:?}")]
pub struct UnknownPurchaseState(String);

impl FromStr for PurchaseState {
    type Err = UnknownPurchaseState;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.id() == id)
            .ok_or_else(|| UnknownPurchaseState(id.to_owned()))
    }
}

/// A purchase as its owner and support see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// `pur_…`.
    pub id: String,
    /// Whose.
    pub account: AccountId,
    /// Whether auto-recharge made it, with nobody on a payment page.
    pub is_auto: bool,
    /// The package chosen; none for a custom amount.
    pub package: Option<String>,
    /// What is bought.
    pub credits: Credits,
    /// What is paid in all.
    pub total: Money,
    /// How far it is.
    pub state: PurchaseState,
    /// Where the customer pays, while that is possible.
    pub checkout_url: Option<String>,
    /// Stripe's receipt.
    pub receipt_url: Option<String>,
    /// Stripe's session, for support.
    pub stripe_session: Option<String>,
    /// Stripe's payment, for support.
    pub stripe_payment: Option<String>,
    /// The number of the lot that it became.
    pub lot: Option<i64>,
    /// When those credits expire.
    pub credits_expire_at: Option<DateTime<Utc>>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When Stripe charged the customer, by Stripe's clock.
    pub charged_at: Option<DateTime<Utc>>,
    /// What Stripe's page noted of its terms: `accepted`, where it asked for them.
    pub stripe_consent: Option<String>,
    /// When Stripe reported the payment.
    pub paid_at: Option<DateTime<Utc>>,
    /// When the credits were there.
    pub credited_at: Option<DateTime<Utc>>,
    /// Why it is where it is, in words for people; empty where nothing needs saying.
    pub reason: String,
}

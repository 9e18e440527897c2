//! Auto-recharge: what a customer agrees to, and when the next charge may be made.

mod form;
mod limits;
mod refill;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

pub use form::{RechargeForm, RechargeProblems};
pub use limits::{PastRecharge, Rest, RestReason, month_of};
pub use refill::Refill;

use super::{Credits, Money, Purchase};

/// Which words were agreed to; kept with the consent.
pub const CONSENT_VERSION: &str = "2026-11";

/// What a customer agrees to: when how much is bought for them, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RechargePlan {
    /// Credits are bought when fewer than these are available.
    pub threshold: Credits,
    /// How much is bought each time.
    pub refill: Refill,
    /// Whole credits: as many as are bought each time, or the balance that is bought up to. Never
    /// more are bought at once.
    pub credits: i64,
    /// The most that is charged each time.
    pub total: Money,
    /// The most that is charged in a calendar month of UTC.
    pub monthly_cap: Money,
    /// The most charges in any 24 hours.
    pub per_day: u32,
    /// Hours between two charges, at least.
    pub cooldown_hours: u32,
}

/// The card, or another payment method, that is saved at Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCard {
    /// `visa`, or the kind of the payment method: `sepa_debit`.
    pub brand: String,
    /// The last four digits; empty where it has none.
    pub last4: String,
}

/// Why nothing is bought until the customer has acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The bank wants its customer to confirm each payment.
    Authentication,
    /// The card was declined, or can't be charged at all.
    Declined,
    /// A recharge would cost more than what was agreed to, or is sold no more.
    Price,
}

/// Auto-recharge as its owner and support see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRecharge {
    /// Whether it is switched on; it may be paused all the same.
    pub is_on: bool,
    /// What was agreed to last.
    pub plan: Option<RechargePlan>,
    /// When.
    pub consented_at: Option<DateTime<Utc>>,
    /// What is charged.
    pub card: Option<SavedCard>,
    /// Since when nothing is bought, and why.
    pub paused: Option<(DateTime<Utc>, PauseReason)>,
    /// What was charged in this calendar month of UTC, what is under way included.
    pub charged_this_month: i64,
    /// The first day of this month and that of the next one, in UTC.
    pub month: (NaiveDate, NaiveDate),
    /// Why the next charge can't be made at once.
    pub rest: Option<Rest>,
    /// The latest recharges, newest first.
    pub recharges: Vec<Purchase>,
}

impl RechargePlan {
    /// The words that the customer agrees to, a sentence each.
    #[must_use]
    pub fn consent(&self, card: &SavedCard) -> Vec<String> {
        let (times, hours) = (self.per_day, self.cooldown_hours);
        let [when, price] = self.refill_consent(card);
        vec![
            when,
            format!(
                "That happens at most {times} {} in 24 hours, at least {hours} {} apart, and \
                 never for more than {} in a calendar month (UTC).",
                if times == 1 { "time" } else { "times" },
                if hours == 1 { "hour" } else { "hours" },
                self.monthly_cap,
            ),
            price,
            "Purchases are non-refundable. The credits expire one year after they are added to \
             my account; what is unused then is forfeited."
                .to_owned(),
            "I can switch this off, or remove the card, at any time on this page.".to_owned(),
        ]
    }
}

impl std::fmt::Display for SavedCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.brand.as_str() {
            "visa" => "Visa",
            "mastercard" => "Mastercard",
            "amex" => "American Express",
            "sepa_debit" => "the bank account",
            "link" => "Link",
            "" => "the saved card",
            other => other,
        };
        f.write_str(name)?;
        if self.last4.is_empty() { Ok(()) } else { write!(f, " •••• {}", self.last4) }
    }
}

impl PauseReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Authentication, Self::Declined, Self::Price];

    /// The id in the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Declined => "declined",
            Self::Price => "price",
        }
    }

    /// What happened, in words for the customer.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Authentication => {
                "Your bank wants you to confirm each payment yourself. Nothing was charged."
            }
            Self::Declined => "Your card was declined. Nothing was charged.",
            Self::Price => {
                "A recharge would cost more than you agreed to, or is sold no more. Nothing was \
                 charged."
            }
        }
    }
}

impl std::str::FromStr for PauseReason {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|reason| reason.id() == id).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Currency;

    /// What is agreed to with this refill of 5,000 credits.
    fn consent(refill: Refill) -> String {
        let plan = RechargePlan {
            threshold: Credits::from_thousandths(500_000),
            refill,
            credits: 5_000,
            total: Money::new(23_000, Currency::Usd),
            monthly_cap: Money::new(69_000, Currency::Usd),
            per_day: 3,
            cooldown_hours: 1,
        };
        let card = SavedCard { brand: "visa".to_owned(), last4: "4242".to_owned() };
        let words = plan.consent(&card).join(" ");
        for said in [
            "below 500,",
            "3 times in 24 hours, at least 1 hour apart",
            "more than $690.00 in a calendar month (UTC)",
            "non-refundable",
            "expire one year after",
        ] {
            assert!(words.contains(said), "{said}: {words}");
        }
        words
    }

    #[test]
    fn the_consent_names_the_card_and_every_amount() {
        let words = consent(Refill::Package("trader".to_owned()));
        assert!(words.contains("charges Visa •••• 4242 $230.00 for 5,000 credits,"), "{words}");
        assert!(words.contains("If the price rises, nothing is charged"), "{words}");
    }

    #[test]
    fn the_consent_to_a_target_names_the_largest_possible_charge() {
        let words = consent(Refill::Target);
        for said in [
            "charges Visa •••• 4242 for what is missing up to 5,000 credits",
            "the smallest amount that is sold where less is missing",
            "The most that is charged at once is $230.00, for 5,000 credits.",
            "If the price of 5,000 credits rises, nothing is charged",
        ] {
            assert!(words.contains(said), "{said}: {words}");
        }
    }

    #[test]
    fn a_payment_method_without_digits_has_a_name_all_the_same() {
        let card = |brand: &str, last4: &str| {
            SavedCard { brand: brand.to_owned(), last4: last4.to_owned() }.to_string()
        };
        assert_eq!(card("sepa_debit", "3000"), "the bank account •••• 3000");
        let brands = ["visa", "mastercard", "amex", "jcb"].map(|brand| card(brand, "42"));
        let expected =
            ["Visa •••• 42", "Mastercard •••• 42", "American Express •••• 42", "jcb •••• 42"];
        assert_eq!(brands, expected);
        assert_eq!((card("link", ""), card("", "")), ("Link".into(), "the saved card".into()));
    }
}

//! How much a recharge buys: the same each time, or what is missing up to a target balance.

use serde::{Deserialize, Serialize};

use super::{RechargePlan, SavedCard};
use crate::credits::{Credits, Offer, PriceSchedule, amount::grouped};

/// How much a recharge buys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refill {
    /// A package, by its id.
    Package(String),
    /// The same custom amount each time.
    Amount,
    /// What is missing up to a target balance.
    Target,
}

impl RechargePlan {
    /// What a recharge of this balance buys at today's prices. None where the most that was agreed
    /// to costs more now, or is sold no more: its owner has to agree again.
    #[must_use]
    pub fn offer(&self, available: Credits, schedule: &PriceSchedule) -> Option<Offer> {
        let is_sold = schedule.currency == self.total.currency
            && schedule.check_amount(self.credits).is_ok()
            && schedule.total(self.credits) <= self.total.minor;
        let offer = is_sold.then(|| schedule.offer(self.refill_of(available, schedule.minimum)));
        offer.filter(|offer| offer.total.minor > 0)
    }

    /// Whole credits that are bought for this balance: up to a target the fewest that reach it,
    /// but no fewer than are sold at once.
    fn refill_of(&self, available: Credits, minimum: i64) -> i64 {
        if self.refill != Refill::Target {
            return self.credits;
        }
        let target = Credits::try_from_whole(self.credits).unwrap_or_default();
        let missing = target.checked_sub(available).unwrap_or(target);
        let is_part = missing.thousandths() % 1_000 > 0;
        (missing.whole() + i64::from(is_part)).max(minimum).min(self.credits)
    }

    /// What each recharge buys, and for how much at most: "5,000 credits for at most $230.00".
    #[must_use]
    pub fn each(&self) -> String {
        let (credits, total) = (grouped(self.credits.unsigned_abs()), self.total);
        match self.refill {
            Refill::Target => {
                format!("what is missing up to {credits} credits, for at most {total}")
            }
            Refill::Package(_) | Refill::Amount => format!("{credits} credits for at most {total}"),
        }
    }

    /// What is agreed to of the amounts, and of a price that rises.
    pub(super) fn refill_consent(&self, card: &SavedCard) -> [String; 2] {
        let (threshold, total) = (self.threshold, self.total);
        let credits = grouped(self.credits.unsigned_abs());
        match self.refill {
            Refill::Target => [
                format!(
                    "When my available credits fall below {threshold}, Recharge charges {card} \
                     for what is missing up to {credits} credits, or for the smallest amount that \
                     is sold where less is missing, without asking me each time. The most that is \
                     charged at once is {total}, for {credits} credits.",
                ),
                format!(
                    "If the price of {credits} credits rises, nothing is charged until I have \
                     agreed to the new one.",
                ),
            ],
            Refill::Package(_) | Refill::Amount => [
                format!(
                    "When my available credits fall below {threshold}, Recharge charges {card} \
                     {total} for {credits} credits, without asking me each time.",
                ),
                "If the price rises, nothing is charged until I have agreed to the new one."
                    .to_owned(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credits::{Currency, Money, PriceStep};

    fn schedule(minimum: i64, maximum: i64, price_milli: i64) -> PriceSchedule {
        let steps = vec![PriceStep { up_to: maximum, price_milli }];
        PriceSchedule { currency: Currency::Usd, minimum, maximum, steps }
    }

    /// Up to 5,000 credits, for $225.00 at most.
    fn plan(refill: Refill) -> RechargePlan {
        RechargePlan {
            threshold: Credits::from_thousandths(500_000),
            refill,
            credits: 5_000,
            total: Money::new(22_500, Currency::Usd),
            monthly_cap: Money::new(67_500, Currency::Usd),
            per_day: 3,
            cooldown_hours: 1,
        }
    }

    fn bought(available: i64, schedule: &PriceSchedule) -> Option<i64> {
        let available = Credits::from_thousandths(available);
        plan(Refill::Target).offer(available, schedule).map(|offer| offer.credits)
    }

    #[test]
    fn up_to_a_target_the_fewest_whole_credits_that_reach_it_are_bought() {
        let schedule = schedule(100, 100_000, 4_500);
        for (available, credits) in [
            (499_000, 4_501),
            (498_999, 4_502),
            (498_001, 4_502),
            (1, 5_000),
            (0, 5_000),
            (-3_000_000, 5_000),
            (4_900_000, 100),
            (4_999_999, 100),
        ] {
            assert_eq!(bought(available, &schedule), Some(credits), "{available}");
        }
        let usual = plan(Refill::Amount).offer(Credits::from_thousandths(499_000), &schedule);
        assert_eq!(usual.unwrap().credits, 5_000);
    }

    #[test]
    fn nothing_is_bought_dearer_than_agreed_to_nor_what_is_sold_no_more() {
        assert_eq!(bought(499_000, &schedule(100, 100_000, 4_501)), None, "it costs more");
        assert_eq!(bought(499_000, &schedule(100, 4_999, 4_500)), None, "the target is too large");
        assert_eq!(bought(499_000, &schedule(5_001, 9_000, 4_500)), None, "and too small");
        assert_eq!(bought(499_000, &schedule(100, 100_000, 0)), None, "a card is charged money");
        assert_eq!(bought(499_000, &schedule(100, 5_000, 4_000)), Some(4_501), "it costs less");
    }

    proptest! {
        /// Whatever is left: the target is reached, never with a credit too many, and never for
        /// more than was agreed to.
        #[test]
        fn a_target_is_reached_exactly_and_within_what_was_agreed_to(
            available in 0_i64..500_000,
            minimum in 1_i64..5_000,
        ) {
            let schedule = schedule(minimum, 100_000, 4_500);
            let left = Credits::from_thousandths(available);
            let offer = plan(Refill::Target).offer(left, &schedule).unwrap();
            let after = available + offer.credits * 1_000;
            prop_assert!(after >= 5_000_000);
            prop_assert!(after < 5_001_000 || offer.credits == minimum);
            prop_assert!(offer.total.minor <= 22_500);
        }
    }
}

//! Volume prices: what a number of credits costs, and which numbers are sold.
//!
//! Each credit costs what its step says, so one credit more never makes the total smaller.

use serde::{Deserialize, Serialize};

use super::{
    CatalogueError, Currency, Money,
    amount::grouped,
    entered::{SEPARATORS, grouped_digits},
};

/// Thousandths in one minor unit: the unit of prices per credit.
const MILLI: i64 = 1_000;
/// The most credits that can be sold at once: 10^15 thousandths, the most that a command may move.
const LARGEST_PURCHASE: i64 = 1_000_000_000_000;
/// The most that they may cost: offers compute with 2,000 times as much.
const MOST_MILLI: i64 = i64::MAX / 2_000;
/// What is had for nothing is worth a word from this part of the purchase on: a hundredth.
const WORTH_A_WORD: i64 = 100;

/// The price of the credits of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceStep {
    /// The last credit that it prices, in whole credits.
    pub up_to: i64,
    /// Thousandths of the minor unit per credit: 4.5 ¢ is 4500.
    pub price_milli: i64,
}

/// The volume prices behind presets and custom amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSchedule {
    /// What is paid in.
    pub currency: Currency,
    /// The fewest whole credits sold at once.
    pub minimum: i64,
    /// The most whole credits sold at once.
    pub maximum: i64,
    /// Steps in ascending order; the last one reaches the maximum.
    pub steps: Vec<PriceStep>,
}

/// One line of a price, as a sum shows it: 4,000 × 4.5 ¢ = $180.00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferLine {
    /// Whole credits priced by this step.
    pub credits: i64,
    /// Thousandths of the minor unit per credit.
    pub price_milli: i64,
    /// What they add to the total; the lines sum to it exactly.
    pub total: Money,
}

/// What a number of credits costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Whole credits.
    pub credits: i64,
    /// What is paid in all.
    pub total: Money,
    /// How the total comes about.
    pub lines: Vec<OfferLine>,
    /// What is saved against the price of the first step.
    pub saving: Money,
}

/// Why a text is no amount that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AmountError {
    /// Nothing was entered.
    #[error("Enter how many credits you want to buy.")]
    Empty,
    /// Only the separators are in the way.
    #[error("Write the amount without separators: {0}.")]
    Separators(String),
    /// There is a fraction.
    #[error("Credits are sold whole: enter a number without decimals.")]
    Fraction,
    /// It is no number.
    #[error("Enter a whole number of credits in digits, such as 5000.")]
    NotANumber,
    /// Fewer than are sold at once.
    #[error("The smallest purchase is {} credits.", grouped(.0.unsigned_abs()))]
    TooFew(i64),
    /// More than are sold at once.
    #[error("The largest purchase is {} credits.", grouped(.0.unsigned_abs()))]
    TooMany(i64),
}

impl PriceSchedule {
    /// Reads an amount that a customer entered.
    ///
    /// # Errors
    /// An [`AmountError`] with the sentence to show at the field.
    pub fn parse_amount(&self, text: &str) -> Result<i64, AmountError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        let unsigned = text.strip_prefix(['-', '\u{2212}']).unwrap_or(text);
        if unsigned.is_empty() || !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(AmountError::NotANumber);
        }
        if !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_digits(unsigned));
        }
        if unsigned.len() < text.len() {
            return Err(AmountError::TooFew(self.minimum));
        }
        let credits = text.parse().map_err(|_| AmountError::TooMany(self.maximum))?;
        self.check_amount(credits)?;
        Ok(credits)
    }

    /// Whether this many credits are sold at once.
    ///
    /// # Errors
    /// An [`AmountError`] with the sentence to show at the field.
    pub fn check_amount(&self, credits: i64) -> Result<(), AmountError> {
        if credits < self.minimum {
            return Err(AmountError::TooFew(self.minimum));
        }
        if credits > self.maximum {
            return Err(AmountError::TooMany(self.maximum));
        }
        Ok(())
    }

    /// What this many whole credits cost in minor units: rounded once, down.
    #[must_use]
    pub fn total(&self, credits: i64) -> i64 {
        self.milli(credits) / MILLI
    }

    /// The most credits that cost no more than these, where that is enough more to be worth a
    /// word. A schedule never lets more cost less; free steps and prices far below the minor unit
    /// let it cost the same.
    #[must_use]
    pub fn most_for_the_same(&self, credits: i64) -> Option<i64> {
        let total = self.total(credits);
        let (mut same, mut dearer) = (credits, self.maximum + 1);
        while dearer - same > 1 {
            let middle = same + (dearer - same) / 2;
            if self.total(middle) <= total {
                same = middle;
            } else {
                dearer = middle;
            }
        }
        (same - credits >= (credits / WORTH_A_WORD).max(1)).then_some(same)
    }

    /// The offer for this many whole credits.
    #[must_use]
    pub fn offer(&self, credits: i64) -> Offer {
        let money = |minor| Money::new(minor, self.currency);
        let (mut lines, mut priced) = (Vec::new(), 0);
        for step in &self.steps {
            let next = credits.min(step.up_to);
            if next > priced {
                lines.push(OfferLine {
                    credits: next - priced,
                    price_milli: step.price_milli,
                    total: money(self.total(next) - self.total(priced)),
                });
                priced = next;
            }
        }
        let base = self.steps.first().map_or(0, |step| step.price_milli * credits / MILLI);
        let total = self.total(credits);
        Offer { credits, total: money(total), lines, saving: money(base - total) }
    }

    fn milli(&self, credits: i64) -> i64 {
        let (mut sum, mut priced) = (0, 0);
        for step in &self.steps {
            let next = credits.min(step.up_to).max(priced);
            sum += (next - priced) * step.price_milli;
            priced = next;
        }
        sum
    }

    /// Checks that the schedule can be sold from.
    pub(super) fn validate(&self) -> Result<(), CatalogueError> {
        let fail = |index, message| Err(CatalogueError { table: "price", index, message });
        if self.minimum < 1 || self.maximum < self.minimum {
            let (minimum, maximum) = (self.minimum, self.maximum);
            let message =
                format!("minimum {minimum} and maximum {maximum} must be 1 or more and in order");
            return Err(CatalogueError { table: "minimum", index: 0, message });
        }
        if self.maximum > LARGEST_PURCHASE {
            let message = format!("maximum {} can't be above {LARGEST_PURCHASE}", self.maximum);
            return Err(CatalogueError { table: "minimum", index: 0, message });
        }
        let mut previous = 0;
        for (index, step) in self.steps.iter().enumerate() {
            if step.up_to > self.maximum {
                let message = format!("up_to = {} is above maximum {}", step.up_to, self.maximum);
                return fail(index, message);
            }
            let most = step.price_milli.checked_mul(self.maximum);
            if most.is_none_or(|most| most > MOST_MILLI) {
                return fail(index, "this price is more than can be counted".to_owned());
            }
            if step.up_to <= previous {
                return fail(
                    index,
                    format!("up_to = {} must be above the step before it", step.up_to),
                );
            }
            let (at_least, at_most) = (self.total(previous), self.total(previous + 1));
            if step.price_milli < 0 || at_most < at_least {
                return fail(
                    index,
                    format!(
                        "{} credits would cost less than {previous}: a price per credit can't be negative",
                        previous + 1,
                    ),
                );
            }
            previous = step.up_to;
        }
        if previous != self.maximum {
            let last = self.steps.len().saturating_sub(1);
            return fail(
                last,
                format!("the last step must reach the maximum of {} credits", self.maximum),
            );
        }
        Ok(())
    }
}

/// Names the reason why a text that starts with a digit is not digits alone.
fn not_digits(unsigned: &str) -> AmountError {
    // Credits are sold whole, so that here a point can separate thousands too.
    let digits = grouped_digits(unsigned, &SEPARATORS);
    if let Some(digits) = digits.or_else(|| grouped_digits(unsigned, &['.'])) {
        return AmountError::Separators(digits);
    }
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once(['.', ',']) {
        Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) => AmountError::Fraction,
        _ => AmountError::NotANumber,
    }
}

impl Offer {
    /// The price of one credit on average, in hundredths of the minor unit, rounded half up.
    #[must_use]
    pub fn per_credit_hundredths(&self) -> i64 {
        if self.credits == 0 {
            return 0;
        }
        (self.total.minor * 200 + self.credits) / (2 * self.credits)
    }

    /// The price of one credit on average, as written: `"4.15¢"`.
    #[must_use]
    pub fn per_credit(&self) -> String {
        let hundredths = self.per_credit_hundredths();
        let symbol = self.total.currency.minor_symbol();
        format!("{}.{:02}{symbol}", hundredths / 100, hundredths % 100)
    }

    /// What is saved in thousandths of the first step's price, rounded half up.
    #[must_use]
    pub fn saving_permille(&self) -> i64 {
        let base = self.saving.minor + self.total.minor;
        if base == 0 {
            return 0;
        }
        (self.saving.minor * 2_000 + base) / (2 * base)
    }
}

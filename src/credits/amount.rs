//! An amount of credits: an integer number of thousandths.

use std::{fmt, iter::Sum, ops::Neg, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount of credits in thousandths; negative where something is taken away.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Credits(i64);

/// Thousandths in one credit.
const SCALE: i64 = 1_000;

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);

    /// From thousandths of a credit.
    #[must_use]
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// From whole credits; `None` where that does not fit.
    #[must_use]
    pub const fn try_from_whole(whole: i64) -> Option<Self> {
        match whole.checked_mul(SCALE) {
            Some(thousandths) => Some(Self(thousandths)),
            None => None,
        }
    }

    /// The amount in thousandths of a credit.
    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The whole credits, cut towards zero.
    #[must_use]
    pub const fn whole(self) -> i64 {
        self.0 / SCALE
    }

    /// The amount as a number for charts; exact up to 2⁵³ thousandths.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a chart's bar needs no more than 53 bits")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }

    /// The sum; `None` where that does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference; `None` where that does not fit.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether there is something.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The whole part as written, without the fraction: `"−1,234"`.
    #[must_use]
    pub fn whole_text(self) -> String {
        let digits = self.0.unsigned_abs() / SCALE.unsigned_abs();
        let sign = if self.0 < 0 { "\u{2212}" } else { "" };
        format!("{sign}{}", grouped(digits))
    }

    /// The fraction as written, without forced zeros: `".38"`, or nothing.
    #[must_use]
    pub fn fraction_text(self) -> String {
        let fraction = self.0.unsigned_abs() % SCALE.unsigned_abs();
        if fraction == 0 {
            return String::new();
        }
        format!(".{fraction:03}").trim_end_matches('0').to_owned()
    }

    /// With its sign always written: `"+5,000"`, `"−6.5"`, `"0"`.
    #[must_use]
    pub fn signed(self) -> String {
        if self.0 > 0 { format!("+{self}") } else { self.to_string() }
    }

    /// Without separators and with an ASCII sign, for files and APIs: `"-1346.13"`.
    #[must_use]
    pub fn plain(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / SCALE.unsigned_abs();
        format!("{sign}{whole}{}", self.fraction_text())
    }
}

/// Digits in groups of three.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.whole_text(), self.fraction_text())
    }
}

/// Overflow of the sum is a programming error: amounts are checked where they enter.
impl std::ops::Add for Credits {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Credits {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::ops::AddAssign for Credits {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Credits {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Credits {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, |sum, amount| sum + amount)
    }
}

/// The text is no amount of credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an amount of credits such as 1250 or 12.5, with up to 3 decimals")]
pub struct ParseCreditsError;

/// Reads what [`Credits::plain`] writes.
impl FromStr for Credits {
    type Err = ParseCreditsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_bare_point = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || has_bare_point || fraction.len() > 3 {
            return Err(ParseCreditsError);
        }
        if !only_digits(whole) || !only_digits(fraction) {
            return Err(ParseCreditsError);
        }
        let thousandths = format!("{whole}{fraction:0<3}").parse::<i64>();
        let thousandths = thousandths.map_err(|_| ParseCreditsError)?;
        Ok(Self(if negative { -thousandths } else { thousandths }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(thousandths: i64) -> Credits {
        Credits::from_thousandths(thousandths)
    }

    #[test]
    fn amounts_are_written_with_separators_and_no_forced_zeros() {
        assert_eq!(credits(1_346_130).to_string(), "1,346.13");
        assert_eq!(credits(-6_500).to_string(), "\u{2212}6.5");
        assert_eq!(credits(5).to_string(), "0.005");
        assert_eq!(credits(1_000_000_000).to_string(), "1,000,000");
        assert_eq!(credits(2_000).signed(), "+2");
        assert_eq!(credits(0).signed(), "0");
        assert_eq!(credits(-1_234_500).plain(), "-1234.5");
    }

    #[test]
    fn what_is_written_plainly_is_read_back() {
        for thousandths in [0, 1, 10, 999, 1_000, 1_001, -1, -1_234_567, i64::MAX] {
            let amount = credits(thousandths);
            assert_eq!(amount.plain().parse(), Ok(amount));
        }
    }

    #[test]
    fn text_that_is_no_amount_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e9", "1,000", "1.2345", "NaN", "+1", " 1", "٣"] {
            assert_eq!(text.parse::<Credits>(), Err(ParseCreditsError), "{text}");
        }
        assert!("9223372036854775.808".parse::<Credits>().is_err());
    }
}

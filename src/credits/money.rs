//! An amount of money: an integer number of the currency's minor unit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::amount::grouped;

/// A currency with two decimals that packages can be sold in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Currency {
    /// US dollar.
    Usd,
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
}

impl Currency {
    /// Stripe's spelling: the lower-case ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Eur => "eur",
            Self::Gbp => "gbp",
        }
    }

    /// The sign in front of an amount.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Eur => "€",
            Self::Gbp => "£",
        }
    }

    /// The sign of the minor unit, behind a price per credit.
    #[must_use]
    pub const fn minor_symbol(self) -> &'static str {
        match self {
            Self::Usd => "¢",
            Self::Eur => " ct",
            Self::Gbp => "p",
        }
    }

    /// The plural name, as in "Prices in US dollars".
    #[must_use]
    pub const fn plural_name(self) -> &'static str {
        match self {
            Self::Usd => "US dollars",
            Self::Eur => "euros",
            Self::Gbp => "pounds sterling",
        }
    }
}

/// The text names no currency that can be sold in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency {0:?}: use usd, eur or gbp")]
pub struct UnknownCurrency(String);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        [Self::Usd, Self::Eur, Self::Gbp]
            .into_iter()
            .find(|currency| currency.code() == code)
            .ok_or_else(|| UnknownCurrency(code.to_owned()))
    }
}

/// Money in minor units (cents) of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// What the minor units are of.
    pub currency: Currency,
}

impl Money {
    /// From minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Without symbol and separators, for files: `"830.00"`.
    #[must_use]
    pub fn plain(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        format!("{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "\u{2212}" } else { "" };
        let minor = self.minor.unsigned_abs();
        let (major, rest) = (grouped(minor / 100), minor % 100);
        write!(f, "{sign}{}{major}.{rest:02}", self.currency.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_symbol_separators_and_two_decimals() {
        assert_eq!(Money::new(83_000, Currency::Usd).to_string(), "$830.00");
        assert_eq!(Money::new(-5, Currency::Eur).to_string(), "\u{2212}€0.05");
        assert_eq!(Money::new(123_456_789, Currency::Gbp).to_string(), "£1,234,567.89");
        assert_eq!(Money::new(0, Currency::Usd).to_string(), "$0.00");
        assert_eq!(Money::new(123_456, Currency::Usd).plain(), "1234.56");
    }

    #[test]
    fn only_known_currencies_are_read() {
        assert_eq!("eur".parse(), Ok(Currency::Eur));
        assert!("EUR".parse::<Currency>().is_err());
        assert!("xxx".parse::<Currency>().is_err());
    }
}

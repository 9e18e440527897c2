//! Why a purchase was not started: the codes of `problem=` in the address, and their words.

use serde::{Deserialize, Serialize};

/// Why the form's post came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The terms were not accepted.
    Terms,
    /// Prices or terms are not those that the page showed.
    Prices,
    /// Payments are switched off.
    Off,
    /// The form is too old, or was not ours.
    Intent,
    /// Anything else that kept the purchase from being written down.
    Unavailable,
}

impl Problem {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Terms, Self::Prices, Self::Off, Self::Intent, Self::Unavailable];

    /// The code in the address.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Terms => "terms",
            Self::Prices => "prices",
            Self::Off => "off",
            Self::Intent => "intent",
            Self::Unavailable => "unavailable",
        }
    }

    /// Reads a code; none where the page itself shows what is wrong: `package`, `amount`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.code() == code)
    }

    /// What happened.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Terms => "Please accept the terms.",
            Self::Prices => "Prices or terms have changed since you opened the page.",
            Self::Off => "Purchases are off at the moment.",
            Self::Intent => "This order was out of date.",
            Self::Unavailable => "The purchase could not be started.",
        }
    }

    /// That nothing was lost, and what to do.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Terms => "Nothing was charged. Tick the box beside the terms to go on.",
            Self::Prices => "Nothing was charged. The new prices are below: check them and go on.",
            Self::Off => "Nothing was charged. Please try again later.",
            Self::Intent => "Nothing was charged. Check the order below and go on.",
            Self::Unavailable => "Nothing was charged. Please try again in a moment.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_found_by_its_code_and_says_that_nothing_was_charged() {
        for problem in Problem::ALL {
            assert_eq!(Problem::from_code(problem.code()), Some(problem));
            assert!(problem.explanation().contains("Nothing was charged"));
        }
        assert_eq!(Problem::from_code("amount"), None, "the field says it");
    }
}

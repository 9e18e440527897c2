//! What can be bought, and what operations cost.
//!
//! Presets and custom amounts share one price schedule; a catalogue that can't be sold from is
//! refused at the start.

use serde::{Deserialize, Serialize};

use super::{Credits, Operation, PriceSchedule, Quantities, RateCard};

/// A preset purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its id in forms and files.
    pub id: String,
    /// Whole credits.
    pub credits: i64,
}

/// What some credits are worth: how many of a typical operation they pay for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorthExample {
    /// The type of operation.
    pub operation: Operation,
    /// How much of it one of them takes.
    pub quantities: Quantities,
    /// What one of them costs by the rate card.
    pub cost: Credits,
    /// What one of them is, in the plural: "backtests of 10 assets × 1 year, hourly bars".
    pub what: String,
    /// The shortest name in the plural: "backtests".
    pub short: String,
}

/// Everything that can be bought, and what it is spent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Names this state of the catalogue; kept with each purchase.
    pub version: String,
    /// The volume prices.
    pub schedule: PriceSchedule,
    /// The presets, smallest first.
    pub packages: Vec<Package>,
    /// What credits are worth.
    pub worth: Vec<WorthExample>,
    /// What operations cost.
    pub rate_card: RateCard,
    /// The terms that a customer accepts, kept with the purchase.
    pub terms: String,
}

/// What is wrong with a catalogue, and in which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CatalogueError {
    /// The table that is wrong: `price`, `package` …
    pub table: &'static str,
    /// Which of them, from 0.
    pub index: usize,
    /// What is wrong with it, for the operator.
    pub message: String,
}

impl Catalogue {
    /// Checks that everything in it can be sold.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), CatalogueError> {
        self.schedule.validate()?;
        self.rate_card.validate()?;
        for (index, package) in self.packages.iter().enumerate() {
            let fail = |message| Err(CatalogueError { table: "package", index, message });
            if let Err(error) = self.schedule.check_amount(package.credits) {
                return fail(format!("package {:?} can't be sold: {error}", package.id));
            }
            let before = &self.packages[..index];
            if before.iter().any(|other| other.id == package.id) {
                return fail(format!("package {:?} is there twice", package.id));
            }
            if before.last().is_some_and(|other| other.credits >= package.credits) {
                return fail(format!(
                    "package {:?} must hold more than the one before it",
                    package.id
                ));
            }
        }
        for (index, example) in self.worth.iter().enumerate() {
            if !example.cost.is_positive() {
                let message = format!("the cost of {:?} must be above 0", example.what);
                return Err(CatalogueError { table: "worth", index, message });
            }
        }
        Ok(())
    }

    /// All that a page shows of prices, in a line. The form that buys carries it back, so that
    /// nobody pays another price, or accepts other terms, than they have seen.
    #[must_use]
    pub fn prices(&self) -> String {
        let steps = self.schedule.steps.iter();
        let steps = steps.map(|step| format!(" {}:{}", step.up_to, step.price_milli));
        let packages = self.packages.iter();
        let packages = packages.map(|package| format!(" {}={}", package.id, package.credits));
        let currency = self.schedule.currency.code();
        format!("{} {currency}{}", self.version, steps.chain(packages).collect::<String>())
    }

    /// The package with this id.
    #[must_use]
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;

//! What operations cost.
//!
//! cost = base + factors of the options chosen × Σ (rate × its quantities), rounded once, down, to
//! thousandths of a credit, then held between minimum and maximum. With nothing negative in it, more of a
//! quantity never costs less.

use serde::{Deserialize, Serialize};

use super::{Choosable, Credits, Number, Operation, Quantities, QuantityError, amount::grouped};

/// Billionths of a credit in one thousandth: the unit of rates in that of amounts.
const NANO: i128 = 1_000_000;
/// Millionths in one: the unit of factors.
pub(super) const FACTOR: i128 = 1_000_000;

/// The prices of all operations, in the order of [`Operation::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateCard {
    /// One for each.
    pub operations: Vec<OperationRates>,
}

/// What prices one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRates {
    /// Which one.
    pub operation: Operation,
    /// What each costs whatever its quantities are, in billionths of a credit.
    pub base: i64,
    /// No cost is below it.
    pub minimum: Credits,
    /// No cost is above it, where there is one.
    pub maximum: Option<Credits>,
    /// What must be said of it, in the order in which it is told.
    pub quantities: Vec<PricedQuantity>,
    /// What its numbers cost.
    pub rates: Vec<Rate>,
}

/// A quantity that a price depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedQuantity {
    /// Its id: `input_tokens`.
    pub id: String,
    /// Its name on screen: "Input tokens".
    pub name: String,
    /// What values it has.
    pub kind: QuantityKind,
}

/// What values a quantity has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityKind {
    /// Numbers in a range.
    Number(Number),
    /// One of some options.
    Choice(Vec<Choosable>),
}

/// The price of one unit of a number, or of a product of several: of one asset for one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// In billionths of a credit.
    pub price: i64,
    /// The ids of the numbers that are multiplied.
    pub of: Vec<String>,
}

/// What an operation costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// The cost.
    pub cost: Credits,
    /// What was priced, as a row of the history says it: "20 assets × 1 year, daily bars".
    pub detail: String,
}

/// A quantity as it was read.
#[derive(Clone, Copy, Debug)]
pub enum Value<'c> {
    /// How much of it, in units of its last decimal.
    Number(&'c Number, i64),
    /// What was chosen.
    Chosen(&'c Choosable),
}

impl RateCard {
    /// What prices an operation.
    #[must_use]
    pub fn rates(&self, operation: Operation) -> Option<&OperationRates> {
        self.operations.iter().find(|rates| rates.operation == operation)
    }

    /// Prices an operation.
    ///
    /// # Errors
    /// The first quantity that is missing, unknown, or can't be meant.
    pub fn price(
        &self,
        operation: Operation,
        quantities: &Quantities,
    ) -> Result<Priced, QuantityError> {
        let Some(rates) = self.rates(operation) else {
            let message = format!("There is no price for {operation}.");
            return Err(QuantityError::new("operation", message));
        };
        rates.price(quantities)
    }
}

impl OperationRates {
    /// Prices one.
    ///
    /// # Errors
    /// See [`RateCard::price`].
    pub fn price(&self, quantities: &Quantities) -> Result<Priced, QuantityError> {
        self.priced(&self.known(quantities)?)
    }

    /// The words of each quantity by its id: "20 assets", "daily bars".
    ///
    /// # Errors
    /// See [`RateCard::price`].
    pub fn words(&self, quantities: &Quantities) -> Result<Vec<(&str, String)>, QuantityError> {
        let values = self.known(quantities)?;
        let ids = self.quantities.iter().map(|quantity| quantity.id.as_str());
        Ok(ids.zip(values.into_iter().map(Value::words)).collect())
    }

    /// Reads the quantities, each as it was given by its id.
    ///
    /// # Errors
    /// The first one that can't be meant.
    pub fn read(&self, given: &dyn Fn(&str) -> String) -> Result<Vec<Value<'_>>, QuantityError> {
        self.quantities.iter().map(|quantity| quantity.read(&given(&quantity.id))).collect()
    }

    /// Prices what was read.
    ///
    /// # Errors
    /// Where it is more than can be counted, which a validated card rules out.
    pub fn priced(&self, values: &[Value<'_>]) -> Result<Priced, QuantityError> {
        let cost = self.cost(values).ok_or_else(|| {
            let field = self.quantities.first().map_or("operation", |quantity| &quantity.id);
            QuantityError::new(field, "This is more than can be priced.".to_owned())
        })?;
        Ok(Priced { cost, detail: self.detail(values) })
    }

    /// Reads quantities of which none may be unknown.
    fn known(&self, quantities: &Quantities) -> Result<Vec<Value<'_>>, QuantityError> {
        let unknown = quantities.keys().find(|id| self.find(id).is_none());
        if let Some(id) = unknown {
            let known: Vec<_> =
                self.quantities.iter().map(|quantity| quantity.id.as_str()).collect();
            let (operation, known) = (self.operation, known.join(", "));
            let message = format!("{id} is no quantity of {operation}: it has {known}.");
            return Err(QuantityError::new(id, message));
        }
        self.read(&|id| quantities.get(id).map(|given| given.text().to_owned()).unwrap_or_default())
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.quantities.iter().position(|quantity| quantity.id == id)
    }

    /// Exact up to the one rounding; none where it does not fit.
    pub(super) fn cost(&self, values: &[Value<'_>]) -> Option<Credits> {
        // Every rate is brought to the same denominator, so that nothing is divided before the end.
        let scales = values.iter().map(|value| match value {
            Value::Number(number, _) => i128::from(number.scale()),
            Value::Chosen(_) => FACTOR,
        });
        let denominator = scales.into_iter().try_fold(1_i128, i128::checked_mul)?;
        let mut numerator = i128::from(self.base).checked_mul(denominator)?;
        for rate in &self.rates {
            let mut priced = i128::from(rate.price);
            for (quantity, value) in self.quantities.iter().zip(values) {
                let multiplier = match value {
                    Value::Number(_, amount) if rate.of.contains(&quantity.id) => *amount,
                    Value::Number(number, _) => number.scale(),
                    Value::Chosen(option) => option.factor,
                };
                priced = priced.checked_mul(i128::from(multiplier))?;
            }
            numerator = numerator.checked_add(priced)?;
        }
        let thousandths = numerator.div_euclid(denominator.checked_mul(NANO)?);
        let cost = Credits::from_thousandths(i64::try_from(thousandths).ok()?).max(self.minimum);
        Some(self.maximum.map_or(cost, |maximum| cost.min(maximum)))
    }

    fn detail(&self, values: &[Value<'_>]) -> String {
        let mut detail = String::new();
        let mut before: Option<&str> = None;
        for (quantity, value) in self.quantities.iter().zip(values) {
            if let Some(before) = before {
                let is_product = self.are_multiplied(before, &quantity.id);
                detail.push_str(if is_product { " × " } else { ", " });
            }
            detail.push_str(&value.words());
            before = Some(&quantity.id);
        }
        detail
    }

    fn are_multiplied(&self, one: &str, other: &str) -> bool {
        let has = |rate: &Rate, id: &str| rate.of.iter().any(|of| of == id);
        self.rates.iter().any(|rate| has(rate, one) && has(rate, other))
    }
}

impl PricedQuantity {
    /// Reads what was given for it.
    fn read(&self, given: &str) -> Result<Value<'_>, QuantityError> {
        let text = given.trim();
        let value = match &self.kind {
            QuantityKind::Number(number) if text.is_empty() => {
                let (from, to) = (number.written(number.minimum), number.written(number.maximum));
                Err(format!("is missing: a number from {from} to {to}"))
            }
            QuantityKind::Number(number) => {
                number.read(text).map(|value| Value::Number(number, value))
            }
            QuantityKind::Choice(options) => {
                let chosen = options.iter().find(|option| option.id == text);
                chosen.map(Value::Chosen).ok_or_else(|| {
                    let ids: Vec<_> = options.iter().map(|option| option.id.as_str()).collect();
                    let fault = if text.is_empty() { "is missing" } else { "is unknown" };
                    format!("{fault}: choose one of {}", ids.join(", "))
                })
            }
        };
        value.map_err(|rest| QuantityError::new(&self.id, format!("{} {rest}.", self.name)))
    }
}

impl Value<'_> {
    pub(super) fn words(self) -> String {
        match self {
            Self::Number(number, value) => number.words(value),
            Self::Chosen(option) => option.words.clone(),
        }
    }
}

/// A rate as it is written: "0.05", "1,250".
#[must_use]
pub fn nano_credits(price: i64) -> String {
    let (whole, fraction) =
        (price.unsigned_abs() / 1_000_000_000, price.unsigned_abs() % 1_000_000_000);
    if fraction == 0 {
        return grouped(whole);
    }
    format!("{}.{}", grouped(whole), format!("{fraction:09}").trim_end_matches('0'))
}

#[cfg(test)]
#[path = "rate_card_tests.rs"]
pub(super) mod tests;

#[cfg(test)]
#[path = "rate_card_laws_tests.rs"]
mod laws;

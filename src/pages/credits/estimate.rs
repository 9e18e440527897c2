//! What an operation would cost one account, and what it would take to afford it: pure, the same
//! on the server and in the browser.

use crate::{
    components::{Figure, said},
    credits::{Credits, Operation, Priced, Quantities, Quantity, QuantityError, RateCard},
};

/// What estimates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimator {
    /// The prices.
    pub card: RateCard,
    /// What can be spent now.
    pub available: Credits,
    /// What can be bought: ids with whole credits, smallest first.
    pub packages: Vec<(String, i64)>,
    /// The fewest whole credits sold at once.
    pub minimum: i64,
    /// The most whole credits sold at once.
    pub maximum: i64,
}

/// The name of a quantity's field in the form.
#[must_use]
pub fn field(operation: Operation, quantity: &str) -> String {
    format!("{operation}.{quantity}")
}

/// The name of the figure that says what is wrong with a quantity.
#[must_use]
pub fn fault(operation: Operation, quantity: &str) -> String {
    format!("fault-{operation}-{quantity}")
}

impl Estimator {
    /// The quantities of an operation, as a form has them.
    #[must_use]
    pub fn quantities(
        &self,
        operation: Operation,
        value: impl Fn(&str) -> Option<String>,
    ) -> Quantities {
        let rates = self.card.rates(operation).map(|rates| rates.quantities.as_slice());
        let quantities = rates.unwrap_or_default().iter().map(|quantity| {
            let text = value(&field(operation, &quantity.id)).unwrap_or_default();
            (quantity.id.clone(), Quantity::new(text))
        });
        quantities.collect()
    }

    /// Every figure of an estimate.
    #[must_use]
    pub fn figures(&self, operation: Operation, quantities: &Quantities) -> Vec<Figure> {
        let priced = self.card.price(operation, quantities);
        let mut figures = self.faults(operation, priced.as_ref().err());
        let mut say = |name: &str, text: Option<String>| figures.push((name.to_owned(), text));
        let priced = priced.ok();
        let rates = self.card.rates(operation);
        say("rates", rates.and_then(|rates| rates.rates_in_words(quantities).ok()));
        say("unpriced", priced.is_none().then(|| UNPRICED.to_owned()));
        say("cost", priced.as_ref().map(|priced| priced.cost.to_string()));
        say("detail", priced.as_ref().map(|priced| priced.detail.clone()));
        let after = priced.as_ref().and_then(|priced| self.available.checked_sub(priced.cost));
        let missing = after.filter(|after| after.thousandths() < 0).map(Credits::abs);
        let enough = after.filter(|after| after.thousandths() >= 0);
        say("after", enough.map(|after| after.to_string()));
        say("missing", missing.map(|missing| missing.to_string()));
        say("too-much", missing.filter(|_| self.offer(missing).is_none()).map(|_| self.too_much()));
        say("offer", self.offer(missing).map(|offer| offer.text));
        let spoken = priced.as_ref().map(|priced| spoken(priced, missing));
        say("spoken", spoken);
        figures
    }

    fn faults(&self, operation: Operation, error: Option<&QuantityError>) -> Vec<Figure> {
        let rates = self.card.rates(operation).map(|rates| rates.quantities.as_slice());
        let faults = rates.unwrap_or_default().iter().map(|quantity| {
            let error = error.filter(|error| error.field == quantity.id);
            (fault(operation, &quantity.id), error.map(ToString::to_string))
        });
        faults.collect()
    }

    /// The least purchase with which an operation can be afforded that misses so much.
    #[must_use]
    pub fn offer(&self, missing: Option<Credits>) -> Option<Offer> {
        let missing = missing?;
        let whole = missing.whole() + i64::from(missing.thousandths() % 1_000 > 0);
        let package = self.packages.iter().find(|(_, credits)| *credits >= whole);
        let (choice, credits) = match package {
            Some((id, credits)) => (format!("package={id}"), *credits),
            None if whole <= self.maximum => {
                let credits = whole.max(self.minimum);
                (format!("package=custom&amount={credits}"), credits)
            }
            None => return None,
        };
        let credits = Credits::try_from_whole(credits)?;
        Some(Offer { choice, text: format!("Choose {credits} credits") })
    }

    /// The least purchase for an estimate that can't be afforded.
    #[must_use]
    pub fn offer_for(&self, operation: Operation, quantities: &Quantities) -> Option<Offer> {
        let cost = self.card.price(operation, quantities).ok()?.cost;
        let missing = cost.checked_sub(self.available)?;
        self.offer(Some(missing).filter(|missing| missing.is_positive()))
    }

    fn too_much(&self) -> String {
        let maximum = Credits::try_from_whole(self.maximum).unwrap_or_default();
        format!("More than one purchase: at most {maximum} credits are sold at once.")
    }
}

/// A purchase that makes an operation affordable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// How the address of the picker names it.
    pub choice: String,
    /// What the link says.
    pub text: String,
}

fn spoken(priced: &Priced, missing: Option<Credits>) -> String {
    match missing {
        Some(missing) => format!("{} credits at most, {missing} are missing", priced.cost),
        None => format!("{} credits at most", priced.cost),
    }
}

/// Whether an estimate has a cost.
#[must_use]
pub fn has_cost(figures: &[Figure]) -> bool {
    said(figures, "cost").is_some()
}

const UNPRICED: &str = "Set the quantities: the cost appears here.";

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;

//! What an operation would cost one account, and what it would take to afford it: pure, the same
//! on the server and in the browser.

use crate::{
    components::{Figure, said},
    credits::{Credits, Operation, OperationRates, QuantityError, RateCard},
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
    /// What an operation would cost, each quantity as its field in a form says.
    #[must_use]
    pub fn estimate(&self, operation: Operation, form: &dyn Fn(&str) -> String) -> Estimate {
        let mut figures = Vec::new();
        let mut say = |name: &str, text: Option<String>| figures.push((name.to_owned(), text));
        let Some(rates) = self.card.rates(operation) else {
            return Estimate { figures, offer: None };
        };
        let read = rates.read(&|quantity| form(&field(operation, quantity)));
        let read = read.and_then(|values| Ok((rates.priced(&values)?, values)));
        faults(rates, read.as_ref().err(), &mut say);
        let read = read.ok();
        say("rates", read.as_ref().map(|(_, values)| rates.rates_in_words(values)));
        say("unpriced", read.is_none().then(|| UNPRICED.to_owned()));
        let cost = read.as_ref().map(|(priced, _)| priced.cost);
        say("cost", cost.map(|cost| cost.to_string()));
        let after = cost.and_then(|cost| self.available.checked_sub(cost));
        let missing = after.filter(|after| after.thousandths() < 0).map(Credits::abs);
        let enough = after.filter(|after| after.thousandths() >= 0);
        say("after", enough.map(|after| after.to_string()));
        say("missing", missing.map(|missing| missing.to_string()));
        let offer = missing.and_then(|missing| self.offer(missing));
        let is_too_much = missing.is_some() && offer.is_none();
        say("too-much", is_too_much.then(|| self.too_much()));
        say("offer", offer.as_ref().map(|offer| offer.text.clone()));
        let missing = missing.map(|missing| format!(", {missing} are missing")).unwrap_or_default();
        say("spoken", cost.map(|cost| format!("{cost} credits at most{missing}")));
        say("detail", read.map(|(priced, _)| priced.detail));
        Estimate { figures, offer }
    }

    /// The least purchase with which an operation can be afforded that misses so much.
    fn offer(&self, missing: Credits) -> Option<Offer> {
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

    fn too_much(&self) -> String {
        let maximum = Credits::try_from_whole(self.maximum).unwrap_or_default();
        format!("More than one purchase: at most {maximum} credits are sold at once.")
    }
}

/// What an operation would cost, in the figures of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Every figure.
    pub figures: Vec<Figure>,
    /// The least purchase that makes it affordable, where it is not.
    pub offer: Option<Offer>,
}

impl Estimate {
    /// Whether it has a cost.
    #[must_use]
    pub fn has_cost(&self) -> bool {
        said(&self.figures, "cost").is_some()
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

fn faults(
    rates: &OperationRates,
    error: Option<&QuantityError>,
    say: &mut impl FnMut(&str, Option<String>),
) {
    for quantity in &rates.quantities {
        let error = error.filter(|error| error.field == quantity.id);
        say(&fault(rates.operation, &quantity.id), error.map(|error| error.message.clone()));
    }
}

const UNPRICED: &str = "Set the quantities: the cost appears here.";

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;

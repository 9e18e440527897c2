//! Whether every price of a rate card can be computed, and none punishes.

use std::collections::HashSet;

use super::{
    CatalogueError, Choosable, Number, Operation, OperationRates, PricedQuantity, QuantityKind,
    RateCard, Value,
};

/// The most decimals that a quantity may have.
const MOST_DECIMALS: u32 = 3;

impl RateCard {
    /// Checks that every operation has a price, whatever its quantities are.
    ///
    /// # Errors
    /// The first operation that is wrong, and why.
    pub fn validate(&self) -> Result<(), CatalogueError> {
        for (index, rates) in self.operations.iter().enumerate() {
            let fail = |message: String| CatalogueError { table: "operation", index, message };
            let before = &self.operations[..index];
            if before.iter().any(|other| other.operation == rates.operation) {
                return Err(fail(format!("operation {} is there twice", rates.operation)));
            }
            rates.fault().map_or(Ok(()), |fault| {
                Err(fail(format!("operation {} can't be priced: {fault}", rates.operation)))
            })?;
        }
        let mut all = Operation::ALL.into_iter();
        all.find(|operation| self.rates(*operation).is_none()).map_or(Ok(()), |missing| {
            let message = format!("operation {missing} has no price");
            Err(CatalogueError { table: "operation", index: usize::MAX, message })
        })
    }
}

impl OperationRates {
    /// The first thing that is wrong with it.
    fn fault(&self) -> Option<String> {
        let mut ids = HashSet::new();
        if self.base < 0 || self.minimum.thousandths() < 0 {
            return Some("base and minimum can't be negative".to_owned());
        }
        if self.maximum.is_some_and(|maximum| maximum < self.minimum) {
            return Some("the maximum is below the minimum".to_owned());
        }
        if let Some(twice) = self.quantities.iter().find(|quantity| !ids.insert(&quantity.id)) {
            return Some(format!("quantity {:?} is there twice", twice.id));
        }
        let faults = self.quantities.iter().find_map(|quantity| {
            let fault = quantity.fault().or_else(|| self.is_unpriced(quantity));
            fault.map(|fault| format!("quantity {:?} {fault}", quantity.id))
        });
        faults.or_else(|| self.rate_fault()).or_else(|| {
            let is_too_much = self.cost(&self.most()).is_none();
            is_too_much.then(|| "its largest quantities cost more than can be counted".to_owned())
        })
    }

    fn rate_fault(&self) -> Option<String> {
        let numbers: HashSet<_> = self.numbers().collect();
        self.rates.iter().find_map(|rate| {
            let mut seen = HashSet::new();
            let strange = rate.of.iter().find(|id| !numbers.contains(id.as_str()));
            let twice = rate.of.iter().find(|id| !seen.insert(*id));
            if rate.price < 0 {
                return Some("a rate can't be negative".to_owned());
            }
            if rate.of.is_empty() {
                return Some("a rate must name the numbers that it prices: of = […]".to_owned());
            }
            let strange =
                strange.map(|id| format!("a rate prices {id:?}, which is no number of it"));
            strange.or_else(|| twice.map(|id| format!("a rate names {id:?} twice")))
        })
    }

    fn numbers(&self) -> impl Iterator<Item = &str> {
        let is_number =
            |quantity: &&PricedQuantity| matches!(quantity.kind, QuantityKind::Number(_));
        self.quantities.iter().filter(is_number).map(|quantity| quantity.id.as_str())
    }

    fn is_unpriced(&self, quantity: &PricedQuantity) -> Option<String> {
        let is_number = matches!(quantity.kind, QuantityKind::Number(_));
        let is_priced = self.rates.iter().any(|rate| rate.of.contains(&quantity.id));
        (is_number && !is_priced).then(|| "has no rate".to_owned())
    }

    /// The largest of everything.
    fn most(&self) -> Vec<Value<'_>> {
        let values = self.quantities.iter().filter_map(|quantity| match &quantity.kind {
            QuantityKind::Number(number) => Some(Value::Number(number, number.maximum)),
            QuantityKind::Choice(options) => {
                options.iter().max_by_key(|option| option.factor).map(Value::Chosen)
            }
        });
        values.collect()
    }
}

impl PricedQuantity {
    fn fault(&self) -> Option<String> {
        if !is_id(&self.id) {
            return Some("must have an id of small letters and underscores".to_owned());
        }
        if !is_line(&self.name) {
            return Some("must have a name of one line".to_owned());
        }
        match &self.kind {
            QuantityKind::Number(number) => number.fault(),
            QuantityKind::Choice(options) => choice_fault(options),
        }
        .map(str::to_owned)
    }
}

impl Number {
    fn fault(&self) -> Option<&'static str> {
        if !is_line(&self.one) || !is_line(&self.many) {
            return Some("must say its unit in one and many");
        }
        if self.decimals > MOST_DECIMALS {
            return Some("can have 3 decimals at most");
        }
        let is_range = 0 <= self.minimum && self.minimum <= self.maximum;
        (!is_range).then_some("must have minimum and maximum, 0 or more and in order")
    }
}

fn choice_fault(options: &[Choosable]) -> Option<&'static str> {
    let mut ids = HashSet::new();
    if options.is_empty() {
        return Some("must have options");
    }
    options.iter().find_map(|option| {
        if !is_id(&option.id) || !ids.insert(&option.id) {
            return Some(
                "must have options with ids of their own, of small letters and underscores",
            );
        }
        if !is_line(&option.name) || !is_line(&option.words) {
            return Some("must have options with name and words of one line");
        }
        (option.factor < 0).then_some("can't have a negative factor")
    })
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What is shown on one line, and travels on one.
fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

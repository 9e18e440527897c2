//! What the simulated platform does next: an operation from the live catalogue, how much of it,
//! and how it goes.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What operations there are, as `GET /catalogue` tells.
#[derive(Deserialize)]
pub struct Catalogue {
    pub operations: Vec<Operation>,
}

/// An operation.
#[derive(Deserialize)]
pub struct Operation {
    pub operation: String,
    pub quantities: Vec<Quantity>,
}

/// What must be said of it.
#[derive(Deserialize)]
pub struct Quantity {
    pub id: String,
    pub options: Option<Vec<String>>,
    pub minimum: Option<String>,
    pub maximum: Option<String>,
    pub decimals: Option<u32>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    pub operation: String,
    pub quantities: Value,
    pub course: Course,
}

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is done, and charged then.
    ChargedAfterwards,
    /// Its credits are set aside; it comes to this part of them, in percent.
    Held { extended: bool, percent: i64 },
    /// Its credits are set aside; it fails.
    Failed { extended: bool },
}

/// How often each is asked for, in a hundred; what isn't named is asked for as often as an analysis.
const OFTEN: [(&str, u32); 4] =
    [("inference", 56), ("strategy", 9), ("backtest", 20), ("analysis", 15)];
/// Direct charges and extensions, in a hundred.
const CHARGED_AFTERWARDS: u32 = 15;
const EXTENDED: u32 = 10;
/// How far numbers reach into their range, which is mostly wider than what people ask for.
const REACH: f64 = 0.55;

/// Makes one operation after another; the same seed makes the same ones.
pub struct Platform {
    random: StdRng,
    failures: f64,
}

impl Platform {
    pub fn new(seed: u64, failures: f64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), failures }
    }

    /// Any number below this.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    /// The next operation; none where the catalogue has none.
    pub fn next(&mut self, catalogue: &Catalogue) -> Option<Work> {
        let operation = self.choose(&catalogue.operations)?;
        let quantities = operation.quantities.iter();
        let quantities = quantities.map(|quantity| (quantity.id.clone(), self.value(quantity)));
        let quantities = Value::Object(quantities.collect::<Map<_, _>>());
        let operation = operation.operation.clone();
        Some(Work { operation, quantities, course: self.course() })
    }

    fn choose<'a>(&mut self, operations: &'a [Operation]) -> Option<&'a Operation> {
        let weight = |operation: &Operation| {
            OFTEN.iter().find(|(id, _)| *id == operation.operation).map_or(15, |(_, often)| *often)
        };
        let all: u32 = operations.iter().map(weight).sum();
        let mut left = self.random.random_range(0..all.max(1));
        operations.iter().find(|operation| match left.checked_sub(weight(operation)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    }

    /// Small values are more frequent than large ones.
    fn value(&mut self, quantity: &Quantity) -> Value {
        if let Some(options) = &quantity.options {
            return options.get(self.below(options.len())).cloned().into();
        }
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        let least: f64 = number(&quantity.minimum).unwrap_or(1.0);
        let most: f64 = number(&quantity.maximum).unwrap_or(100.0).max(least);
        let decimals = quantity.decimals.unwrap_or(0);
        let from = least.max(0.1_f64.powi(i32::try_from(decimals).unwrap_or(0)));
        let share = REACH * self.random.random_range(0.0..1.0);
        let value = (from * (most / from).max(1.0).powf(share)).clamp(least, most);
        let value = format!("{value:.*}", decimals as usize);
        value.parse::<serde_json::Number>().map_or(Value::String(value), Value::Number)
    }

    fn course(&mut self) -> Course {
        let is_failure = self.random.random_bool(self.failures);
        let extended = self.random.random_range(0..100) < EXTENDED;
        if is_failure {
            return Course::Failed { extended };
        }
        if self.random.random_range(0..100) < CHARGED_AFTERWARDS {
            return Course::ChargedAfterwards;
        }
        // Half of the work comes to what was quoted.
        let percent = self.random.random_range(60..=140).min(100);
        Course::Held { extended, percent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        serde_json::from_value(serde_json::json!({"operations": [
            {"operation": "backtest", "quantities": [
                {"id": "assets", "minimum": "1", "maximum": "5000", "decimals": 0},
                {"id": "years", "minimum": "0.25", "maximum": "30", "decimals": 2},
                {"id": "resolution", "options": ["daily", "hourly"]},
            ]},
            {"operation": "inference", "quantities": [
                {"id": "input_tokens", "minimum": "0", "maximum": "10000000", "decimals": 0},
            ]},
        ]}))
        .unwrap()
    }

    fn some(seed: u64, failures: f64) -> Vec<Work> {
        let mut platform = Platform::new(seed, failures);
        (0..2_000).map(|_| platform.next(&catalogue()).unwrap()).collect()
    }

    #[test]
    fn the_same_seed_asks_for_the_same() {
        assert_eq!(some(7, 0.1), some(7, 0.1));
        assert_ne!(some(7, 0.1), some(8, 0.1));
    }

    #[test]
    fn every_quantity_is_one_that_the_catalogue_prices() {
        for work in some(1, 0.1) {
            let number = |id: &str| work.quantities[id].as_f64().unwrap();
            if work.operation == "inference" {
                let tokens = work.quantities["input_tokens"].as_i64().unwrap();
                assert!((0..=10_000_000).contains(&tokens));
                continue;
            }
            assert!((1.0..=5000.0).contains(&number("assets")), "{work:?}");
            assert!(work.quantities["assets"].is_i64(), "{work:?}");
            assert!((0.25..=30.0).contains(&number("years")), "{work:?}");
            assert!(["daily", "hourly"].contains(&work.quantities["resolution"].as_str().unwrap()));
        }
    }

    #[test]
    fn everything_happens_as_often_as_it_should() {
        let share = |failures, which: fn(&Work) -> bool| {
            some(3, failures).into_iter().filter(which).count()
        };
        let is_failure = |work: &Work| matches!(work.course, Course::Failed { .. });
        assert_eq!(share(0.0, is_failure), 0);
        assert_eq!(share(1.0, is_failure), 2_000);
        assert!((120..280).contains(&share(0.1, is_failure)));
        assert!(share(0.1, |work| work.course == Course::ChargedAfterwards) > 150);
        assert!(share(0.1, |work| work.operation == "backtest") > 350);
        let extended = |work: &Work| matches!(work.course, Course::Held { extended: true, .. });
        assert!(share(0.1, extended) > 80);
        let part =
            |work: &Work| matches!(work.course, Course::Held { percent, .. } if percent < 100);
        assert!((500..1_200).contains(&share(0.1, part)));
    }

    #[test]
    fn an_empty_catalogue_gives_nothing_to_do() {
        assert_eq!(Platform::new(1, 0.0).next(&Catalogue { operations: Vec::new() }), None);
    }
}

//! The rates of an operation in words, as they are for the options that were chosen.

use super::{OperationRates, Value, nano_credits, rate_card::FACTOR};

impl OperationRates {
    /// What each unit costs: "1.25 credits per asset × year, at most 5,000", "0.05 credits per 1k
    /// tokens in and 0.2 per 1k out".
    #[must_use]
    pub fn rates_in_words(&self, values: &[Value<'_>]) -> String {
        let mut words = String::new();
        if self.base > 0 {
            words = format!("{} credits each", nano_credits(self.base));
        }
        for rate in &self.rates {
            let (mut price, mut units) = (i128::from(rate.price), Vec::new());
            for (quantity, value) in self.quantities.iter().zip(values) {
                match value {
                    Value::Chosen(option) => price = price * i128::from(option.factor) / FACTOR,
                    Value::Number(number, _) if rate.of.contains(&quantity.id) => {
                        if number.in_thousands {
                            price *= 1_000;
                            units.push(format!("1k {}", number.many));
                        } else {
                            units.push(number.one.clone());
                        }
                    }
                    Value::Number(..) => {}
                }
            }
            let unit = if words.is_empty() { " credits" } else { "" };
            words.push_str(if words.is_empty() { "" } else { " and " });
            let price = nano_credits(i64::try_from(price).unwrap_or(i64::MAX));
            words.push_str(&format!("{price}{unit} per {}", units.join(" × ")));
        }
        if self.minimum.is_positive() {
            words.push_str(&format!(", at least {}", self.minimum));
        }
        if let Some(maximum) = self.maximum {
            words.push_str(&format!(", at most {maximum}"));
        }
        words
    }
}

//! An estimator as text that travels in the page. The browser reads no JSON: that would more than
//! double what it has to load. One thing a line, its parts apart by tabs; the first part says what
//! it is. The rate card allows neither tabs nor line ends in its texts.

use super::estimate::Estimator;
use crate::credits::{
    Choosable, Credits, Number, OperationRates, PricedQuantity, QuantityKind, Rate, RateCard,
};

impl Estimator {
    /// All of it as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines =
            vec![line("a", &[&self.available.thousandths(), &self.minimum, &self.maximum])];
        lines.extend(self.packages.iter().map(|(id, credits)| line("p", &[id, credits])));
        for rates in &self.card.operations {
            let maximum = rates.maximum.map_or(-1, Credits::thousandths);
            let minimum = rates.minimum.thousandths();
            lines.push(line("o", &[&rates.operation, &rates.base, &minimum, &maximum]));
            rates.quantities.iter().for_each(|quantity| write_quantity(&mut lines, quantity));
            for rate in &rates.rates {
                lines.push(line("r", &[&rate.price, &rate.of.join("\t")]));
            }
        }
        lines.join("\n")
    }

    /// Reads what [`Estimator::to_text`] wrote; none where it is anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut estimator = Self {
            card: RateCard { operations: Vec::new() },
            available: Credits::ZERO,
            packages: Vec::new(),
            minimum: 0,
            maximum: 0,
        };
        for line in text.split('\n') {
            estimator.read(&mut Parts(line.split('\t')))?;
        }
        Some(estimator)
    }

    fn read(&mut self, parts: &mut Parts<'_>) -> Option<()> {
        let operations = &mut self.card.operations;
        match parts.text()? {
            "a" => {
                self.available = Credits::from_thousandths(parts.number()?);
                (self.minimum, self.maximum) = (parts.number()?, parts.number()?);
            }
            "p" => self.packages.push((parts.owned()?, parts.number()?)),
            "o" => operations.push(OperationRates {
                operation: parts.text()?.parse().ok()?,
                base: parts.number()?,
                minimum: Credits::from_thousandths(parts.number()?),
                maximum: parts.number().filter(|most| *most >= 0).map(Credits::from_thousandths),
                quantities: Vec::new(),
                rates: Vec::new(),
            }),
            "n" => operations.last_mut()?.quantities.push(PricedQuantity {
                id: parts.owned()?,
                name: parts.owned()?,
                kind: QuantityKind::Number(Number {
                    one: parts.owned()?,
                    many: parts.owned()?,
                    minimum: parts.number()?,
                    maximum: parts.number()?,
                    decimals: u32::try_from(parts.number()?).ok()?,
                    in_thousands: parts.number()? == 1,
                }),
            }),
            "c" => operations.last_mut()?.quantities.push(PricedQuantity {
                id: parts.owned()?,
                name: parts.owned()?,
                kind: QuantityKind::Choice(Vec::new()),
            }),
            "v" => {
                let quantity = operations.last_mut()?.quantities.last_mut()?;
                let QuantityKind::Choice(options) = &mut quantity.kind else { return None };
                options.push(Choosable {
                    id: parts.owned()?,
                    name: String::new(),
                    words: parts.owned()?,
                    factor: parts.number()?,
                });
            }
            "r" => {
                let price = parts.number()?;
                let of = parts.0.by_ref().map(str::to_owned).collect();
                operations.last_mut()?.rates.push(Rate { price, of });
            }
            _ => return None,
        }
        Some(())
    }
}

fn write_quantity(lines: &mut Vec<String>, quantity: &PricedQuantity) {
    let (id, name) = (&quantity.id, &quantity.name);
    match &quantity.kind {
        QuantityKind::Number(number) => lines.push(line(
            "n",
            &[
                id,
                name,
                &number.one,
                &number.many,
                &number.minimum,
                &number.maximum,
                &number.decimals,
                &i64::from(number.in_thousands),
            ],
        )),
        QuantityKind::Choice(options) => {
            lines.push(line("c", &[id, name]));
            // What an option is called stands in the form.
            let options = options.iter();
            lines.extend(
                options.map(|option| line("v", &[&option.id, &option.words, &option.factor])),
            );
        }
    }
}

fn line(kind: &str, parts: &[&dyn ToString]) -> String {
    let mut line = kind.to_owned();
    for part in parts {
        line.push('\t');
        line.push_str(&part.to_string());
    }
    line
}

/// The parts of a line that are still to be read.
struct Parts<'l>(std::str::Split<'l, char>);

impl<'l> Parts<'l> {
    fn text(&mut self) -> Option<&'l str> {
        self.0.next()
    }

    fn owned(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    fn number(&mut self) -> Option<i64> {
        self.text()?.parse().ok()
    }
}

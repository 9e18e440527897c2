//! Reads back what a row of the history says was priced: its words are those of the rate card, and
//! lose nothing.

use super::{
    Number, Operation, OperationRates, Quantities, Quantity, QuantityKind, RateCard, Value,
};

/// What a row says of a hold that was not used up, behind what was priced.
const AFTERWARDS: &str = " · ";

impl RateCard {
    /// The quantities that this card put into these words; none where it did not.
    #[must_use]
    pub fn read_back(&self, operation: Operation, detail: &str) -> Option<Quantities> {
        self.rates(operation)?.read_back(detail)
    }
}

impl OperationRates {
    fn read_back(&self, detail: &str) -> Option<Quantities> {
        let detail = detail.split(AFTERWARDS).next().unwrap_or_default();
        let (mut values, mut rest) = (Vec::new(), detail);
        for quantity in &self.quantities {
            rest = rest.strip_prefix(" × ").or_else(|| rest.strip_prefix(", ")).unwrap_or(rest);
            let value = match &quantity.kind {
                QuantityKind::Number(number) => number.read_back(rest)?,
                QuantityKind::Choice(options) => {
                    let said = options.iter().filter(|option| rest.starts_with(&option.words));
                    Value::Chosen(said.max_by_key(|option| option.words.len())?)
                }
            };
            rest = rest.get(value.words().len()..)?;
            values.push(value);
        }
        let is_same = self.priced(&values).is_ok_and(|priced| priced.detail == detail);
        is_same.then(|| self.as_given(&values))
    }

    /// As a program would name them.
    fn as_given(&self, values: &[Value<'_>]) -> Quantities {
        let given = |value: &Value<'_>| match value {
            Value::Number(number, amount) => {
                Quantity::new(number.written(*amount).replace(',', ""))
            }
            Value::Chosen(option) => Quantity::new(option.id.clone()),
        };
        let ids = self.quantities.iter().map(|quantity| quantity.id.clone());
        ids.zip(values.iter().map(given)).collect()
    }
}

impl Number {
    /// The value whose words a text starts with.
    fn read_back(&self, text: &str) -> Option<Value<'_>> {
        let end = text.find(|char: char| !char.is_ascii_digit() && !matches!(char, ',' | '.'))?;
        let (digits, unit) = text.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let decimals = u32::try_from(fraction.len()).ok()?;
        let number: i64 = format!("{}{fraction}", whole.replace(',', "")).parse().ok()?;
        let times = if unit.starts_with("k ") { 1_000 } else { 1 };
        let scaled = number.checked_mul(self.scale())?.checked_mul(times)?;
        let value = scaled / 10_i64.checked_pow(decimals)?;
        text.starts_with(&self.words(value)).then_some(Value::Number(self, value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rate_card::tests::rate_card;
    use super::*;

    fn quantities(given: &[(&str, &str)]) -> Quantities {
        given.iter().map(|(id, text)| ((*id).to_owned(), Quantity::from(*text))).collect()
    }

    #[test]
    fn what_was_priced_is_read_back_from_its_words() {
        let card = rate_card();
        for (operation, given) in [
            (
                Operation::Inference,
                quantities(&[
                    ("input_tokens", "66000"),
                    ("output_tokens", "1234"),
                    ("model", "fast"),
                ]),
            ),
            (Operation::Strategy, quantities(&[("iterations", "1"), ("model", "standard")])),
            (
                Operation::Backtest,
                quantities(&[("assets", "1000"), ("years", "1"), ("resolution", "hourly")]),
            ),
        ] {
            let priced = card.price(operation, &given).unwrap();
            let read = card.read_back(operation, &priced.detail).unwrap();
            assert_eq!(card.price(operation, &read), Ok(priced.clone()), "{}", priced.detail);
            let later = format!("{} · 2.5 of 10 held returned", priced.detail);
            assert_eq!(card.read_back(operation, &later), Some(read));
        }
    }

    #[test]
    fn the_words_of_each_quantity_stand_beside_its_id() {
        let card = rate_card();
        let given = quantities(&[("iterations", "1"), ("model", "fast")]);
        let words = card.rates(Operation::Strategy).unwrap().words(&given).unwrap();
        let words: Vec<_> = words.iter().map(|(id, words)| format!("{id}: {words}")).collect();
        assert_eq!(words, ["iterations: 1 iteration", "model: Fast class"]);
    }

    #[test]
    fn other_words_are_not_taken_for_quantities() {
        for words in ["", "20 assets", "20 assets × 1 year, daily bars and more", "all of it", "1"]
        {
            assert_eq!(rate_card().read_back(Operation::Backtest, words), None, "{words}");
        }
    }
}

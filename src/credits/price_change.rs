//! What a change of prices means to one account: what it did lately, priced again.

use super::{Credits, Operation, RateCard};

/// Operations of an account that were priced alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The type of operation.
    pub operation: Operation,
    /// The version of the rate card that priced them; empty where a program named the amount.
    pub rate_card: String,
    /// What was priced, in the card's words.
    pub detail: String,
    /// What they cost together.
    pub amount: Credits,
    /// How many there were.
    pub count: u32,
}

/// What operations cost, and what they would have cost at other prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceChange {
    /// What they cost.
    pub before: Credits,
    /// What they would have cost. An amount that a program named stays what it was.
    pub after: Credits,
    /// How many of them could be priced again; the others change like those of their type.
    pub known: u32,
    /// How many a rate card had priced.
    pub operations: u32,
}

/// What is known of one type of operation.
#[derive(Clone, Copy, Default)]
struct Sum {
    before: i128,
    after: i128,
    unknown: i128,
}

impl PriceChange {
    /// Prices what was spent again. `card` is the rate card that priced a row, by its version.
    pub fn of<'c>(spent: &[Spent], card: impl Fn(&str) -> &'c RateCard, new: &RateCard) -> Self {
        let mut found = Self::default();
        let mut sums = [Sum::default(); Operation::ALL.len()];
        for row in spent {
            let amount = i128::from(row.amount.thousandths());
            let sum = &mut sums[row.operation as usize];
            if row.rate_card.is_empty() {
                found.before += row.amount;
                found.after += row.amount;
                continue;
            }
            found.operations = found.operations.saturating_add(row.count);
            if let Some(after) = again(row, card(&row.rate_card), new) {
                found.known = found.known.saturating_add(row.count);
                sum.before += amount;
                sum.after += after;
            } else {
                sum.unknown += amount;
            }
        }
        for Sum { before, after, unknown } in sums {
            let like_those = if before > 0 { unknown * after / before } else { unknown };
            found.before += credits(before + unknown);
            found.after += credits(after + like_those);
        }
        found
    }
}

/// What a row would have cost, in thousandths. Where less was charged than was priced, because a
/// quote or a hold was its ceiling, it changes by as much.
fn again(row: &Spent, old: &RateCard, new: &RateCard) -> Option<i128> {
    let quantities = old.read_back(row.operation, &row.detail)?;
    let thousandths = |card: &RateCard| {
        let priced = card.price(row.operation, &quantities).ok()?;
        Some(i128::from(priced.cost.thousandths()) * i128::from(row.count))
    };
    let (before, after) = (thousandths(old)?, thousandths(new)?);
    let charged = i128::from(row.amount.thousandths());
    Some(if before == 0 { after } else { after * charged / before })
}

fn credits(thousandths: i128) -> Credits {
    Credits::from_thousandths(i64::try_from(thousandths).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::{Quantity, rate_card::tests::rate_card};
    use super::*;

    /// Backtests cost double.
    fn dearer() -> RateCard {
        let mut card = rate_card();
        for rates in &mut card.operations {
            if rates.operation == Operation::Backtest {
                rates.maximum = rates.maximum.map(|most| most + most);
                for rate in &mut rates.rates {
                    rate.price *= 2;
                }
            }
        }
        card
    }

    fn backtests(assets: &str, count: u32) -> Spent {
        let given = [("assets", assets), ("years", "1"), ("resolution", "daily")];
        let given = given.map(|(id, text)| (id.to_owned(), Quantity::from(text)));
        let priced = rate_card().price(Operation::Backtest, &given.into()).unwrap();
        let amount = Credits::from_thousandths(priced.cost.thousandths() * i64::from(count));
        Spent {
            operation: Operation::Backtest,
            rate_card: "v1".to_owned(),
            detail: priced.detail,
            amount,
            count,
        }
    }

    #[test]
    fn what_was_priced_is_priced_again() {
        let old = rate_card();
        let spent = [backtests("20", 3), backtests("7", 1)];
        let before: Credits = spent.iter().map(|row| row.amount).sum();
        let change = PriceChange::of(&spent, |_| &old, &dearer());
        let expected = PriceChange { before, after: before + before, known: 4, operations: 4 };
        assert_eq!(change, expected);
        assert_eq!(PriceChange::of(&spent, |_| &old, &old).after, before);
    }

    #[test]
    fn what_cannot_be_read_changes_like_its_type_and_what_was_named_stays() {
        let old = rate_card();
        let known = backtests("20", 1);
        let unread = Spent { detail: "the usual".to_owned(), ..known.clone() };
        let named = Spent { rate_card: String::new(), ..known.clone() };
        let other = Spent { operation: Operation::Analysis, ..unread.clone() };
        let one = known.amount;
        let change = PriceChange::of(&[known, unread, named, other], |_| &old, &dearer());
        assert_eq!(
            (change.before, change.after),
            (one + one + one + one, one + one + one + one + one + one)
        );
        assert_eq!((change.known, change.operations), (1, 3));
    }

    #[test]
    fn what_a_ceiling_held_down_changes_by_as_much() {
        let old = rate_card();
        let mut capped = backtests("20", 1);
        let half = Credits::from_thousandths(capped.amount.thousandths() / 2);
        capped.amount = half;
        assert_eq!(PriceChange::of(&[capped], |_| &old, &dearer()).after, half + half);
    }
}

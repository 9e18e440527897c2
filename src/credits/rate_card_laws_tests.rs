//! What holds for every rate card and all quantities.

use proptest::prelude::*;

use super::{
    super::Quantity,
    tests::{choice, number, rate, rates},
    *,
};

/// Any card of one operation: up to three numbers, two choices, any sums of products.
fn any_rates() -> impl Strategy<Value = OperationRates> {
    let numbers = prop::collection::vec((0_i64..50, 0_i64..5_000, 0_u32..4), 1..4);
    let factors = prop::collection::vec(prop::collection::vec(0_i64..5_000_000, 1..4), 0..3);
    let terms = prop::collection::vec((0_i64..2_000_000_000, 1_u8..8), 1..4);
    let limits = (0_i64..3_000_000_000, 0_i64..5_000, prop::option::of(0_i64..1_000_000));
    (numbers, factors, terms, limits).prop_map(|(numbers, factors, terms, limits)| {
        let ids = ["one", "two", "three"];
        let mut quantities: Vec<_> = numbers
            .iter()
            .zip(ids)
            .map(|((from, width, decimals), id)| {
                let mut quantity = number(id, id, *from, from + width);
                let QuantityKind::Number(number) = &mut quantity.kind else { unreachable!() };
                number.decimals = *decimals;
                quantity
            })
            .collect();
        let terms = terms.iter().map(|(price, chosen)| {
            let of = ids[..numbers.len()].iter().enumerate();
            let of: Vec<_> =
                of.filter(|(bit, _)| chosen >> bit & 1 == 1).map(|(_, id)| *id).collect();
            rate(*price, if of.is_empty() { &ids[..1] } else { &of })
        });
        let terms = terms.collect();
        for (options, id) in factors.iter().zip(["class", "depth"]) {
            let names = ["low", "middle", "high"];
            let options: Vec<_> =
                options.iter().zip(names).map(|(factor, name)| (name, name, *factor)).collect();
            quantities.push(choice(id, id, &options));
        }
        let (base, minimum, above) = limits;
        OperationRates {
            base,
            minimum: Credits::from_thousandths(minimum),
            maximum: above.map(|above| Credits::from_thousandths(minimum + above)),
            ..rates(Operation::Backtest, quantities, terms)
        }
    })
}

/// The exact cost before rounding and limits, as numerator and denominator in nano-credits.
fn exact(rates: &OperationRates, chosen: &[i64]) -> (i128, i128) {
    let (mut sum, mut under) = (0_i128, 1_i128);
    let (mut factor, mut factor_under) = (1_i128, 1_i128);
    let value = |id: &str| {
        let index = rates.find(id).unwrap();
        let QuantityKind::Number(number) = &rates.quantities[index].kind else { unreachable!() };
        (i128::from(chosen[index]), i128::from(number.scale()))
    };
    for rate in &rates.rates {
        let parts = rate.of.iter().map(|id| value(id));
        let (over, below) =
            parts.fold((i128::from(rate.price), 1), |sum, part| (sum.0 * part.0, sum.1 * part.1));
        (sum, under) = (sum * below + over * under, under * below);
        let common = (1..=9).map(|power| 10_i128.pow(power));
        let common = common.filter(|by| sum % by == 0 && under % by == 0).max().unwrap_or(1);
        (sum, under) = (sum / common, under / common);
    }
    for (quantity, index) in rates.quantities.iter().zip(chosen) {
        if let QuantityKind::Choice(options) = &quantity.kind {
            let option = &options[usize::try_from(*index).unwrap()];
            (factor, factor_under) = (factor * i128::from(option.factor), factor_under * FACTOR);
        }
    }
    (i128::from(rates.base) * under * factor_under + sum * factor, under * factor_under)
}

fn said(rates: &OperationRates, chosen: &[i64]) -> Quantities {
    let pairs = rates.quantities.iter().zip(chosen).map(|(quantity, value)| {
        let text = match &quantity.kind {
            QuantityKind::Number(number) => number.written(*value).replace(',', ""),
            QuantityKind::Choice(options) => options[usize::try_from(*value).unwrap()].id.clone(),
        };
        (quantity.id.clone(), Quantity::new(text))
    });
    pairs.collect()
}

fn within(rates: &OperationRates, parts: &[i64]) -> Vec<i64> {
    let values = rates.quantities.iter().zip(parts).map(|(quantity, part)| match &quantity.kind {
        QuantityKind::Number(number) => {
            number.minimum + part % (number.maximum - number.minimum + 1)
        }
        QuantityKind::Choice(options) => part % i64::try_from(options.len()).unwrap(),
    });
    values.collect()
}

proptest! {
    #[test]
    fn more_never_costs_less_and_nothing_is_above_its_exact_price(
        rates in any_rates(),
        parts in prop::collection::vec(0_i64..100_000, 5),
        grown in 0_usize..5,
        more in 1_i64..1_000,
    ) {
        let card = RateCard { operations: vec![rates.clone()] };
        let price = |chosen: &[i64]| {
            card.price(Operation::Backtest, &said(&rates, chosen)).unwrap().cost
        };
        let chosen = within(&rates, &parts);
        let cost = price(&chosen);

        let (over, under) = exact(&rates, &chosen);
        let floor = Credits::from_thousandths(i64::try_from(over / (under * NANO)).unwrap());
        let limited = rates.maximum.unwrap_or(Credits::from_thousandths(i64::MAX));
        prop_assert_eq!(cost, floor.max(rates.minimum).min(limited));

        if let Some(PricedQuantity { kind: QuantityKind::Number(number), .. }) =
            rates.quantities.get(grown)
        {
            let mut larger = chosen;
            larger[grown] = (larger[grown] + more).min(number.maximum);
            prop_assert!(price(&larger) >= cost);
        }
    }
}

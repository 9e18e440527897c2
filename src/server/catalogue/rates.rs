//! The tables of the rate card in the catalogue's file: decimals as text, turned into integers
//! exactly or not at all.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Deserialize;
use toml::Spanned;

use super::file::{Fault, known};
use crate::credits::{
    Choosable, Credits, Number, Operation, OperationRates, PricedQuantity, QuantityKind, Rate,
};

/// Billionths of a credit in one.
const NANO: i64 = 1_000_000_000;
/// Millionths in one.
const MICRO: i64 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationTable {
    id: Spanned<String>,
    base: Option<Spanned<String>>,
    minimum: Option<Spanned<String>>,
    maximum: Option<Spanned<String>>,
    quantity: Vec<Spanned<QuantityTable>>,
    rate: Vec<RateTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuantityTable {
    id: String,
    name: String,
    one: Option<String>,
    many: Option<String>,
    minimum: Option<Spanned<String>>,
    maximum: Option<Spanned<String>>,
    #[serde(default)]
    decimals: u32,
    #[serde(default)]
    in_thousands: bool,
    options: Option<Vec<OptionTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionTable {
    id: String,
    name: String,
    words: String,
    factor: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    price: Spanned<String>,
    #[serde(default = "one")]
    per: i64,
    of: Vec<String>,
}

const fn one() -> i64 {
    1
}

/// Reads what prices one operation.
pub(super) fn read(table: &OperationTable) -> Result<OperationRates, Fault> {
    let credits = |text: &Option<Spanned<String>>| text.as_ref().map(known::<Credits>).transpose();
    Ok(OperationRates {
        operation: known::<Operation>(&table.id)?,
        base: table.base.as_ref().map_or(Ok(0), |base| integer("base", base, NANO, 1))?,
        minimum: credits(&table.minimum)?.unwrap_or_default(),
        maximum: credits(&table.maximum)?,
        quantities: table.quantity.iter().map(quantity).collect::<Result<_, _>>()?,
        rates: table.rate.iter().map(rate).collect::<Result<_, _>>()?,
    })
}

fn quantity(table: &Spanned<QuantityTable>) -> Result<PricedQuantity, Fault> {
    let span = table.span();
    let table = table.get_ref();
    let kind = match (&table.options, &table.minimum, &table.maximum) {
        (Some(options), None, None) => {
            QuantityKind::Choice(options.iter().map(choosable).collect::<Result<_, _>>()?)
        }
        (None, Some(minimum), Some(maximum)) => {
            let unit = 10_i64.pow(table.decimals.min(9));
            QuantityKind::Number(Number {
                one: table.one.clone().unwrap_or_default(),
                many: table.many.clone().unwrap_or_default(),
                minimum: integer("minimum", minimum, unit, 1)?,
                maximum: integer("maximum", maximum, unit, 1)?,
                decimals: table.decimals,
                in_thousands: table.in_thousands,
            })
        }
        _ => {
            let message = "needs either options, or minimum and maximum";
            return Err((Some(span), format!("quantity {:?} {message}", table.id)));
        }
    };
    Ok(PricedQuantity { id: table.id.clone(), name: table.name.clone(), kind })
}

fn choosable(table: &OptionTable) -> Result<Choosable, Fault> {
    Ok(Choosable {
        id: table.id.clone(),
        name: table.name.clone(),
        words: table.words.clone(),
        factor: integer("factor", &table.factor, MICRO, 1)?,
    })
}

fn rate(table: &RateTable) -> Result<Rate, Fault> {
    let price = integer("price", &table.price, NANO, table.per)?;
    Ok(Rate { price, of: table.of.clone() })
}

/// A decimal `per` so many, in units of which there are so many in one; refused where that is no
/// whole number of them.
fn integer(name: &str, text: &Spanned<String>, unit: i64, per: i64) -> Result<i64, Fault> {
    let decimal: Decimal = known(text)?;
    let exact = || {
        let units = decimal.checked_mul(Decimal::from(unit))?;
        let each = units.checked_div(Decimal::from(per))?;
        let is_exact = each.is_integer() && each.checked_mul(Decimal::from(per))? == units;
        is_exact.then(|| each.to_i64()).flatten()
    };
    exact().ok_or_else(|| {
        let whole = match unit {
            NANO => "whole billionths of a credit for each",
            MICRO => "whole millionths",
            _ => "the decimals that it may have",
        };
        let per = if per == 1 { String::new() } else { format!(" per {per}") };
        (Some(text.span()), format!("{name} = {decimal}{per} must come to {whole}"))
    })
}

//! What the presets promise, and what a form says.

use super::*;
use crate::{
    credits::{Credits, Quantities},
    pages::buy::pricing::tests::pricing,
};

fn shop(per_day_thousandths: i64, starts_in_days: i64) -> Shop {
    let packages = [("s", 1_000), ("m", 5_000), ("l", 20_000), ("xl", 50_000)];
    Shop {
        packages: packages.map(|(id, credits)| Package { id: id.to_owned(), credits }).to_vec(),
        worth: vec![
            example(Operation::Strategy, 50_000, "strategies"),
            example(Operation::Backtest, 12_500, "backtests"),
        ],
        terms: String::new(),
        prices: String::new(),
        pricing: pricing(per_day_thousandths, starts_in_days),
    }
}

fn example(operation: Operation, cost: i64, short: &str) -> WorthExample {
    let cost = Credits::from_thousandths(cost);
    let (quantities, short) = (Quantities::new(), short.to_owned());
    WorthExample { operation, quantities, cost, what: short.clone(), short }
}

#[test]
fn the_largest_package_that_is_used_up_in_time_fits_the_year() {
    let shop = shop(78_700, 83);
    let fits: Vec<_> = shop.packages.iter().filter_map(|package| shop.fit(package)).collect();
    assert_eq!(fits, [Fit::Lasts(12), Fit::Lasts(63), Fit::Year, Fit::Unused(27_800)]);
    assert_eq!(shop.suggested().unwrap().id, "l");
}

#[test]
fn a_package_that_outlasts_the_year_is_told_the_one_that_fits() {
    let shop = shop(78_700, 83);
    assert_eq!(shop.fits_year().unwrap().id, "l");
    let slow = self::shop(2_000, 0);
    assert!(slow.fits_year().is_none(), "730 credits a year are less than the smallest one");
}

#[test]
fn the_lowest_cost_for_each_used_credit_is_told_where_it_is_not_the_largest_package() {
    let cheapest = |per_day: i64| shop(per_day, 0).cheapest_used().map(|it| it.id.clone());
    // 730 a year: all packages waste some, the smallest the least.
    assert_eq!(cheapest(2_000).as_deref(), Some("s"));
    assert_eq!(cheapest(30_000).as_deref(), Some("m"));
    assert_eq!(cheapest(200_000), None, "the largest is used up, and the cheapest anyway");
    assert_eq!(cheapest(0), None);
}

#[test]
fn packages_that_end_within_months_are_not_called_a_years_supply() {
    let shop = shop(1_000_000, 0);
    let last = shop.packages.last().unwrap();
    assert_eq!(shop.fit(last), Some(Fit::Lasts(50)));
    assert_eq!(shop.suggested().unwrap().id, "s");
}

#[test]
fn without_a_pace_the_smallest_package_comes_first() {
    let shop = shop(0, 0);
    assert_eq!(shop.fit(&shop.packages[0]), None);
    assert_eq!(shop.suggested().unwrap().id, "s");
}

#[test]
fn worth_is_told_in_backtests_and_strategies() {
    assert_eq!(shop(0, 0).worth_in_short(20_000), "1,600 backtests or 400 strategies");
}

#[test]
fn a_form_says_a_package_or_a_custom_amount() {
    let read = |package: Option<&str>, amount: Option<&str>| {
        Choice::read(package.map(str::to_owned), amount.map(str::to_owned))
    };
    assert_eq!(read(Some("m"), Some("7")), Some(Choice::Package("m".to_owned())));
    assert_eq!(read(Some("custom"), Some("7")), Some(Choice::Custom("7".to_owned())));
    assert_eq!(read(Some("custom"), None), Some(Choice::Custom(String::new())));
    assert_eq!(read(None, Some("7")), Some(Choice::Custom("7".to_owned())));
    assert_eq!(read(None, None), None);
}

#[test]
fn a_choice_is_an_amount_or_says_what_is_wrong() {
    let shop = shop(0, 0);
    assert_eq!(Choice::Package("m".to_owned()).credits(&shop), Ok(5_000));
    assert!(Choice::Package("gone".to_owned()).is_unknown(&shop));
    let custom = |text: &str| Choice::Custom(text.to_owned()).credits(&shop);
    assert_eq!(custom("7500"), Ok(7_500));
    assert_eq!(custom("7,500"), Err(Some(AmountError::Separators("7500".to_owned()))));
    assert_eq!(custom(""), Err(Some(AmountError::Empty)));
}

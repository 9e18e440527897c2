//! What the picker promises about an amount.

use super::*;
use crate::credits::{Currency, PriceStep};

/// 21 Nov 2026, 14:32 in Berlin, with an hour's offset.
const NOW: i64 = 1_795_267_920;
const YEAR: i64 = 365 * DAY_SECONDS;

fn shop(per_day_thousandths: i64, starts_in_days: i64) -> Shop {
    let packages = [("s", 1_000), ("m", 5_000), ("l", 20_000), ("xl", 50_000)];
    Shop {
        schedule: PriceSchedule {
            currency: Currency::Usd,
            minimum: 100,
            maximum: 100_000,
            steps: vec![
                PriceStep { up_to: 1_000, price_milli: 5_000 },
                PriceStep { up_to: 100_000, price_milli: 4_250 },
            ],
        },
        packages: packages.map(|(id, credits)| Package { id: id.to_owned(), credits }).to_vec(),
        worth: vec![
            example(Operation::Strategy, 50_000, "strategies"),
            example(Operation::Backtest, 12_500, "backtests"),
        ],
        terms: String::new(),
        balance: Credits::from_thousandths(6_996_130),
        now: NOW,
        expires_at: NOW + YEAR,
        offset: 3_600,
        outlook: (per_day_thousandths > 0).then(|| Outlook {
            per_day: Credits::from_thousandths(per_day_thousandths),
            starts_at: NOW + starts_in_days * DAY_SECONDS,
        }),
    }
}

fn example(operation: Operation, cost: i64, short: &str) -> WorthExample {
    WorthExample {
        operation,
        cost: Credits::from_thousandths(cost),
        what: short.to_owned(),
        short: short.to_owned(),
    }
}

#[test]
fn the_largest_package_that_is_used_up_in_time_fits_the_year() {
    let shop = shop(78_700, 83);
    let fits: Vec<_> = shop.packages.iter().filter_map(|package| shop.fit(package)).collect();
    assert_eq!(fits, [Fit::Lasts(12), Fit::Lasts(63), Fit::Year, Fit::Unused(27_800)]);
    assert_eq!(shop.suggested().unwrap().id, "l");
    assert_eq!(shop.year_takes(), Some(28_700));
}

#[test]
fn packages_that_end_within_months_are_not_called_a_years_supply() {
    let shop = shop(1_000_000, 0);
    let last = shop.packages.last().unwrap();
    assert_eq!(shop.fit(last), Some(Fit::Lasts(50)));
    assert_eq!(shop.suggested().unwrap().id, "s");
}

#[test]
fn nothing_is_forecast_without_a_pace() {
    let shop = shop(0, 0);
    assert_eq!(shop.fit(&shop.packages[0]), None);
    assert_eq!((shop.unused(1), shop.used_up(1), shop.year_takes()), (None, None, None));
    assert_eq!(shop.suggested().unwrap().id, "s");
}

#[test]
fn new_credits_are_used_after_those_that_expire_sooner() {
    let shop = shop(100_000, 10);
    assert_eq!(shop.used_up(1_000).as_deref(), Some("11 Dec 2026"));
    assert_eq!(shop.unused(35_500), Some(0), "355 days are left for them");
    assert_eq!(shop.unused(35_501), Some(1));
    assert_eq!(shop.used_up(35_501), None, "what expires is not used up");
}

#[test]
fn dates_are_those_of_the_accounts_zone() {
    let mut shop = shop(0, 0);
    assert_eq!((shop.expiry().as_str(), shop.expiry_days()), ("21 Nov 2027", 365));
    shop.offset = 12 * 3_600;
    assert_eq!((shop.expiry().as_str(), shop.expiry_days()), ("22 Nov 2027", 365));
}

#[test]
fn worth_and_balance_follow_the_amount() {
    let shop = shop(0, 0);
    assert_eq!(shop.worth_in_short(20_000), "1,600 backtests or 400 strategies");
    assert_eq!(shop.balance_after(20_000).to_string(), "26,996.13");
    assert_eq!(shop.balance_after(i64::MAX), shop.balance);
}

#[test]
fn step_prices_are_written_with_the_decimals_they_need() {
    let schedule = shop(0, 0).schedule;
    assert_eq!(step_price(&schedule, 5_000), "5.0¢");
    assert_eq!(step_price(&schedule, 4_250), "4.25¢");
    assert_eq!(step_price(&schedule, 875), "0.875¢");
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
    assert_eq!(Choice::Package("gone".to_owned()).credits(&shop), Err(None));
    let custom = |text: &str| Choice::Custom(text.to_owned()).credits(&shop);
    assert_eq!(custom("7500"), Ok(7_500));
    assert_eq!(custom("7,500"), Err(Some(AmountError::Separators("7500".to_owned()))));
    assert_eq!(custom(""), Err(Some(AmountError::Empty)));
}

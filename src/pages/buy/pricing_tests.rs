//! What the picker promises about an amount.

use super::*;

/// 21 Nov 2026, 14:32 in Berlin.
const NOW: i64 = 1_795_267_920;

pub fn pricing(per_day_thousandths: i64, starts_in_days: i64) -> Pricing {
    Pricing {
        schedule: PriceSchedule {
            currency: Currency::Eur,
            minimum: 100,
            maximum: 100_000,
            steps: vec![
                PriceStep { up_to: 1_000, price_milli: 5_000 },
                PriceStep { up_to: 100_000, price_milli: 4_250 },
            ],
        },
        balance: Credits::from_thousandths(6_996_130),
        now: NOW,
        expires_at: NOW + 365 * DAY_SECONDS,
        offset: 3_600,
        outlook: (per_day_thousandths > 0).then(|| Outlook {
            per_day: Credits::from_thousandths(per_day_thousandths),
            starts_at: NOW + starts_in_days * DAY_SECONDS,
        }),
        costs: vec![Credits::from_thousandths(50_000), Credits::from_thousandths(12_500)],
    }
}

#[test]
fn the_browser_reads_what_the_server_wrote() {
    for pricing in [pricing(78_700, 83), pricing(0, 0)] {
        assert_eq!(Pricing::from_line(&pricing.to_line()), Some(pricing));
    }
    for line in ["", "0 1", "9 1 2 3 4 5 6 7 8 0", "0 1 2 3 4 5 6 7 8 1 5", "a b c"] {
        assert_eq!(Pricing::from_line(line), None, "{line}");
    }
}

#[test]
fn nothing_is_forecast_without_a_pace() {
    let pricing = pricing(0, 0);
    assert_eq!((pricing.unused(1), pricing.used_up(1), pricing.year_takes()), (None, None, None));
}

#[test]
fn new_credits_are_used_after_those_that_expire_sooner() {
    let pricing = pricing(100_000, 10);
    assert_eq!(pricing.used_up(1_000).as_deref(), Some("11 Dec 2026"));
    assert_eq!(pricing.unused(35_500), Some(0), "355 days are left for them");
    assert_eq!(pricing.unused(35_501), Some(1));
    assert_eq!(pricing.used_up(35_501), None, "what expires is not used up");
    assert_eq!(pricing.year_takes(), Some(36_500));
}

#[test]
fn dates_are_those_of_the_accounts_zone() {
    let mut pricing = pricing(0, 0);
    assert_eq!((pricing.expiry().as_str(), pricing.expiry_days()), ("21 Nov 2027", 365));
    pricing.offset = 12 * 3_600;
    assert_eq!((pricing.expiry().as_str(), pricing.expiry_days()), ("22 Nov 2027", 365));
}

#[test]
fn the_balance_grows_by_what_is_bought() {
    let pricing = pricing(0, 0);
    assert_eq!(pricing.balance_after(20_000).to_string(), "26,996.13");
    assert_eq!(pricing.balance_after(i64::MAX), pricing.balance);
}

#[test]
fn step_prices_are_written_with_the_decimals_they_need() {
    let schedule = pricing(0, 0).schedule;
    assert_eq!(step_price(&schedule, 5_000), "5.0 ct");
    assert_eq!(step_price(&schedule, 4_250), "4.25 ct");
    assert_eq!(step_price(&schedule, 875), "0.875 ct");
}

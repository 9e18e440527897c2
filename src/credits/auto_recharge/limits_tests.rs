use proptest::prelude::*;

use super::*;
use crate::credits::{Credits, Currency, Money, Refill};

const TOTAL: i64 = 23_000;

fn plan(per_day: u32, cooldown_hours: u32, monthly_cap: i64) -> RechargePlan {
    RechargePlan {
        threshold: Credits::from_thousandths(500_000),
        refill: Refill::Amount,
        credits: 5_000,
        total: Money::new(TOTAL, Currency::Usd),
        monthly_cap: Money::new(monthly_cap, Currency::Usd),
        per_day,
        cooldown_hours,
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn charged(text: &str) -> PastRecharge {
    PastRecharge { at: at(text), total: TOTAL, is_under_way: false, has_failed: false }
}

fn rest(reason: RestReason, until: &str) -> Result<(), Rest> {
    Err(Rest { reason, until: Some(at(until)) })
}

#[test]
fn a_cooldown_ends_to_the_millisecond() {
    let (plan, past) = (plan(9, 1, i64::MAX), [charged("2026-11-22T10:00:00Z")]);
    let allows = |now| plan.allows(TOTAL, &past, at(now));
    let wait = rest(RestReason::Cooldown, "2026-11-22T11:00:00Z");
    assert_eq!(allows("2026-11-22T10:59:59.999Z"), wait);
    assert_eq!(allows("2026-11-22T11:00:00Z"), Ok(()));
    assert_eq!(allows("2026-11-22T09:00:00Z"), wait, "also where the clock went back");
}

#[test]
fn the_count_is_of_any_24_hours_not_of_a_day() {
    let plan = plan(3, 1, i64::MAX);
    let past = ["2026-11-21T23:00:00Z", "2026-11-22T01:00:00Z", "2026-11-21T20:30:00Z"];
    let past = past.map(charged);
    let wait = rest(RestReason::PerDay, "2026-11-22T20:30:00Z");
    assert_eq!(plan.allows(TOTAL, &past, at("2026-11-22T20:29:59.999Z")), wait);
    assert_eq!(plan.allows(TOTAL, &past, at("2026-11-22T20:30:00Z")), Ok(()));
}

#[test]
fn the_cap_is_of_a_calendar_month_in_utc_and_may_be_reached_exactly() {
    let (two, less) = (plan(9, 1, 2 * TOTAL), plan(9, 1, 2 * TOTAL - 1));
    let past = [charged("2026-11-01T00:00:00Z"), charged("2026-10-31T23:59:59.999Z")];
    let now = at("2026-11-22T10:00:00Z");
    assert_eq!(two.allows(TOTAL, &past, now), Ok(()));
    let wait = rest(RestReason::MonthlyCap, "2026-12-01T00:00:00Z");
    assert_eq!(two.allows(TOTAL + 1, &past, now), wait);
    assert_eq!(less.allows(TOTAL, &past, now), wait);
    assert_eq!(less.allows(TOTAL, &past, at("2026-12-01T00:00:00Z")), Ok(()));
}

#[test]
fn what_failed_costs_nothing_but_counts_as_an_attempt() {
    let failed = PastRecharge { has_failed: true, ..charged("2026-11-22T10:00:00Z") };
    let plan = plan(1, 1, TOTAL);
    let early = plan.allows(TOTAL, &[failed], at("2026-11-22T10:30:00Z"));
    assert_eq!(early, rest(RestReason::Cooldown, "2026-11-22T11:00:00Z"));
    let later = plan.allows(TOTAL, &[failed], at("2026-11-22T12:00:00Z"));
    assert_eq!(later, rest(RestReason::PerDay, "2026-11-23T10:00:00Z"));
    assert_eq!(plan.allows(TOTAL, &[failed], at("2026-11-23T10:00:00Z")), Ok(()));
}

#[test]
fn there_are_never_two_at_once_however_long_the_first_takes() {
    let under_way = PastRecharge { is_under_way: true, ..charged("2026-11-01T00:00:00Z") };
    let rest = plan(9, 1, i64::MAX).allows(TOTAL, &[under_way], at("2026-11-22T10:00:00Z"));
    assert_eq!(rest, Err(Rest { reason: RestReason::UnderWay, until: None }));
}

#[test]
fn a_month_ends_where_the_next_one_begins() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    assert_eq!(month_of(at("2026-12-31T23:59:59.999Z")), (day("2026-12-01"), day("2027-01-01")));
}

proptest! {
    /// However often it is tried, with steps of time of any length: no two charges within a
    /// cooldown, never more in 24 hours than agreed, never more money in a month, and a rest that
    /// has an end is over at its end.
    #[test]
    fn the_limits_hold_over_any_history(
        steps in proptest::collection::vec(0_i64..20 * 3_600_000, 1..120),
        per_day in 1_u32..5,
        cooldown in 1_u32..25,
        recharges in 1_i64..9,
        odd in 0_i64..TOTAL,
    ) {
        let plan = plan(per_day, cooldown, recharges * TOTAL + odd);
        let mut now = at("2026-11-22T10:00:00Z");
        let mut past: Vec<PastRecharge> = Vec::new();
        for step in steps {
            now += TimeDelta::milliseconds(step);
            match plan.allows(TOTAL, &past, now) {
                Ok(()) => past.push(PastRecharge {
                    at: now, total: TOTAL, is_under_way: false, has_failed: step % 5 == 0,
                }),
                Err(rest) => {
                    let end = rest.until.unwrap();
                    prop_assert!(end > now);
                    let after = plan.allows(TOTAL, &past, end);
                    prop_assert!(after.err().is_none_or(|next| next.reason != rest.reason));
                }
            }
        }
        for (index, charge) in past.iter().enumerate() {
            let later = &past[index + 1..];
            let apart = TimeDelta::hours(cooldown.into());
            prop_assert!(later.iter().all(|next| next.at - charge.at >= apart));
            let within = later.iter().filter(|next| next.at - charge.at < TimeDelta::days(1));
            prop_assert!(within.count() < per_day as usize);
            let (first, next) = month_of(charge.at);
            let same = past.iter().filter(|it| !it.has_failed && month_of(it.at) == (first, next));
            prop_assert!(same.map(|it| it.total).sum::<i64>() <= plan.monthly_cap.minor);
        }
    }
}

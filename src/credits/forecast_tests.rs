//! What a forecast promises, and the same by a simulation hour by hour.

use std::time::Instant;

use proptest::prelude::*;

use super::super::Source;
use super::*;

fn credits(whole: i64) -> Credits {
    Credits::try_from_whole(whole).unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn lot(number: i64, remaining: i64, days_left: i64) -> Lot {
    Lot {
        number,
        source: Source::Purchase,
        granted: credits(remaining),
        remaining: credits(remaining),
        held: Credits::ZERO,
        expires_at: now() + TimeDelta::days(days_left),
        purchase: None,
    }
}

fn steady(per_day: i64) -> Pace {
    let per_day = credits(per_day);
    Pace { per_day, slowest: per_day, fastest: per_day }
}

#[test]
fn nobody_who_spends_nothing_has_a_pace() {
    assert_eq!(Pace::from_days(&[]), None);
    assert_eq!(Pace::from_days(&[Credits::ZERO; 28]), None);
}

#[test]
fn the_pace_is_taken_from_the_last_four_weeks_and_more_from_the_recent_ones() {
    let mut days = vec![credits(1_000); 10];
    days.extend([credits(10); 14]);
    days.extend([credits(30); 14]);
    let pace = Pace::from_days(&days).unwrap();
    // (8 + 4) parts of 30 and (2 + 1) parts of 10.
    assert_eq!((pace.slowest, pace.per_day, pace.fastest), (credits(10), credits(26), credits(30)));
}

#[test]
fn a_week_counts_twice_as_much_as_the_one_before_it() {
    let of_week = |week: usize| {
        let mut days = [Credits::ZERO; 28];
        days[week * 7..week * 7 + 7].fill(credits(15));
        Pace::from_days(&days).unwrap().per_day
    };
    assert_eq!([0, 1, 2, 3].map(of_week), [credits(1), credits(2), credits(4), credits(8)]);
    // Whoever came ten days ago is judged by ten days.
    let pace = Pace::from_days(&[credits(5); 10]).unwrap();
    assert_eq!((pace.slowest, pace.per_day, pace.fastest), (credits(5), credits(5), credits(5)));
}

#[test]
fn a_balance_lasts_as_long_as_its_lots_are_spent_in_time() {
    let pace = Pace { per_day: credits(10), slowest: credits(5), fastest: credits(20) };
    let runway = pace.runway(&[lot(1, 100, 365)], now()).unwrap();
    let after = |days| now() + TimeDelta::days(days);
    assert_eq!((runway.earliest, runway.latest), (after(5), after(20)));
    assert_eq!(pace.runway(&[], now()), None);
}

#[test]
fn what_is_left_at_an_expiry_is_forfeited_and_the_next_lot_begins_then() {
    let lots = [lot(2, 50, 300), lot(1, 100, 4)];
    let after = |days| now() + TimeDelta::days(days);
    let first = Prospect { lot: 1, begins_at: now(), ends_at: after(4), left: credits(60) };
    let second = Prospect { lot: 2, begins_at: after(4), ends_at: after(9), left: Credits::ZERO };
    assert_eq!(steady(10).prospects(&lots, now()), [first, second]);
    assert_eq!(steady(10).runway(&lots, now()).unwrap().latest, after(9));
}

#[test]
fn a_pace_of_nothing_ends_with_the_last_expiry() {
    let pace = Pace { per_day: credits(1), slowest: Credits::ZERO, fastest: credits(1) };
    let runway = pace.runway(&[lot(1, 100, 30)], now()).unwrap();
    assert_eq!(runway.latest, now() + TimeDelta::days(30));
}

#[test]
fn a_purchase_is_spent_after_what_expires_before_it_and_for_a_year_at_most() {
    let lots = [lot(1, 500, 100), lot(2, 1_000, 20), lot(3, 9_000, 400)];
    // 20 days of the second lot, which then expires; 50 of the first; the third comes later.
    let room = steady(10).room(&lots, now());
    assert_eq!(room.begins_at, now() + TimeDelta::days(70));
    assert_eq!(room.credits, credits(2_950));
    let left = [2_950, 2_951, 5_000].map(|bought| room.left_of(credits(bought)));
    assert_eq!(left, [0, 1, 2_050].map(credits));
    // So the simulation of the lot itself says.
    let bought = [lots.as_slice(), &[lot(9, 5_000, 365)]].concat();
    let prospects = steady(10).prospects(&bought, now());
    assert_eq!(prospects.iter().find(|it| it.lot == 9).unwrap().left, credits(2_050));
}

#[test]
fn the_cheapest_purchase_is_that_of_the_lowest_price_for_each_used_credit() {
    let purchases = [(credits(1_000), 5_000), (credits(5_000), 22_500), (credits(20_000), 82_500)];
    let cheapest = |used| {
        let room = Room { begins_at: now(), credits: credits(used) };
        room.cheapest(&purchases)
    };
    assert_eq!(cheapest(0), None);
    assert_eq!(cheapest(900), Some(0), "nobody needs the others");
    assert_eq!(cheapest(4_000), Some(0), "22500 for 4000 are more than 5000 for 1000");
    assert_eq!(cheapest(4_600), Some(1));
    assert_eq!(cheapest(18_000), Some(1));
    assert_eq!(cheapest(19_000), Some(2), "a thousand unused ones are worth the better price");
}

/// Lots that expire at whole hours.
fn some_lots() -> impl Strategy<Value = Vec<Lot>> {
    let one = (1..5_000_000_i64, 0..9_000_i64, 0..3_usize);
    prop::collection::vec(one, 0..12).prop_map(|lots| {
        let made = lots.into_iter().zip(1..).map(|((remaining, hours, source), number)| Lot {
            source: Source::ALL[source],
            granted: credits(5_000),
            remaining: Credits::from_thousandths(remaining),
            expires_at: now() + TimeDelta::hours(hours),
            ..lot(number, 0, 0)
        });
        made.collect()
    })
}

/// Spends hour by hour from the first lot in the order of spending that hasn't expired.
fn left_by_the_hour(lots: &[Lot], per_hour: i64) -> Vec<(i64, i64)> {
    let mut lots = lots.to_vec();
    lots.sort_by_key(Lot::spending_order);
    let mut remaining: Vec<_> = lots.iter().map(|lot| lot.remaining.thousandths()).collect();
    for hour in 0..9_000 {
        let at = now() + TimeDelta::hours(hour);
        let mut missing = per_hour;
        for (_, remaining) in lots.iter().zip(&mut remaining).filter(|it| at < it.0.expires_at) {
            let taken = missing.min(*remaining);
            *remaining -= taken;
            missing -= taken;
        }
    }
    lots.iter().map(|lot| lot.number).zip(remaining).collect()
}

/// Each lot may end up to a second too soon: what is spent in it.
fn tolerance(lots: &[Lot], per_day: i64) -> i64 {
    i64::try_from(lots.len()).unwrap() * (per_day / 86_400 + 2) + 1
}

proptest! {
    #[test]
    fn a_forecast_is_what_a_simulation_hour_by_hour_comes_to(
        lots in some_lots(), per_hour in 0..40_000_i64,
    ) {
        let per_day = Credits::from_thousandths(per_hour * 24);
        let pace = Pace { per_day, slowest: per_day, fastest: per_day };
        let prospects = pace.prospects(&lots, now());
        let simulated = left_by_the_hour(&lots, per_hour);
        prop_assert_eq!(prospects.len(), lots.len());
        let tolerance = tolerance(&lots, per_hour * 24);
        for (prospect, (number, left)) in prospects.iter().zip(simulated) {
            prop_assert_eq!(prospect.lot, number);
            prop_assert!((prospect.left.thousandths() - left).abs() <= tolerance, "{:?}", prospect);
        }
    }

    #[test]
    fn lots_follow_each_other_and_end_by_their_expiry(lots in some_lots(), per_day in 0..9_000_i64) {
        let mut before = now();
        for prospect in steady(per_day).prospects(&lots, now()) {
            let lot = lots.iter().find(|lot| lot.number == prospect.lot).unwrap();
            prop_assert_eq!(prospect.begins_at, before);
            prop_assert!(prospect.ends_at >= prospect.begins_at);
            prop_assert!(prospect.left <= lot.remaining && prospect.left >= Credits::ZERO);
            if prospect.left.is_positive() {
                prop_assert_eq!(prospect.ends_at, lot.expires_at.max(before));
            } else {
                prop_assert!(prospect.ends_at <= lot.expires_at);
            }
            before = prospect.ends_at;
        }
    }

    #[test]
    fn who_spends_faster_ends_sooner_and_leaves_no_more(
        lots in some_lots(), slow in 0..5_000_i64, more in 0..5_000_i64,
    ) {
        let pace = Pace { per_day: credits(slow), slowest: credits(slow), fastest: credits(slow + more) };
        if let Some(runway) = pace.runway(&lots, now()) {
            prop_assert!(runway.earliest <= runway.latest);
            prop_assert!(runway.latest <= lots.iter().map(|lot| lot.expires_at).max().unwrap());
        }
        let tolerance = Credits::from_thousandths(tolerance(&lots, (slow + more) * 1_000));
        let left = |per_day| {
            let prospects = steady(per_day).prospects(&lots, now());
            prospects.iter().map(|prospect| prospect.left).sum::<Credits>()
        };
        prop_assert!(left(slow + more) <= left(slow) + tolerance);
        let room = |per_day| steady(per_day).room(&lots, now()).credits;
        prop_assert!(room(slow) <= room(slow + more) + tolerance);
    }

    #[test]
    fn a_pace_lies_within_its_range(days in prop::collection::vec(0..9_000_000_i64, 0..40)) {
        let days: Vec<_> = days.into_iter().map(Credits::from_thousandths).collect();
        if let Some(pace) = Pace::from_days(&days) {
            prop_assert!(pace.slowest <= pace.per_day && pace.per_day <= pace.fastest);
            let busiest = days.iter().copied().max().unwrap();
            prop_assert!(pace.fastest <= busiest);
        }
    }

    #[test]
    fn what_is_left_of_a_purchase_is_what_the_simulation_of_its_lot_says(
        lots in some_lots(), per_day in 1..9_000_i64, bought in 1..200_000_i64,
    ) {
        let mine = lot(i64::MAX, bought, 365);
        let room = steady(per_day).room(&lots, now());
        let with_mine = [lots.as_slice(), std::slice::from_ref(&mine)].concat();
        let prospects = steady(per_day).prospects(&with_mine, now());
        let simulated = prospects.iter().find(|it| it.lot == i64::MAX).unwrap();
        prop_assert_eq!(simulated.begins_at, room.begins_at);
        // A last second's credits may be counted to either side.
        let difference = room.left_of(mine.remaining) - simulated.left;
        prop_assert!(difference.abs() <= Credits::from_thousandths(per_day * 1_000 / 86_400 + 1));
    }

    #[test]
    fn no_purchase_costs_less_for_each_used_credit_than_the_cheapest(
        purchases in prop::collection::vec((1..100_000_i64, 1..10_000_000_i64), 1..8),
        used in 1..100_000_i64,
    ) {
        let purchases: Vec<_> =
            purchases.into_iter().map(|(amount, price)| (credits(amount), price)).collect();
        let room = Room { begins_at: now(), credits: credits(used) };
        let per_used = |(amount, price): (Credits, i64)| {
            i128::from(price) * 1_000_000_000 / i128::from(amount.min(room.credits).thousandths())
        };
        let best = per_used(purchases[room.cheapest(&purchases).unwrap()]);
        prop_assert!(purchases.iter().all(|purchase| per_used(*purchase) >= best));
    }
}

/// All that a page asks of a forecast, of an account with more lots than anybody has.
#[test]
fn the_forecast_of_a_page_takes_no_millisecond() {
    let lots: Vec<_> = (1..=200).map(|number| lot(number, 900 + number, number * 2)).collect();
    let days: Vec<_> = (0..28).map(|day| credits(30 + day % 5)).collect();
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            let start = Instant::now();
            let pace = Pace::from_days(&days).unwrap();
            let runway = pace.runway(&lots, now()).unwrap();
            let (prospects, room) = (pace.prospects(&lots, now()), pace.room(&lots, now()));
            let elapsed = start.elapsed();
            assert!(prospects.len() == 200 && runway.earliest <= runway.latest);
            assert!(room.begins_at > now());
            elapsed
        })
        .collect();
    times.sort();
    println!("a forecast over 200 lots takes {:?}", times[25]);
    assert!(times[25].as_micros() < 1_000, "{:?}", times[25]);
}

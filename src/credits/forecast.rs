//! How long a balance lasts at the current pace, and what of it will be forfeited.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Lot};

/// Days that a pace is taken from.
const WINDOW_DAYS: usize = 28;
/// Days of one of its weeks.
const WEEK_DAYS: usize = 7;

/// How fast credits are consumed, from the last four weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Credits a day on average.
    pub per_day: Credits,
    /// Credits a day in the calmest of the four weeks.
    pub slowest: Credits,
    /// Credits a day in the busiest of the four weeks.
    pub fastest: Credits,
}

/// When the balance ends, as a range: at the fastest and at the slowest pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runway {
    /// When it ends at the fastest pace.
    pub earliest: DateTime<Utc>,
    /// When it ends at the slowest pace; the last expiry at the latest.
    pub latest: DateTime<Utc>,
}

impl Pace {
    /// From what was consumed on each of the last days, oldest first. `None` where there is
    /// nothing to go by.
    #[must_use]
    pub fn from_days(days: &[Credits]) -> Option<Self> {
        let window = &days[days.len().saturating_sub(WINDOW_DAYS)..];
        let total: Credits = window.iter().copied().sum();
        if !total.is_positive() {
            return None;
        }
        let weeks = window.rchunks(WEEK_DAYS).filter(|week| week.len() == WEEK_DAYS);
        let averages: Vec<_> = weeks.map(average).collect();
        let per_day = average(window);
        Some(Self {
            per_day,
            slowest: averages.iter().copied().min().unwrap_or(per_day),
            fastest: averages.iter().copied().max().unwrap_or(per_day),
        })
    }

    /// When lots end that are spent in order at this pace.
    #[must_use]
    pub fn runway(&self, lots: &[Lot], now: DateTime<Utc>) -> Option<Runway> {
        let ends = |per_day| burn_down(lots, per_day, now).0;
        lots.iter()
            .any(|lot| lot.remaining.is_positive())
            .then(|| Runway { earliest: ends(self.fastest), latest: ends(self.slowest) })
    }

    /// What of each lot will be left when it expires, by the number of the lot.
    #[must_use]
    pub fn forfeited(&self, lots: &[Lot], now: DateTime<Utc>) -> Vec<(i64, Credits)> {
        burn_down(lots, self.per_day, now).1
    }
}

fn average(days: &[Credits]) -> Credits {
    let total: Credits = days.iter().copied().sum();
    let count = i64::try_from(days.len()).unwrap_or(i64::MAX).max(1);
    Credits::from_thousandths(total.thousandths() / count)
}

/// Spends the lots in order at a pace: when nothing is left, and what was forfeited on the way.
fn burn_down(
    lots: &[Lot],
    per_day: Credits,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, Vec<(i64, Credits)>) {
    let mut ordered: Vec<&Lot> = lots.iter().filter(|lot| lot.remaining.is_positive()).collect();
    ordered.sort_by_key(|lot| lot.spending_order());
    let (mut at, mut forfeited) = (now, Vec::new());
    for lot in ordered {
        let time_left = (lot.expires_at - at).max(TimeDelta::zero());
        let time_needed = time_to_spend(lot.remaining, per_day);
        if time_needed <= time_left {
            at += time_needed;
            continue;
        }
        let used = i128::from(per_day.thousandths()) * i128::from(time_left.num_seconds()) / 86_400;
        let used = Credits::from_thousandths(i64::try_from(used).unwrap_or(i64::MAX));
        forfeited.push((lot.number, lot.remaining - used.min(lot.remaining)));
        at = at.max(lot.expires_at);
    }
    (at, forfeited)
}

fn time_to_spend(amount: Credits, per_day: Credits) -> TimeDelta {
    if !per_day.is_positive() {
        return TimeDelta::MAX;
    }
    let seconds = i128::from(amount.thousandths()) * 86_400 / i128::from(per_day.thousandths());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn nobody_who_spends_nothing_has_a_pace() {
        assert_eq!(Pace::from_days(&[]), None);
        assert_eq!(Pace::from_days(&[Credits::ZERO; 28]), None);
    }

    #[test]
    fn the_pace_is_taken_from_the_last_four_weeks() {
        let mut days = vec![credits(1_000); 10];
        days.extend([credits(10); 14]);
        days.extend([credits(30); 14]);
        let pace = Pace::from_days(&days).unwrap();
        assert_eq!(
            (pace.slowest, pace.per_day, pace.fastest),
            (credits(10), credits(20), credits(30))
        );
    }

    #[test]
    fn a_balance_lasts_as_long_as_its_lots_are_spent_in_time() {
        let pace = Pace { per_day: credits(10), slowest: credits(5), fastest: credits(20) };
        let runway = pace.runway(&[lot(1, 100, 365)], now()).unwrap();
        assert_eq!(
            (runway.earliest, runway.latest),
            (now() + TimeDelta::days(5), now() + TimeDelta::days(20))
        );
        assert_eq!(pace.runway(&[], now()), None);
    }

    #[test]
    fn what_is_left_at_an_expiry_is_forfeited_and_the_next_lot_starts_then() {
        let pace = Pace { per_day: credits(10), slowest: credits(10), fastest: credits(10) };
        let lots = [lot(2, 50, 300), lot(1, 100, 4)];
        assert_eq!(pace.forfeited(&lots, now()), [(1, credits(60))]);
        assert_eq!(pace.runway(&lots, now()).unwrap().latest, now() + TimeDelta::days(9));
    }

    #[test]
    fn a_pace_of_nothing_ends_with_the_last_expiry() {
        let pace = Pace { per_day: credits(1), slowest: Credits::ZERO, fastest: credits(1) };
        let runway = pace.runway(&[lot(1, 100, 30)], now()).unwrap();
        assert_eq!(runway.latest, now() + TimeDelta::days(30));
    }
}

//! How long a balance lasts at the current pace, and what of it will be forfeited.
//!
//! # The pace
//! What was consumed on each of the last 28 full days, in the account's zone; today isn't over and
//! doesn't count. Each week counts twice as much as the one before it: a half-life of 7 days, so
//! that a new habit shows within a week and one busy day doesn't change the year. The calmest and
//! the busiest of the four weeks make it a range.
//!
//! # What becomes of it
//! The lots are burnt down in the order of spending at a steady pace: each begins when the one
//! before it has ended, and ends when it is used up, or at its expiry with what is left. What is
//! held isn't counted: it is spent or comes back.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Credits, Lot, expires_after_one_year};

/// Days that a pace is taken from.
const WINDOW_DAYS: usize = 28;
/// Days of one of its weeks.
const WEEK_DAYS: usize = 7;
/// How much a day of the last week counts; one of the week before counts half of it.
const NEWEST_WEIGHT: i64 = 8;
const DAY_SECONDS: i128 = 86_400;

/// How fast credits are consumed, from the last four weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Credits a day on average, the recent ones counting more.
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

/// What becomes of a lot at the current pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// The number of the lot.
    pub lot: i64,
    /// When it begins to be spent.
    pub begins_at: DateTime<Utc>,
    /// When it is used up, or expires.
    pub ends_at: DateTime<Utc>,
    /// What of it is left at its expiry.
    pub left: Credits,
}

/// What a purchase made now would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// When its credits would begin to be spent: those that expire sooner come first.
    pub begins_at: DateTime<Utc>,
    /// How many of its credits would be used before they expire, be it ever so large.
    pub credits: Credits,
}

impl Pace {
    /// From what was consumed on each of the last days, oldest first. `None` where there is
    /// nothing to go by.
    #[must_use]
    pub fn from_days(days: &[Credits]) -> Option<Self> {
        let window = &days[days.len().saturating_sub(WINDOW_DAYS)..];
        if !window.iter().any(|day| day.is_positive()) {
            return None;
        }
        let per_day = recent_average(window);
        let weeks = window.rchunks(WEEK_DAYS).filter(|week| week.len() == WEEK_DAYS);
        let averages: Vec<_> = weeks.map(average).chain([per_day]).collect();
        Some(Self {
            per_day,
            slowest: averages.iter().copied().min().unwrap_or(per_day),
            fastest: averages.iter().copied().max().unwrap_or(per_day),
        })
    }

    /// When lots end that are spent in order at this pace.
    #[must_use]
    pub fn runway(&self, lots: &[Lot], now: DateTime<Utc>) -> Option<Runway> {
        let ends = |per_day| burn_down(lots.iter(), per_day, now).last().map(|last| last.ends_at);
        Some(Runway { earliest: ends(self.fastest)?, latest: ends(self.slowest)? })
    }

    /// What becomes of each lot of which something can be spent, in the order of spending.
    #[must_use]
    pub fn prospects(&self, lots: &[Lot], now: DateTime<Utc>) -> Vec<Prospect> {
        burn_down(lots.iter(), self.per_day, now)
    }

    /// What a purchase made now would meet: it is spent after what expires before it.
    #[must_use]
    pub fn room(&self, lots: &[Lot], now: DateTime<Utc>) -> Room {
        let expires_at = expires_after_one_year(now);
        let sooner = lots.iter().filter(|lot| lot.expires_at <= expires_at);
        let begins_at =
            burn_down(sooner, self.per_day, now).last().map_or(now, |last| last.ends_at);
        Room { begins_at, credits: used_in(expires_at - begins_at, self.per_day) }
    }
}

impl Room {
    /// What of so many credits would be left when they expire.
    #[must_use]
    pub fn left_of(&self, credits: Credits) -> Credits {
        credits - self.credits.min(credits)
    }

    /// Which of some purchases, each of so many credits at a price in minor units, costs the least
    /// for each credit that is used; the first of several. None where no credit would be used.
    #[must_use]
    pub fn cheapest(&self, purchases: &[(Credits, i64)]) -> Option<usize> {
        let used = |credits: Credits| i128::from(self.credits.min(credits).thousandths());
        let useful = purchases.iter().enumerate().filter(|(_, (credits, _))| used(*credits) > 0);
        let cheapest = useful.min_by(|(_, one), (_, other)| {
            let (one, other) = ((used(one.0), one.1), (used(other.0), other.1));
            (i128::from(one.1) * other.0).cmp(&(i128::from(other.1) * one.0))
        });
        cheapest.map(|(index, _)| index)
    }
}

fn average(days: &[Credits]) -> Credits {
    let total: Credits = days.iter().copied().sum();
    let count = i64::try_from(days.len()).unwrap_or(i64::MAX).max(1);
    Credits::from_thousandths(total.thousandths() / count)
}

/// The average in which each week counts twice as much as the one before it.
fn recent_average(days: &[Credits]) -> Credits {
    let weighted = days.iter().rev().enumerate().map(|(days_ago, day)| {
        let weight = i128::from(NEWEST_WEIGHT >> (days_ago / WEEK_DAYS));
        (weight * i128::from(day.thousandths()), weight)
    });
    let (sum, weights) = weighted.fold((0, 0), |sums, it| (sums.0 + it.0, sums.1 + it.1));
    Credits::from_thousandths(i64::try_from(sum / weights.max(1)).unwrap_or(i64::MAX))
}

/// Spends lots in order at a pace.
fn burn_down<'a>(
    lots: impl Iterator<Item = &'a Lot>,
    per_day: Credits,
    now: DateTime<Utc>,
) -> Vec<Prospect> {
    let mut ordered: Vec<&Lot> = lots.filter(|lot| lot.remaining.is_positive()).collect();
    ordered.sort_by_key(|lot| lot.spending_order());
    let mut at = now;
    let prospect = |lot: &Lot| {
        let (begins_at, time_left) = (at, lot.expires_at - at);
        let time_needed = time_to_spend(lot.remaining, per_day);
        let left = if time_needed <= time_left {
            at += time_needed;
            Credits::ZERO
        } else {
            at = at.max(lot.expires_at);
            lot.remaining - used_in(time_left, per_day).min(lot.remaining)
        };
        Prospect { lot: lot.number, begins_at, ends_at: at, left }
    };
    ordered.into_iter().map(prospect).collect()
}

fn time_to_spend(amount: Credits, per_day: Credits) -> TimeDelta {
    if !per_day.is_positive() {
        return TimeDelta::MAX;
    }
    let seconds =
        i128::from(amount.thousandths()) * DAY_SECONDS / i128::from(per_day.thousandths());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX)
}

fn used_in(time: TimeDelta, per_day: Credits) -> Credits {
    let seconds = i128::from(time.num_seconds().max(0));
    let used = i128::from(per_day.thousandths()) * seconds / DAY_SECONDS;
    Credits::from_thousandths(i64::try_from(used).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;

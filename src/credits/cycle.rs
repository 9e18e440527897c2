//! The billing cycle, and how long credits last. One place for each rule about dates.

use chrono::{DateTime, Datelike, Days, MappedLocalTime, Months, NaiveDate, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// When credits that become spendable at `at` expire: the one rule, for every credit that is
/// bought or given for a year.
///
/// - **One calendar year**: the same day and time of day one year later, be it 365 or 366 days.
/// - **In UTC**, whatever the account's zone: no daylight saving moves it. On screen it is shown
///   in the account's zone.
/// - **29 February** becomes 28 February: a year that has no such day is not made longer.
/// - **From when they can be spent**: the year begins with the crediting, not with the click.
/// - **Half-open**: they can be spent up to the millisecond before, and not at the instant itself.
/// - **By themselves**: [`super::Account::advance`] lets them expire when anybody looks; the sweep
///   only writes that down.
/// - **Held credits outlive it**: what a hold has set aside before can be captured after it; what
///   is given back after it expires at once.
#[must_use]
pub fn expires_after_one_year(at: DateTime<Utc>) -> DateTime<Utc> {
    at.checked_add_months(Months::new(12)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// One billing cycle: the days from `first` up to, but without, `end`, in the account's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cycle {
    /// Its first day.
    pub first: NaiveDate,
    /// The first day of the next one.
    pub end: NaiveDate,
}

impl Cycle {
    /// The cycle that contains a day. Anchors on day 29–31 clamp to the month's last day.
    #[must_use]
    pub fn containing(day: NaiveDate, anchor_day: u32) -> Self {
        let this_month = anchored(day, anchor_day);
        if day >= this_month {
            Self { first: this_month, end: next_anchor(day, anchor_day) }
        } else {
            Self { first: previous_anchor(day, anchor_day), end: this_month }
        }
    }

    /// The cycle before.
    #[must_use]
    pub fn previous(self, anchor_day: u32) -> Self {
        Self { first: previous_anchor(self.first, anchor_day), end: self.first }
    }

    /// The cycle after.
    #[must_use]
    pub fn next(self, anchor_day: u32) -> Self {
        Self { first: self.end, end: next_anchor(self.end, anchor_day) }
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> NaiveDate {
        self.end.pred_opt().unwrap_or(self.end)
    }

    /// How many days it has.
    #[must_use]
    pub fn days(self) -> i64 {
        (self.end - self.first).num_days()
    }

    /// Whether a day is in it.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        day >= self.first && day < self.end
    }

    /// The instants at which it starts and ends.
    #[must_use]
    pub fn instants<Zone: TimeZone>(self, zone: &Zone) -> (DateTime<Utc>, DateTime<Utc>) {
        (start_of_day(self.first, zone), start_of_day(self.end, zone))
    }
}

/// The first instant of a day in a zone: midnight, or where clocks jump over it, the jump.
#[must_use]
pub fn start_of_day<Zone: TimeZone>(day: NaiveDate, zone: &Zone) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    for quarter in 0..12 {
        let candidate = midnight + chrono::TimeDelta::minutes(15 * quarter);
        match zone.from_local_datetime(&candidate) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => {
                return at.with_timezone(&Utc);
            }
            MappedLocalTime::None => {}
        }
    }
    midnight.and_utc()
}

/// The anchor in the month of `day`.
fn anchored(day: NaiveDate, anchor_day: u32) -> NaiveDate {
    let first = day - Days::new(u64::from(day.day0()));
    let last = first + Months::new(1) - Days::new(1);
    first + Days::new(u64::from(anchor_day.clamp(1, last.day()) - 1))
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day - Days::new(u64::from(day.day0()))
}

fn next_anchor(day: NaiveDate, anchor_day: u32) -> NaiveDate {
    anchored(first_of_month(day) + Months::new(1), anchor_day)
}

fn previous_anchor(day: NaiveDate, anchor_day: u32) -> NaiveDate {
    anchored(first_of_month(day) - Months::new(1), anchor_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn credits_last_one_calendar_year_and_a_leap_day_ends_on_28_february() {
        let last = expires_after_one_year;
        assert_eq!(last(at("2026-11-21T10:14:00Z")), at("2027-11-21T10:14:00Z"));
        assert_eq!(last(at("2028-02-29T23:59:59Z")), at("2029-02-28T23:59:59Z"));
        assert_eq!(last(at("2027-02-28T00:00:00Z")), at("2028-02-28T00:00:00Z"));
    }

    #[test]
    fn cycles_are_half_open() {
        let cycle = Cycle::containing(day(2026, 11, 21), 5);
        assert_eq!((cycle.first, cycle.end), (day(2026, 11, 5), day(2026, 12, 5)));
        assert_eq!(Cycle::containing(day(2026, 11, 5), 5), cycle);
        assert_eq!(Cycle::containing(day(2026, 12, 5), 5), cycle.next(5));
        assert_eq!(Cycle::containing(day(2026, 11, 4), 5), cycle.previous(5));
    }

    #[test]
    fn anchors_at_the_end_of_a_month_clamp_and_come_back() {
        let february = Cycle::containing(day(2027, 2, 10), 31);
        assert_eq!((february.first, february.end), (day(2027, 1, 31), day(2027, 2, 28)));
        let march = february.next(31);
        assert_eq!((march.first, march.end), (day(2027, 2, 28), day(2027, 3, 31)));
    }

    #[test]
    fn every_day_is_in_exactly_one_cycle_for_every_anchor() {
        for anchor_day in 1..=31 {
            let mut cycle = Cycle::containing(day(2023, 12, 15), anchor_day);
            for offset in 0..1_500 {
                let today = day(2023, 12, 15) + Days::new(offset);
                if today == cycle.end {
                    cycle = cycle.next(anchor_day);
                }
                assert_eq!(Cycle::containing(today, anchor_day), cycle, "{today} {anchor_day}");
                assert_eq!(cycle.next(anchor_day).previous(anchor_day), cycle);
            }
        }
    }

    #[test]
    fn a_day_starts_at_the_zones_midnight_or_at_the_jump_over_it() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(start_of_day(day(2026, 11, 5), &berlin), at("2026-11-04T23:00:00Z"));
        // Chile put its clocks forward at midnight: 6 September 2026 began at 01:00.
        let santiago = chrono_tz::America::Santiago;
        assert_eq!(start_of_day(day(2026, 9, 6), &santiago), at("2026-09-06T04:00:00Z"));
    }
}

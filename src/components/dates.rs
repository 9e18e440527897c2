//! Dates as people read them: "5 Nov 2026", "in 11 days".

use chrono::{DateTime, FixedOffset, NaiveDate};
use leptos::prelude::*;

use super::plural;

/// "5 Nov 2026".
#[must_use]
pub fn day_text(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// "5 Nov": where the year stands beside it.
#[must_use]
pub fn day_and_month(day: NaiveDate) -> String {
    day.format("%-d %b").to_string()
}

/// "21 Nov 2026, 13:12", in the zone that the instant carries.
#[must_use]
pub fn minute_text(at: DateTime<FixedOffset>) -> String {
    at.format("%-d %b %Y, %H:%M").to_string()
}

/// "5 Nov – 5 Dec 2026"; both years where they differ.
#[must_use]
pub fn days_from_to(first: NaiveDate, last: NaiveDate) -> String {
    use chrono::Datelike;
    if first == last {
        return day_text(last);
    }
    let start = if first.year() == last.year() { day_and_month(first) } else { day_text(first) };
    format!("{start} – {}", day_text(last))
}

/// How far a day is from today: "today", "in 1 day", "in 365 days", "3 days ago".
#[must_use]
pub fn relative_days(day: NaiveDate, today: NaiveDate) -> String {
    match (day - today).num_days() {
        0 => "today".to_owned(),
        ahead @ 1.. => format!("in {}", plural(ahead, "day", "days")),
        past => format!("{} ago", plural(-past, "day", "days")),
    }
}

/// A day, readable for people and machines.
#[component]
pub fn Day(
    /// The instant; only its day is written.
    at: DateTime<FixedOffset>,
) -> impl IntoView {
    view! { <time datetime=machine_text(at)>{day_text(at.date_naive())}</time> }
}

/// A day with the time of day, readable for people and machines.
#[component]
pub fn Moment(
    /// The instant.
    at: DateTime<FixedOffset>,
) -> impl IntoView {
    view! { <time datetime=machine_text(at)>{minute_text(at)}</time> }
}

fn machine_text(at: DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn days_are_counted_from_today() {
        let today = day(2026, 11, 21);
        assert_eq!(relative_days(today, today), "today");
        assert_eq!(relative_days(day(2026, 11, 22), today), "in 1 day");
        assert_eq!(relative_days(day(2027, 11, 21), today), "in 365 days");
        assert_eq!(relative_days(day(2026, 11, 18), today), "3 days ago");
    }

    #[test]
    fn a_range_names_its_year_once_unless_it_spans_two() {
        assert_eq!(days_from_to(day(2026, 11, 5), day(2026, 12, 5)), "5 Nov – 5 Dec 2026");
        assert_eq!(days_from_to(day(2026, 12, 5), day(2027, 1, 5)), "5 Dec 2026 – 5 Jan 2027");
        assert_eq!(days_from_to(day(2026, 12, 5), day(2026, 12, 5)), "5 Dec 2026");
    }

    #[test]
    fn an_instant_is_written_in_the_zone_it_carries() {
        let at = DateTime::parse_from_rfc3339("2026-11-21T13:12:40+01:00").unwrap();
        assert_eq!(minute_text(at), "21 Nov 2026, 13:12");
        assert_eq!(machine_text(at), "2026-11-21T13:12:40+01:00");
    }
}

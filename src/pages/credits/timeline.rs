//! When the lots end, on one line of time. Positions are percentages of the drawing's width, so
//! that nothing in it is stretched.

use chrono::{DateTime, Datelike, FixedOffset, Months, NaiveDate};
use leptos::prelude::*;

use crate::credits::LotLine;

/// The most months that have their name above the lanes.
const MOST_NAMES: i32 = 13;

/// One lane for each lot, from today to its expiry; the first of them is the next to expire.
#[component]
pub fn Timeline(
    /// The lots, soonest expiry first.
    lots: Vec<LotLine>,
    /// The left edge.
    now: DateTime<FixedOffset>,
) -> impl IntoView {
    let span = Span::from_to(now, lots.iter().map(|lot| lot.expires_at).max().unwrap_or(now));
    let lanes = lots.into_iter().enumerate().map(|(index, lot)| {
        let amount = (lot.remaining + lot.held).to_string();
        let (bar, end) = if index == 0 { ("lane-next", "lane-next-end") } else { ("lane", "lane-end") };
        let at = span.percent(lot.expires_at);
        view! {
            <p class="lane-name"><span>{super::lots::lot_name(&lot)}</span><span class="muted">{amount}</span></p>
            <svg>
                <rect class=bar x="0" y="42%" width=format!("{at:.2}%") height="6"></rect>
                <rect class=end x=format!("{at:.2}%") y="22%" width="2" height="56%"></rect>
            </svg>
        }
    });
    view! {
        <div class="timeline" aria-hidden="true">
            <svg class="months">{span.months().into_iter().map(month_mark).collect_view()}</svg>
            {lanes.collect_view()}
        </div>
    }
}

fn month_mark(month: Month) -> impl IntoView {
    let x = format!("{:.2}%", month.percent);
    view! {
        <g class=if month.is_minor { "minor" } else { "" }>
            <line x1=x.clone() x2=x.clone() y1="0" y2="100%"></line>
            <text x=x y="12" dx="5">{month.name}</text>
        </g>
    }
}

/// From now to the last expiry.
#[derive(Clone, Copy)]
struct Span {
    start: DateTime<FixedOffset>,
    seconds: i64,
}

/// The first of a month on the line of time.
struct Month {
    percent: f64,
    name: String,
    is_minor: bool,
}

impl Span {
    fn from_to(start: DateTime<FixedOffset>, end: DateTime<FixedOffset>) -> Self {
        Self { start, seconds: (end - start).num_seconds().max(1) }
    }

    /// The last expiry keeps a little distance from the edge.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a year on a line of a thousand pixels"
    )]
    fn percent(self, at: DateTime<FixedOffset>) -> f64 {
        let passed = (at - self.start).num_seconds().max(0) as f64;
        98.5 * passed / self.seconds as f64
    }

    /// The firsts of the months in it; where there are many, every second or third.
    fn months(self) -> Vec<Month> {
        let first = first_of_next_month(self.start.date_naive());
        let end = self.start + chrono::TimeDelta::seconds(self.seconds);
        let firsts = std::iter::successors(first, |day| first_of_next_month(*day));
        let instants = firsts.filter_map(|day| {
            let midnight = day.and_time(chrono::NaiveTime::MIN);
            midnight.and_local_timezone(*self.start.offset()).single()
        });
        let instants: Vec<_> = instants.take_while(|at| *at < end).collect();
        let every = i32::try_from(instants.len()).unwrap_or(i32::MAX) / MOST_NAMES + 1;
        let is_long = every > 1;
        let kept = instants.into_iter().step_by(usize::try_from(every).unwrap_or(1));
        // The name of a month needs room before the right edge.
        kept.map(|at| (at, self.percent(at)))
            .filter(|(_, percent)| *percent < 95.0)
            .enumerate()
            .map(|(index, (at, percent))| Month {
                percent,
                name: at.format(if is_long && at.month() == 1 { "%Y" } else { "%b" }).to_string(),
                is_minor: index % 2 == 1,
            })
            .collect()
    }
}

fn first_of_next_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<FixedOffset> {
        text.parse().unwrap()
    }

    #[test]
    fn a_year_names_its_twelve_months() {
        let span = Span::from_to(at("2026-11-21T14:32:00+01:00"), at("2027-11-21T10:00:00+01:00"));
        let names: Vec<_> = span.months().into_iter().map(|month| month.name).collect();
        assert_eq!(names.first().map(String::as_str), Some("Dec"));
        assert_eq!(names[1], "Jan");
        assert_eq!(names.len(), 11 + 1);
    }

    #[test]
    fn a_long_time_names_fewer_months_and_a_short_one_none() {
        let start = at("2026-11-21T14:32:00+01:00");
        assert!(Span::from_to(start, at("2036-11-21T00:00:00+01:00")).months().len() <= 13);
        assert!(Span::from_to(start, at("2026-11-22T00:00:00+01:00")).months().is_empty());
        assert!(Span::from_to(start, start).percent(start) < 0.001);
    }
}

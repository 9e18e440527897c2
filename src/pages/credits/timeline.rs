//! When the lots end, on one line of time. Positions are percentages of the drawing's width, so
//! that nothing in it is stretched.

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use leptos::prelude::*;

use super::words::estimate;
use crate::credits::{Credits, LotLine};

/// The most days or months that are named above the lanes.
const MOST_NAMES: usize = 13;

/// One lane for each lot, from today to its expiry, with the time in which it is likely spent and
/// what is left of it at the end. The table below says the same in words.
#[component]
pub fn Timeline(
    /// The lots, soonest expiry first.
    lots: Vec<LotLine>,
    /// The left edge.
    now: DateTime<FixedOffset>,
) -> impl IntoView {
    let span = Span::from_to(now, lots.iter().map(|lot| lot.expires_at).max().unwrap_or(now));
    let has_pace = lots.iter().any(|lot| lot.prospect.is_some());
    let is_some_left = lots.iter().any(|lot| left_of(lot).is_some());
    let lanes = lots.into_iter().map(|lot| {
        let amount = (lot.remaining + lot.held).to_string();
        view! {
            <p class="lane-name">
                <span>{super::lots::lot_name(&lot)}</span>
                <span class="muted">{amount}</span>
            </p>
            <svg class:is-late=span.is_late(&lot)>{lane(&lot, span)}</svg>
        }
    });
    let lanes = lanes.collect_view();
    view! {
        <div class="timeline" aria-hidden="true">
            <svg class="months">{span.marks().into_iter().map(drawn).collect_view()}</svg>
            {lanes}
            {has_pace.then(|| legend(is_some_left))}
        </div>
    }
}

/// A thin line as long as the lot lives, thick while it is likely spent; amber at the end for what
/// is left then.
fn lane(lot: &LotLine, span: Span) -> impl IntoView {
    let end = span.percent(lot.expires_at);
    let spent = lot.prospect.map(|prospect| {
        let at = |at: DateTime<Utc>| span.percent(at.with_timezone(lot.expires_at.offset()));
        let (from, to) = (at(prospect.begins_at), at(prospect.ends_at));
        let (x, width) = (format!("{from:.2}%"), format!("{:.2}%", to - from));
        view! { <rect class="lane-spent" x=x y="36%" width=width height="28%" rx="2"></rect> }
    });
    let left = left_of(lot);
    let class = if left.is_some() { "lane-end lane-left" } else { "lane-end" };
    let left = left.map(|left| {
        // After the end, or where there is no room above the line before it.
        let (anchor, dx, y) =
            if span.is_late(lot) { ("end", "-4", "14%") } else { ("start", "9", "50%") };
        let text = format!("about {} left", estimate(left));
        view! {
            <text class="lane-text" x=format!("{end:.2}%") y=y dx=dx dy="0.35em" text-anchor=anchor>
                {text}
            </text>
        }
    });
    view! {
        <rect class="lane" x="0" y="47%" width=format!("{end:.2}%") height="2"></rect>
        {spent}
        <rect class=class x=format!("{end:.2}%") y="26%" width="3" height="48%"></rect>
        {left}
    }
}

fn left_of(lot: &LotLine) -> Option<Credits> {
    lot.forfeited().filter(|left| left.is_positive())
}

fn legend(is_some_left: bool) -> impl IntoView {
    let entry = |class: &'static str, words: &'static str| {
        view! { <li><i class=class></i>{words}</li> }
    };
    view! {
        <ul class="timeline-legend">
            {entry("is-spent", "likely spent, at your pace")}
            {entry("is-end", "expires")}
            {is_some_left.then(|| entry("is-left", "expires with some left"))}
        </ul>
    }
}

fn drawn(mark: Mark) -> impl IntoView {
    let x = format!("{:.2}%", mark.percent);
    view! {
        <g class=if mark.is_minor { "minor" } else { "" }>
            <line x1=x.clone() x2=x.clone() y1="0" y2="100%"></line>
            <text x=x y="12" dx="5">{mark.name}</text>
        </g>
    }
}

/// From now to the last expiry.
#[derive(Clone, Copy)]
struct Span {
    start: DateTime<FixedOffset>,
    seconds: i64,
}

/// A day that is named on the line of time.
struct Mark {
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

    /// Whether a lot ends so late that nothing has room beside its end.
    fn is_late(self, lot: &LotLine) -> bool {
        self.percent(lot.expires_at) > 50.0
    }

    /// The days that are named on it: every day or week of a short time, else the firsts of the
    /// months; where there are many, every second or third.
    fn marks(self) -> Vec<Mark> {
        let today = self.start.date_naive();
        let (step, format): (fn(NaiveDate) -> Option<NaiveDate>, _) = match self.seconds / 86_400 {
            0..=9 => (|day| day.checked_add_days(Days::new(1)), "%-d %b"),
            10..=62 => (|day| day.checked_add_days(Days::new(7)), "%-d %b"),
            _ => (first_of_next_month, "%b"),
        };
        let end = self.start + TimeDelta::seconds(self.seconds);
        let days = std::iter::successors(step(today), |day| step(*day));
        let instants = days.map(|day| self.midnight(day)).take_while(|at| *at < end);
        let instants: Vec<_> = instants.collect();
        let every = instants.len() / MOST_NAMES + 1;
        let name = |at: DateTime<FixedOffset>| {
            let is_new_year = every > 1 && at.month() == 1;
            at.format(if is_new_year { "%Y" } else { format }).to_string()
        };
        // A name needs room before the right edge.
        let kept = instants.into_iter().step_by(every).map(|at| (at, self.percent(at)));
        kept.filter(|(_, percent)| *percent < 95.0)
            .enumerate()
            .map(|(index, (at, percent))| Mark {
                percent,
                name: name(at),
                is_minor: index % 2 == 1,
            })
            .collect()
    }

    fn midnight(self, day: NaiveDate) -> DateTime<FixedOffset> {
        let offset = *self.start.offset();
        (day.and_time(NaiveTime::MIN) - offset).and_utc().with_timezone(&offset)
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
        let names: Vec<_> = span.marks().into_iter().map(|mark| mark.name).collect();
        assert_eq!(names.first().map(String::as_str), Some("Dec"));
        assert_eq!(names[1], "Jan");
        assert_eq!(names.len(), 11 + 1);
    }

    #[test]
    fn a_week_names_its_days_and_a_decade_few_months() {
        let start = at("2026-11-21T14:32:00+01:00");
        let week = Span::from_to(start, at("2026-11-28T02:00:00+01:00")).marks();
        assert_eq!(week.first().map(|mark| mark.name.as_str()), Some("22 Nov"));
        assert_eq!(week.len(), 6);
        let decade = Span::from_to(start, at("2036-11-21T00:00:00+01:00")).marks();
        assert!((8..=MOST_NAMES).contains(&decade.len()), "{}", decade.len());
        assert!(Span::from_to(start, start).marks().is_empty());
    }
}

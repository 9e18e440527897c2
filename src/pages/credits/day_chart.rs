//! The chart of a cycle: one stacked bar for each day, today named, days to come as ticks.

use leptos::prelude::*;

use super::words::with_unit;
use crate::{
    components::{Bar, BarChart, BarPart, day_and_month, day_text, days_from_to},
    credits::{Credits, CycleUsage, DayUsage, Operation},
    pages::operation::bar_class,
};

/// How many days of a cycle have their date below the chart.
const DAYS_PER_LABEL: usize = 4;

/// The chart of a cycle.
#[component]
pub fn DayChart(
    /// Its days.
    usage: CycleUsage,
    /// Whether the cycle is still going on.
    is_current: bool,
    /// The customer's pace, as a line to compare with.
    pace: Option<Credits>,
) -> impl IntoView {
    let last_day = usage.days.last().map(|day| day.day);
    let highest = usage.days.iter().max_by_key(|day| day.total());
    let description = highest.map(|day| {
        format!(
            "{} from {}. The highest day is {} with {}. The same numbers are in the table below.",
            with_unit(usage.total()),
            days_from_to(usage.cycle.first, last_day.unwrap_or(usage.cycle.first)),
            day_text(day.day),
            with_unit(day.total()),
        )
    });
    view! {
        <BarChart
            heading="Credits a day"
            title="Credits consumed per day, by type of operation"
            description=description.unwrap_or_default()
            bars=bars(&usage, is_current)
            level=pace.map(Credits::as_f64)
        />
    }
}

/// One bar for each day of the cycle; those to come are empty.
fn bars(usage: &CycleUsage, is_current: bool) -> Vec<Bar> {
    let today = usage.days.len().checked_sub(1).filter(|_| is_current);
    let days = usage.cycle.first.iter_days().take_while(|day| usage.cycle.contains(*day));
    let bar = |(index, day): (usize, chrono::NaiveDate)| {
        let known = usage.days.get(index);
        let (label, label_class) = if today == Some(index) {
            ("Today".to_owned(), "now")
        } else if index % DAYS_PER_LABEL == 0
            && today.is_none_or(|today| today.abs_diff(index) >= 3)
        {
            (day_and_month(day), if index % (2 * DAYS_PER_LABEL) == 0 { "" } else { "minor" })
        } else {
            (String::new(), "")
        };
        let title = known.map(|day| day_title(day, today == Some(index))).unwrap_or_default();
        Bar { title, parts: known.map(parts).unwrap_or_default(), label, label_class }
    };
    days.enumerate().map(bar).collect()
}

fn parts(day: &DayUsage) -> Vec<BarPart> {
    let parts = Operation::ALL.into_iter().zip(day.credits);
    parts
        .map(|(operation, credits)| BarPart {
            class: bar_class(operation),
            value: credits.as_f64(),
        })
        .collect()
}

/// "Thu 5 Nov: 35.5 credits. Backtesting 4, Advanced market analysis 31.5."
fn day_title(day: &DayUsage, is_today: bool) -> String {
    let parts =
        Operation::ALL.into_iter().zip(day.credits).filter(|(_, credits)| !credits.is_zero());
    let parts: Vec<_> =
        parts.map(|(operation, credits)| format!("{} {credits}", operation.name())).collect();
    let so_far = if is_today { " so far" } else { "" };
    let sum = format!("{}: {}{so_far}.", day.day.format("%a %-d %b"), with_unit(day.total()));
    if parts.is_empty() { sum } else { format!("{sum} {}.", parts.join(", ")) }
}

//! Stacked bars drawn on the server: an SVG stretched to its box, with axes in HTML at true text
//! size. Every bar has a title; the whole has a title and a description.

use leptos::prelude::*;

/// The drawing's own units; the page stretches them to its box.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 200.0;
/// Lines across the drawing, the base line apart.
const STEPS: u8 = 4;
/// Ground that parts two pieces of a stack.
const GAP: f64 = 1.0;

/// One piece of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct BarPart {
    /// The class that colours it.
    pub class: &'static str,
    /// How much it stands for.
    pub value: f64,
}

/// One bar with its place on the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What a pointer reads on it; empty for one that is yet to come.
    pub title: String,
    /// Its pieces from the bottom up.
    pub parts: Vec<BarPart>,
    /// What stands below it; empty for most of them.
    pub label: String,
    /// The class of that label.
    pub label_class: &'static str,
}

/// A chart of stacked bars with a dashed line for a level to compare with.
#[component]
pub fn BarChart(
    /// What stands above it.
    heading: &'static str,
    /// What it shows, for those who can't see it.
    #[prop(into)]
    title: String,
    /// What it says, in a sentence.
    #[prop(into)]
    description: String,
    /// The bars from left to right.
    bars: Vec<Bar>,
    /// The level of the dashed line.
    level: Option<f64>,
) -> impl IntoView {
    let highest = bars.iter().map(Bar::total).chain(level).fold(0.0, f64::max);
    let scale = Scale::up_to(highest);
    let slot = WIDTH / usize_to_f64(bars.len().max(1));
    let labels: Vec<_> = bars.iter().map(|bar| (bar.label_class, bar.label.clone())).collect();
    let drawn = bars.into_iter().enumerate();
    let drawn = drawn.map(|(index, bar)| draw(bar, usize_to_f64(index) * slot, slot, scale));
    view! {
        <div class="chart">
            <h3 class="chart-title">{heading}</h3>
            <div class="axis-y" aria-hidden="true">
                {scale.ticks().into_iter().map(|tick| view! { <span>{tick}</span> }).collect_view()}
            </div>
            <svg
                class="plot"
                viewBox="0 0 600 200"
                preserveAspectRatio="none"
                role="img"
                aria-labelledby="chart-title chart-description"
            >
                <title id="chart-title">{title}</title>
                <desc id="chart-description">{description}</desc>
                {(0..STEPS).map(|step| across("grid-line", HEIGHT * f64::from(step) / f64::from(STEPS))).collect_view()}
                {drawn.collect_view()}
                {across("base-line", HEIGHT)}
                {level.map(|level| across("level-line", HEIGHT - scale.height(level)))}
            </svg>
            <ol class="axis-x" aria-hidden="true">
                {labels.into_iter().map(|(class, label)| view! { <li class=class>{label}</li> }).collect_view()}
            </ol>
        </div>
    }
}

impl Bar {
    fn total(&self) -> f64 {
        self.parts.iter().map(|part| part.value).sum()
    }
}

fn across(class: &'static str, y: f64) -> impl IntoView {
    view! { <line class=class x1="0" x2="600" y1=number(y) y2=number(y)></line> }
}

/// One bar in its slot; one that is yet to come is a tick on the base line, not a zero.
fn draw(bar: Bar, left: f64, slot: f64, scale: Scale) -> AnyView {
    if bar.title.is_empty() {
        let x = left + slot * 0.4;
        return view! {
            <rect class="ahead" x=number(x) y="198" width=number(slot * 0.2) height="2"></rect>
        }
        .into_any();
    }
    let (x, width) = (left + slot * 0.2, slot * 0.6);
    let mut top = HEIGHT;
    let pieces = bar.parts.into_iter().filter(|part| part.value > 0.0).map(|part| {
        let height = scale.height(part.value);
        top -= height;
        let visible = (height - GAP).max(1.0);
        view! {
            <rect
                class=part.class
                x=number(x)
                y=number(top)
                width=number(width)
                height=number(visible)
            ></rect>
        }
    });
    let pieces = pieces.collect_view();
    view! {
        <g class="bar">
            <title>{bar.title}</title>
            <rect class="hit" x=number(left) y="0" width=number(slot) height="200"></rect>
            {pieces}
        </g>
    }
    .into_any()
}

/// The vertical axis: round steps up to the highest bar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    step: f64,
}

impl Scale {
    fn up_to(highest: f64) -> Self {
        let least = (highest / f64::from(STEPS)).max(0.25);
        let power = 10_f64.powf(least.log10().floor());
        let round = [1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0].map(|factor| factor * power);
        let step = round.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power);
        Self { step }
    }

    fn height(self, value: f64) -> f64 {
        HEIGHT * value / (self.step * f64::from(STEPS))
    }

    /// From the top down to 0.
    fn ticks(self) -> Vec<String> {
        (0..=STEPS).rev().map(|step| tick_text(self.step * f64::from(step))).collect()
    }
}

/// "160", "2.5", "12k".
fn tick_text(value: f64) -> String {
    if value >= 10_000.0 { format!("{}k", value / 1_000.0) } else { value.to_string() }
}

/// A coordinate with one decimal.
fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[expect(clippy::cast_precision_loss, reason = "a chart has few bars")]
fn usize_to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number_above_the_highest_bar() {
        assert_eq!(Scale::up_to(154.0).ticks(), ["160", "120", "80", "40", "0"]);
        assert_eq!(Scale::up_to(9.9).ticks(), ["10", "7.5", "5", "2.5", "0"]);
        assert_eq!(Scale::up_to(0.0).ticks(), ["1", "0.75", "0.5", "0.25", "0"]);
        assert_eq!(Scale::up_to(36_000.0).ticks(), ["40k", "30k", "20k", "10k", "0"]);
    }

    #[test]
    fn the_highest_bar_stays_within_the_drawing() {
        for highest in [0.001, 1.0, 3.0, 99.0, 101.0, 8_001.0] {
            let height = Scale::up_to(highest).height(highest);
            assert!(height > 0.0 && height <= HEIGHT, "{highest}: {height}");
        }
    }
}

//! The custom amount: a field, a slider on the scale of the prices, and what is wrong with it.

use leptos::prelude::*;

use super::{
    shop::{Choice, Shop, grouped, step_price},
    slider::{last_position, position},
};
use crate::{
    components::{Glyph, Icon},
    credits::{AmountError, PriceSchedule},
};

/// What was chosen, as credits or as the reason why not.
pub type Chosen = Result<i64, Option<AmountError>>;

/// The custom amount with its slider and the price schedule.
#[component]
pub fn AmountField(
    /// What is sold.
    shop: StoredValue<Shop>,
    /// What is chosen.
    choice: RwSignal<Choice>,
    /// How many credits that is.
    credits: Memo<Chosen>,
    /// Whether a fault is shown, rather than waited for.
    show_error: RwSignal<bool>,
) -> impl IntoView {
    let text = match choice.get_untracked() {
        Choice::Custom(text) => text,
        Choice::Package(_) => {
            credits.get_untracked().map(|credits| credits.to_string()).unwrap_or_default()
        }
    };
    let is_custom = matches!(choice.get_untracked(), Choice::Custom(_));
    let error = Memo::new(move |_| match credits.get() {
        Err(Some(error)) if show_error.get() || !is_unfinished(&error) => Some(error.to_string()),
        _ => None,
    });
    let schedule = shop.with_value(|shop| shop.schedule.clone());
    let range = format!("{} to {} credits", grouped(schedule.minimum), grouped(schedule.maximum));
    view! {
        <div class="field">
            <label class="own-amount">
                <input
                    type="radio"
                    id="custom"
                    name="package"
                    value=Choice::CUSTOM
                    checked=is_custom
                    data-first=is_custom.then_some("")
                />
                "Or your own amount"
            </label>
            <span class="affix">
                <input
                    class="input"
                    id="amount"
                    name="amount"
                    inputmode="numeric"
                    maxlength="24"
                    value=text
                    aria-label="Your own amount of credits"
                    aria-invalid=move || error.get().map(|_| "true")
                    aria-describedby="amount-says"
                />
                <span class="unit" aria-hidden="true">"credits"</span>
            </span>
            <span id="amount-says" class=move || if error.get().is_some() { "error" } else { "hint" }>
                {move || error.get().map(|_| view! { <Icon glyph=Glyph::CrossCircle size=14 /> })}
                <span>{move || error.get().unwrap_or_else(|| range.clone())}</span>
            </span>
        </div>
        <Schedule schedule credits />
    }
}

#[component]
fn Schedule(schedule: PriceSchedule, credits: Memo<Chosen>) -> impl IntoView {
    let first = credits.get_untracked().map_or(0, |credits| position(&schedule, credits));
    let mut below = 0;
    let steps = schedule.steps.iter().map(|step| {
        let starts_at = below;
        below = step.up_to;
        let reach = if starts_at == 0 { "first" } else { "to" };
        view! {
            <li class:in=move || credits.get().is_ok_and(|credits| credits > starts_at)>
                <b>{step_price(&schedule, step.price_milli)}</b>
                {format!("{reach} {}", grouped(step.up_to))}
            </li>
        }
    });
    let steps = steps.collect_view();
    let spoken = move || credits.get().ok().map(|credits| format!("{} credits", grouped(credits)));
    view! {
        <div class="schedule">
            <label class="label" for="slider">"Price schedule"</label>
            <input
                class="range"
                id="slider"
                type="range"
                min="0"
                max=last_position(&schedule)
                value=first
                aria-valuetext=spoken
            />
            <ol class="steps">{steps}</ol>
            <p class="fine muted steps-note">
                "Each credit costs what its step says, so one credit more never makes the total smaller."
            </p>
        </div>
    }
}

/// Whether more digits may mend it: then it is no fault until the field is left.
fn is_unfinished(error: &AmountError) -> bool {
    matches!(error, AmountError::Empty | AmountError::TooFew(_))
}

//! The form: a day of the month and a zone.

use leptos::prelude::*;

use super::{BillingCyclePage, EnteredCycle};
use crate::components::{FieldError, minute_text};

const NO_DAY: &str = "Write a day from 1 to 31.";
const NO_ZONE: &str = "We don\u{2019}t know this zone. Choose one of the list.";

/// The form, as it is saved or as it was entered.
#[component]
pub fn CycleForm(
    /// What the page shows.
    page: BillingCyclePage,
) -> impl IntoView {
    let BillingCyclePage { anchor_day, zone, now, zones, entered, .. } = page;
    let entered = entered.unwrap_or_else(|| EnteredCycle {
        day: anchor_day.to_string(),
        zone: zone.clone(),
        ..EnteredCycle::default()
    });
    let EnteredCycle { day, zone: chosen, is_no_day, is_no_zone, .. } = entered;
    let there = format!(
        "Days begin at midnight there, past days too. In {zone} it is {} ({}).",
        minute_text(now),
        now.format("UTC%:z"),
    );
    view! {
        <form
            class="panel panel-body billing-cycle"
            method="post"
            action="/settings/billing-cycle"
            autocomplete="off"
            novalidate=true
        >
            <div class="field">
                <label for="day">"Day of the month"</label>
                <input
                    class="input day"
                    id="day"
                    name="day"
                    type="number"
                    min="1"
                    max="31"
                    inputmode="numeric"
                    value=day
                    autofocus=is_no_day
                    aria-invalid=is_no_day.then_some("true")
                    aria-describedby="day-hint day-error"
                />
                <span class="hint" id="day-hint">
                    "Each cycle begins on it. Where a month is too short, on the month\u{2019}s last day."
                </span>
                <FieldError id="day" words=is_no_day.then(|| NO_DAY.to_owned())/>
            </div>
            <div class="field">
                <label for="zone">"Time zone"</label>
                <select
                    class="select"
                    id="zone"
                    name="zone"
                    autofocus=is_no_zone && !is_no_day
                    aria-invalid=is_no_zone.then_some("true")
                    aria-describedby="zone-hint zone-error"
                >
                    {is_no_zone.then(|| view! { <option value="" selected=true>"Choose a zone"</option> })}
                    <Zones zones chosen/>
                </select>
                <span class="hint" id="zone-hint">{there}</span>
                <FieldError id="zone" words=is_no_zone.then(|| NO_ZONE.to_owned())/>
            </div>
            <button class="button button-primary" type="submit">"Save the billing cycle"</button>
        </form>
    }
}

/// All zones by their region, with what their clocks are ahead of UTC now.
#[component]
fn Zones(zones: Vec<(String, String)>, chosen: String) -> impl IntoView {
    let mut regions: Vec<(String, Vec<AnyView>)> = Vec::new();
    for (name, offset) in zones {
        let (region, place) = name.split_once('/').unwrap_or(("Other", &name));
        let text = format!("{} ({offset})", place.replace('_', " "));
        let (region, is_chosen) = (region.to_owned(), name == chosen);
        let option = view! { <option value=name selected=is_chosen>{text}</option> }.into_any();
        match regions.iter_mut().find(|(known, _)| *known == region) {
            Some((_, options)) => options.push(option),
            None => regions.push((region, vec![option])),
        }
    }
    let groups = regions.into_iter().map(|(region, options)| {
        view! { <optgroup label=region>{options}</optgroup> }
    });
    groups.collect_view()
}

//! The form that buys, as the server makes it. Its parts carry names; the island
//! [`PackagePicker`] brings them to life.

use leptos::prelude::*;

use super::{
    figures::{field_figures, figures},
    order::{Outcome, SamePrice, Sums, Terms, WorthList},
    package_cards::PackageCards,
    package_picker::PackagePicker,
    picker::Sale,
    pricing::{Pricing, grouped, step_price},
    shop::{Choice, Chosen},
    slider::{last_position, position},
};
use crate::components::{Figure, Glyph, Icon, Said, said};

/// Packages, amount, sum, terms and the ways on.
#[component]
pub fn PickerForm(
    /// What is for sale.
    sale: Sale,
    /// What is chosen at first.
    choice: Choice,
) -> impl IntoView {
    let Sale { shop, intent, is_open } = sale;
    let chosen = choice.credits(&shop);
    let pricing = shop.pricing.clone();
    let figures = figures(&pricing, chosen.clone().ok());
    let line = pricing.to_line();
    view! {
        <PackagePicker>
            <form
                class="panel buy"
                method="post"
                action="/settings/credits/buy"
                autocomplete="off"
                data-pricing=line
            >
                <input type="hidden" name="intent" value=intent />
                <input type="hidden" name="prices" value=shop.prices.clone() />
                <PackageCards shop=shop.clone() choice=choice.clone() />
                <div class="buy-choose">
                    <AmountField pricing=pricing.clone() choice chosen=chosen.clone() />
                    <Schedule pricing=pricing.clone() chosen />
                    <WorthList shop=shop.clone() figures=figures.clone() />
                </div>
                <div class="buy-summary">
                    <Summary pricing figures />
                    <Terms shop />
                    <Buttons is_open />
                    <p class="fine">"You pay on Stripe. We never see your card."</p>
                </div>
            </form>
        </PackagePicker>
    }
}

#[component]
fn AmountField(pricing: Pricing, choice: Choice, chosen: Chosen) -> impl IntoView {
    let is_custom = matches!(choice, Choice::Custom(_));
    let text = match choice {
        Choice::Custom(text) => text,
        Choice::Package(_) => chosen.clone().map(|credits| credits.to_string()).unwrap_or_default(),
    };
    let error = chosen.err().flatten();
    let says = field_figures(&pricing, error.as_ref());
    let silent = |name| said(&says, name).is_none();
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
                    aria-invalid=error.is_some().then_some("true")
                    aria-describedby="amount-range amount-error"
                />
                <span class="unit" aria-hidden="true">"credits"</span>
            </span>
            <span class="hint" id="amount-range" data-row="" hidden=silent("range")>
                <Said figures=says.clone() name="range" />
            </span>
            <span class="error" id="amount-error" data-row="" hidden=silent("error")>
                <Icon glyph=Glyph::CrossCircle size=14 />
                <Said figures=says.clone() name="error" />
            </span>
        </div>
    }
}

#[component]
fn Schedule(pricing: Pricing, chosen: Chosen) -> impl IntoView {
    let credits = chosen.unwrap_or_default();
    let schedule = pricing.schedule;
    let mut below = 0;
    let steps = schedule.steps.iter().map(|step| {
        let above = below;
        below = step.up_to;
        let is_in = credits > above;
        let reach = if above == 0 { "first" } else { "to" };
        view! {
            <li class:in=is_in>
                <b>{step_price(&schedule, step.price_milli)}</b>
                {format!("{reach} {}", grouped(step.up_to))}
            </li>
        }
    });
    let steps = steps.collect_view();
    view! {
        <div class="schedule">
            <label class="label" for="slider">"Price schedule"</label>
            <input
                class="range"
                id="slider"
                type="range"
                min="0"
                max=last_position(&schedule)
                value=position(&schedule, credits)
                aria-valuetext=format!("{} credits", grouped(credits))
            />
            <ol class="steps">{steps}</ol>
            <p class="fine muted steps-note">
                "Each credit costs what its step says, so one credit more never makes the total smaller."
            </p>
        </div>
    }
}

#[component]
fn Summary(pricing: Pricing, figures: Vec<Figure>) -> impl IntoView {
    let has_amount = said(&figures, "amount").is_some();
    view! {
        <div class="summary-live">
            <h3><Said figures=figures.clone() name="title" /></h3>
            <p class="no-total" data-row="" hidden=has_amount>
                <Said figures=figures.clone() name="missing" />
            </p>
            <output class="visually-hidden" for="amount">
                <Said figures=figures.clone() name="spoken" />
            </output>
            <div class="summary-sums" hidden=!has_amount>
                <Sums pricing=pricing.clone() figures=figures.clone() />
                <SamePrice figures=figures.clone() />
                <Outcome pricing figures />
            </div>
        </div>
    }
}

#[component]
fn Buttons(is_open: bool) -> impl IntoView {
    view! {
        <button class="button button-primary button-wide" type="submit" disabled=!is_open>
            <span class="spinner" aria-hidden="true" hidden=true></span>
            "Continue to payment"
        </button>
        <button
            class="button button-wide show-total"
            type="submit"
            formmethod="get"
            formaction="/settings/credits/buy"
            formnovalidate=true
        >
            "Show total"
        </button>
    }
}

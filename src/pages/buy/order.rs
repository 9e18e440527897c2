//! What an amount costs and what comes of it: the same in the picker and in every confirmation.

use leptos::prelude::*;

use super::{
    figures::expiry_in_days,
    pricing::{Pricing, grouped, step_price},
    shop::Shop,
};
use crate::{
    components::{Figure, FigureRow, Said, said, tenths},
    credits::{Offer, PriceSchedule},
    pages::operation::OperationName,
};

/// How a total comes about, line by line, from the figures of an amount.
#[component]
pub fn Sums(
    /// What prices it.
    pricing: Pricing,
    /// The figures.
    figures: Vec<Figure>,
) -> impl IntoView {
    let lines = (0..pricing.schedule.steps.len()).map(|index| {
        let term = view! { <Said figures=figures.clone() name=format!("term-{index}") /> };
        let term = term.into_any();
        view! { <FigureRow figures=figures.clone() name=format!("line-{index}") term /> }
    });
    let lines = lines.collect_view();
    let row = |name: &'static str, term: &'static str, class: &'static str| {
        view! { <FigureRow figures=figures.clone() name term=term.into_any() class /> }
    };
    view! {
        <dl class="sums">
            {lines} {row("total", "Total", "total")} {row("per-credit", "Price per credit", "")}
            {row("saving", "Saved", "")} <div><dt>"Tax"</dt><dd>"none added"</dd></div>
        </dl>
    }
}

/// That more costs the same, where it does.
#[component]
pub fn SamePrice(
    /// The figures.
    figures: Vec<Figure>,
) -> impl IntoView {
    let is_silent = said(&figures, "more").is_none();
    view! {
        <p class="fine warn" data-row="" hidden=is_silent>
            <Said figures name="more" />
        </p>
    }
}

/// How a total came about that is settled.
#[component]
pub fn PaidSums(
    /// The offer.
    offer: Offer,
    /// What it was priced by.
    schedule: PriceSchedule,
) -> impl IntoView {
    let lines = offer.lines.iter().map(|line| {
        let term =
            format!("{} × {}", grouped(line.credits), step_price(&schedule, line.price_milli));
        view! { <div><dt>{term}</dt><dd>{line.total.to_string()}</dd></div> }
    });
    let saving = (offer.saving.minor > 0).then(|| {
        let saving = format!("{} ({} %)", offer.saving, tenths(offer.saving_permille()));
        view! { <div><dt>"Saved"</dt><dd>{saving}</dd></div> }
    });
    view! {
        <dl class="sums">
            {lines.collect_view()}
            <div class="total"><dt>"Total"</dt><dd>{offer.total.to_string()}</dd></div>
            <div><dt>"Price per credit"</dt><dd>{offer.per_credit()}</dd></div>
            {saving}
            <div><dt>"Tax"</dt><dd>"none added"</dd></div>
        </dl>
    }
}

/// What comes of a purchase: expiry, use, balance.
#[component]
pub fn Outcome(
    /// What prices it.
    pricing: Pricing,
    /// The figures.
    figures: Vec<Figure>,
) -> impl IntoView {
    let row = |name: &'static str, term: &'static str, class: &'static str| {
        view! { <FigureRow figures=figures.clone() name term=term.into_any() class /> }
    };
    view! {
        <dl class="sums outcome">
            <div><dt>"Expire"</dt><dd>{pricing.expiry()} {expiry_in_days(&pricing)}</dd></div>
            {row("used-up", "Likely used up", "")} {row("unused", "Likely unused", "warn")}
            {row("fitting", "Your year takes", "")}
            <div><dt>"Refund"</dt><dd>"none: purchases are final"</dd></div>
            {row("balance-after", "Balance after", "")}
        </dl>
    }
}

/// What an amount is worth, one line for each example of the catalogue.
#[component]
pub fn WorthList(
    /// What credits are worth.
    shop: Shop,
    /// The figures.
    figures: Vec<Figure>,
) -> impl IntoView {
    let is_silent = said(&figures, "amount").is_none();
    let lines = shop.worth.into_iter().enumerate().map(|(index, example)| {
        let worth = view! { <Said figures=figures.clone() name=format!("worth-{index}") /> };
        view! {
            <div>
                <dt><OperationName operation=example.operation /></dt>
                <dd class="num">{worth}</dd>
                <dd class="basis">{example.what}</dd>
            </div>
        }
    });
    let lines = lines.collect_view();
    view! {
        <div class="worth-list" hidden=is_silent>
            <h3>"What " <Said figures name="amount" /> " credits are worth"</h3>
            <dl>{lines}</dl>
        </div>
    }
}

/// What is accepted before paying.
#[component]
pub fn Terms(
    /// Who buys what.
    shop: Shop,
) -> impl IntoView {
    let sentence = format!(
        "I understand that purchases are non-refundable and that credits unused on {} are forfeited.",
        shop.pricing.expiry(),
    );
    view! {
        <label class="check">
            <input type="checkbox" name="terms" value="accepted" required=true />
            <span>{sentence}</span>
        </label>
        <details class="disclosure terms-text">
            <summary>"Terms of purchase"</summary>
            <p>{shop.terms}</p>
        </details>
    }
}

//! What an amount costs and what comes of it: the same on every page and in the browser.

use leptos::prelude::*;

use super::shop::{Shop, about, grouped, step_price};
use crate::{
    components::{plural, tenths},
    credits::{Offer, PriceSchedule},
};

/// How a total comes about, line by line.
#[component]
pub fn Sums(
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
    /// Who buys.
    shop: Shop,
    /// Whole credits.
    credits: i64,
) -> impl IntoView {
    let expiry = format!(" (in {})", plural(shop.expiry_days(), "day", "days"));
    let used_up = shop.used_up(credits);
    let unused = shop.unused(credits).filter(|unused| *unused > 0);
    view! {
        <dl class="facts terms">
            <dt>"Expire"</dt>
            <dd><span class="nowrap">{shop.expiry()}</span>{expiry}</dd>
            {used_up.map(|day| view! { <dt>"Likely used up"</dt><dd>"about "{day}</dd> })}
            {unused.map(|unused| view! {
                <dt>"Likely unused"</dt>
                <dd class="warn">"about "{grouped(about(unused))}" at your pace"</dd>
            })}
            <dt>"Refund"</dt>
            <dd>"none: purchases are final"</dd>
            <dt>"Balance after"</dt>
            <dd>{shop.balance_after(credits).to_string()}</dd>
        </dl>
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
        shop.expiry(),
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

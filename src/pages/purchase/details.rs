//! What was ordered, and the facts of a purchase.

use leptos::prelude::*;

use super::view::Times;
use crate::{
    components::{Glyph, Icon, Moment, plural},
    credits::{Credits, Offer, PriceSchedule, Purchase},
    pages::buy::{PaidSums, grouped},
};

/// The order with its sum, and the receipt where there is one.
#[component]
pub fn OrderPanel(
    /// The purchase.
    purchase: Purchase,
    /// How the total comes about, where today's prices still say so.
    offer: Option<(Offer, PriceSchedule)>,
) -> impl IntoView {
    let receipt = purchase.receipt_url.clone().map(|url| {
        view! {
            <a class="button" href=url rel="noreferrer">
                <Icon glyph=Glyph::Download />
                "Receipt"
            </a>
        }
    });
    let sums = match offer {
        Some((offer, schedule)) => view! { <PaidSums offer schedule /> }.into_any(),
        None => view! {
            <dl class="sums">
                <div class="total">
                    <dt>{grouped(purchase.credits.whole())} " credits"</dt>
                    <dd>{purchase.total.to_string()}</dd>
                </div>
            </dl>
        }
        .into_any(),
    };
    view! {
        <section class="panel panel-body" aria-labelledby="order">
            <div class="section-head">
                <h2 id="order">"Order"</h2>
                {receipt}
            </div>
            {sums}
            <p class="fine muted">
                "Purchases are non-refundable. Unused credits are forfeited one year after they are credited."
            </p>
        </section>
    }
}

/// The facts, as support would ask for them.
#[component]
pub fn Details(
    /// The purchase.
    purchase: Purchase,
    /// The balance, held credits included.
    balance: Credits,
    /// Its instants.
    times: Times,
) -> impl IntoView {
    let expiry = match times.expire {
        None if purchase.state.is_final() => None,
        Some(at) => {
            let days = (at.date_naive() - times.now.date_naive()).num_days();
            let left = format!(" (in {})", plural(days, "day", "days"));
            Some(view! { <Moment at /> {(days >= 0).then_some(left)} }.into_any())
        }
        None => Some("one year after crediting".into_any()),
    };
    let after =
        (!purchase.state.is_final()).then(|| balance.checked_add(purchase.credits)).flatten();
    view! {
        <section class="panel panel-body" aria-labelledby="details">
            <h2 id="details">"Details"</h2>
            <dl class="facts">
                <dt>"Purchase"</dt>
                <dd><code>{purchase.id}</code></dd>
                {expiry.map(|expiry| view! { <dt>"Credits expire"</dt><dd>{expiry}</dd> })}
                <dt>"Balance now"</dt>
                <dd>{balance.to_string()}</dd>
                {after.map(|after| view! { <dt>"Balance after"</dt><dd>{after.to_string()}</dd> })}
            </dl>
        </section>
    }
}

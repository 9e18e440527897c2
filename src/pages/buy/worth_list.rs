//! What an amount is worth in operations.

use leptos::prelude::*;

use super::shop::{Shop, grouped};
use crate::pages::operation::OperationName;

/// One line for each example of the catalogue.
#[component]
pub fn WorthList(
    /// What credits are worth.
    shop: Shop,
    /// Whole credits.
    credits: i64,
) -> impl IntoView {
    let lines = shop.worth.iter().map(|example| {
        let count = grouped(shop.count(example, credits));
        view! {
            <div>
                <dt><OperationName operation=example.operation /></dt>
                <dd class="num">"about " {count}</dd>
                <dd class="basis">{example.what.clone()}</dd>
            </div>
        }
    });
    view! {
        <div class="worth-list">
            <h3>"What " {grouped(credits)} " credits are worth"</h3>
            <dl>{lines.collect_view()}</dl>
        </div>
    }
}

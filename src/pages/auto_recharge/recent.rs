//! The latest recharges with their receipts.

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;

use crate::{
    components::Moment,
    credits::{Purchase, PurchaseState},
};

/// The section "Recent recharges".
#[component]
pub fn Recent(
    /// Newest first.
    recharges: Vec<Purchase>,
    /// When each was made.
    made_at: Vec<DateTime<FixedOffset>>,
    /// The zone of those instants.
    zone: String,
) -> impl IntoView {
    let lines = recharges.into_iter().zip(made_at).map(|(purchase, at)| line(purchase, at));
    view! {
        <section class="section" aria-labelledby="recent">
            <div class="section-head"><h2 id="recent">"Recent recharges"</h2></div>
            <div class="panel table-wrap">
                <table class="table table-cards recharges">
                    <caption class="visually-hidden">"Recharges, newest first"</caption>
                    <thead>
                        <tr>
                            <th scope="col">{format!("Made ({zone})")}</th>
                            <th scope="col" class="num">"Credits"</th>
                            <th scope="col" class="num">"Charged"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Receipt"</th>
                        </tr>
                    </thead>
                    <tbody>{lines.collect_view()}</tbody>
                </table>
            </div>
        </section>
    }
}

fn line(purchase: Purchase, at: DateTime<FixedOffset>) -> impl IntoView {
    let (class, state) = match purchase.state {
        PurchaseState::Credited => ("badge badge-good", purchase.state.name()),
        PurchaseState::Started | PurchaseState::Open | PurchaseState::Processing => {
            ("badge badge-accent", "Under way")
        }
        PurchaseState::NeedsReview => ("badge badge-warn", purchase.state.name()),
        PurchaseState::Failed | PurchaseState::Cancelled | PurchaseState::Expired => {
            ("badge badge-bad", "Failed")
        }
    };
    let is_charged = matches!(purchase.state, PurchaseState::Credited | PurchaseState::NeedsReview);
    let charged = if is_charged { purchase.total.to_string() } else { "nothing yet".to_owned() };
    let charged =
        if purchase.state == PurchaseState::Failed { "nothing".to_owned() } else { charged };
    let reason = (!purchase.reason.is_empty())
        .then(|| view! { <span class="sub">{purchase.reason.clone()}</span> });
    let receipt = match purchase.receipt_url {
        Some(url) => view! { <a class="link" href=url rel="noreferrer">"Receipt"</a> }.into_any(),
        None => "none".into_any(),
    };
    let page = format!("/settings/credits/purchases/{}", purchase.id);
    view! {
        <tr>
            <td><a class="link" href=page><Moment at/></a></td>
            <td class="num" data-label="Credits">{purchase.credits.to_string()}</td>
            <td class="num" data-label="Charged">{charged}</td>
            <td><span class=class>{state}</span>{reason}</td>
            <td class="receipt">{receipt}</td>
        </tr>
    }
}

//! The purchases of an account with what is needed to find them at Stripe.

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    components::{Column, Moment},
    credits::{Purchase, PurchaseState},
};

/// A purchase with its instants in the account's zone, each with the offset that the zone had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedPurchase {
    /// The purchase.
    pub purchase: Purchase,
    /// When it was started.
    pub started_at: DateTime<FixedOffset>,
    /// When its credits were there.
    pub credited_at: Option<DateTime<FixedOffset>>,
}

/// The section "Purchases".
#[component]
pub fn Purchases(
    /// All purchases, newest first.
    purchases: Vec<DatedPurchase>,
    /// The account's time zone.
    zone: String,
) -> impl IntoView {
    let content = if purchases.is_empty() {
        view! { <p class="panel-body secondary">"This account has not bought anything yet."</p> }
            .into_any()
    } else {
        view! { <PurchaseTable purchases zone/> }.into_any()
    };
    view! {
        <section class="section" aria-labelledby="purchases">
            <div class="section-head"><h2 id="purchases">"Purchases"</h2></div>
            <div class="panel">{content}</div>
        </section>
    }
}

#[component]
fn PurchaseTable(purchases: Vec<DatedPurchase>, zone: String) -> impl IntoView {
    let column = Column::of(purchases.iter().map(|dated| dated.purchase.credits));
    let lines = purchases.into_iter().map(|dated| line(dated, column));
    view! {
        <div class="table-wrap">
            <table class="table table-cards purchases">
                <caption class="visually-hidden">"Purchases, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">{format!("Started ({zone})")}</th>
                        <th scope="col" class="num">"Credits"</th>
                        <th scope="col" class="num">"Total"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Ids"</th>
                    </tr>
                </thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </div>
    }
}

fn line(dated: DatedPurchase, column: Column) -> impl IntoView {
    let DatedPurchase { purchase, started_at, credited_at } = dated;
    let credited = credited_at.map(|at| {
        view! { <span class="sub">"Credited " <Moment at/></span> }
    });
    let reason = (!purchase.reason.is_empty()).then(|| {
        view! { <span class="sub">{purchase.reason.clone()}</span> }
    });
    let consent = purchase.stripe_consent.clone().map(|consent| {
        view! { <span class="sub">"Terms at Stripe: " {consent}</span> }
    });
    let anchor = format!("purchase-{}", purchase.id);
    view! {
        <tr id=anchor>
            <td class="bought">
                <Moment at=started_at/>
                <span class="sub">{purchase.package.map_or("Own amount".to_owned(), |id| format!("Package {id}"))}</span>
                {purchase.is_auto.then(|| view! { <span class="sub">"by auto-recharge"</span> })}
            </td>
            <td class="num credits" data-label="Credits">{column.cell(purchase.credits)}</td>
            <td class="num price">{purchase.total.to_string()}</td>
            <td class="state">
                <StateBadge state=purchase.state/>
                {credited}
                {consent}
                {reason}
            </td>
            <td class="ids">
                <code>{purchase.id}</code>
                {purchase.stripe_session.map(|id| view! { <code>{id}</code> })}
                {purchase.stripe_payment.map(|id| view! { <code>{id}</code> })}
                {purchase.receipt_url.map(|url| view! { <a class="link" href=url rel="noreferrer">"Receipt at Stripe"</a> })}
            </td>
        </tr>
    }
}

/// How far a purchase is, on a badge.
#[component]
fn StateBadge(state: PurchaseState) -> impl IntoView {
    let class = match state {
        PurchaseState::Started
        | PurchaseState::Open
        | PurchaseState::Cancelled
        | PurchaseState::Expired => "badge",
        PurchaseState::Processing => "badge badge-accent",
        PurchaseState::Credited => "badge badge-good",
        PurchaseState::Failed => "badge badge-bad",
        PurchaseState::NeedsReview => "badge badge-warn",
    };
    view! { <span class=class>{state.name()}</span> }
}

//! The payment tracker: how far a purchase is, and what can be done.
//!
//! All of it is rendered by the server, also when it changes: see [`crate::pages::live`].

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    details::{Details, OrderPanel},
    landing::Arrival,
    status::{Action, Progress, Status},
};
use crate::{
    components::{Glyph, Icon, Moment, Notice, Tone},
    credits::{Credits, Offer, PriceSchedule, Purchase, PurchaseState},
    pages::{
        buy::grouped,
        layout::{MenuEntry, SettingsLayout, Viewer},
    },
};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchasePage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// The purchase.
    pub purchase: Purchase,
    /// How they came here.
    pub arrival: Arrival,
    /// Whether Stripe could not be reached for what was asked last.
    pub is_unreachable: bool,
    /// The balance, held credits included.
    pub balance: Credits,
    /// The account's zone, by its name.
    pub zone: String,
    /// The purchase's instants in that zone.
    pub times: Times,
    /// How the total comes about, where today's prices still say so.
    pub offer: Option<(Offer, PriceSchedule)>,
}

/// The purchase's instants in the account's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When the page was made.
    pub now: DateTime<FixedOffset>,
    /// When it was started.
    pub created: DateTime<FixedOffset>,
    /// When Stripe charged the customer.
    pub charged: Option<DateTime<FixedOffset>>,
    /// When Stripe reported the payment.
    pub paid: Option<DateTime<FixedOffset>>,
    /// When the credits were there.
    pub credited: Option<DateTime<FixedOffset>>,
    /// When the credits expire.
    pub expire: Option<DateTime<FixedOffset>>,
}

/// The page for what was loaded.
#[component]
pub fn PurchaseView(
    /// What it shows.
    page: PurchasePage,
) -> impl IntoView {
    let PurchasePage { viewer, purchase, arrival, is_unreachable, balance, zone, times, offer } =
        page;
    let status = Status::of(&purchase, arrival, balance);
    let heading = format!("{} credits", grouped(purchase.credits.whole()));
    let title = format!("{}: {heading}", status.badge);
    let refresh = (!purchase.state.is_final()).then(|| view! { <Refresh /> });
    let unreachable = (is_unreachable && purchase.state != PurchaseState::Started)
        .then(|| view! { <Unreachable /> });
    let spoken = status.spoken();
    let row = view! { <RowLink purchase=purchase.clone() /> };
    let actions = view! { <Actions purchase=purchase.clone() actions=status.actions /> };
    let order = view! { <OrderPanel purchase=purchase.clone() offer /> };
    let details = view! { <Details purchase balance times /> };
    view! {
        <SettingsLayout viewer title current=MenuEntry::Credits>
            {refresh}
            <div id="purchase" data-live="" data-spoken=spoken>
                <div class="page-head">
                    <div>
                        <h1>{heading}</h1>
                        <p>"Started " <Moment at=times.created /> {format!(". Times are {zone}.")}</p>
                    </div>
                    <StatusBadge badge=status.badge tone=status.tone />
                </div>
                <div class="stack">
                    {unreachable}
                    <section class="panel panel-body" aria-label="Progress">
                        <Steps steps=status.steps wait=status.wait times />
                    </section>
                    <Notice tone=status.tone title=status.title>
                        <p>{status.explanation} " " {row}</p>
                        {actions}
                    </Notice>
                    <div class="two">{order} {details}</div>
                    <p class="row"><a class="button" href="/settings/credits">"Back to credits"</a></p>
                </div>
            </div>
        </SettingsLayout>
    }
}

/// Without scripts the page looks again by itself. It stands outside of what the island replaces:
/// there a fetched `noscript` would be parsed as if scripts were off.
#[component]
fn Refresh() -> impl IntoView {
    view! { <noscript><meta http-equiv="refresh" content="5" /></noscript> }
}

/// What was asked last could not be done.
#[component]
fn Unreachable() -> impl IntoView {
    view! {
        <Notice tone=Tone::Warning title="The payment service can\u{2019}t be reached.">
            <p>"Nothing was changed or charged by this. Please try again in a moment."</p>
        </Notice>
    }
}

#[component]
fn StatusBadge(badge: &'static str, tone: Tone) -> impl IntoView {
    let class = match tone {
        Tone::Neutral => "badge",
        Tone::Info => "badge badge-accent",
        Tone::Good => "badge badge-good",
        Tone::Warning => "badge badge-warn",
        Tone::Bad => "badge badge-bad",
    };
    view! { <span class=class>{badge}</span> }
}

#[component]
fn Steps(steps: [Progress; 4], wait: &'static str, times: Times) -> impl IntoView {
    let names = ["Started", "Paid", "Confirmed", "Credited"];
    let doing = ["Starting", "Payment", "Confirming payment", "Crediting"];
    let instants = [Some(times.created), times.charged, times.paid, times.credited];
    let items = (0..4).map(|index| {
        let class = match steps[index] {
            Progress::Done => "done",
            Progress::Now => "now",
            Progress::Ahead => "",
            Progress::Never => "never",
        };
        let is_done = steps[index] == Progress::Done;
        let is_now = steps[index] == Progress::Now;
        let says = match (steps[index], instants[index]) {
            (Progress::Done, Some(at)) => {
                let machine = at.to_rfc3339();
                let is_same_day = at.date_naive() == times.created.date_naive();
                let time = at.format(if is_same_day { "%H:%M:%S" } else { "%-d %b, %H:%M:%S" });
                let time = time.to_string();
                view! { <time datetime=machine>{time}</time> }.into_any()
            }
            (Progress::Now, _) => wait.into_any(),
            (Progress::Never, _) => "not reached".into_any(),
            _ => ().into_any(),
        };
        view! {
            <li class=class aria-current=is_now.then_some("step")>
                {is_done.then(|| view! { <Icon glyph=Glyph::Check size=12 /> })}
                <b>{if is_now { doing[index] } else { names[index] }}</b>
                {is_done.then(|| view! { <span class="visually-hidden">" done "</span> })}
                {says}
            </li>
        }
    });
    view! { <ol class="tracker">{items.collect_view()}</ol> }
}

/// The way to the row of the history that says so.
#[component]
fn RowLink(purchase: Purchase) -> impl IntoView {
    purchase.lot.map(|seq| {
        let href = format!("/settings/credits/history?open={seq}#row-{seq}");
        view! { <a href=href>"See the row"</a> }
    })
}

#[component]
fn Actions(purchase: Purchase, actions: Vec<Action>) -> impl IntoView {
    let buttons = actions.into_iter().enumerate().map(|(index, action)| {
        let class = if index == 0 { "button button-primary" } else { "button" };
        let to = |verb| format!("/settings/credits/purchases/{}/{verb}", purchase.id);
        let (path, words) = match action {
            Action::Pay(words) => (to("pay"), words),
            Action::Check => (to("check"), "I paid but see nothing"),
            Action::Cancel => (to("cancel"), "Cancel this purchase"),
            Action::BuyAgain => {
                let class = format!("{class} again");
                return view! { <a class=class href=again(&purchase)>"Buy again"</a> }.into_any();
            }
        };
        let class = if matches!(action, Action::Check) { "button" } else { class };
        view! {
            <form method="post" action=path>
                <button class=class type="submit">{words}</button>
            </form>
        }
        .into_any()
    });
    let buttons = buttons.collect::<Vec<_>>();
    (!buttons.is_empty()).then(|| view! { <div class="row actions">{buttons}</div> })
}

/// The address that offers the same amount again.
fn again(purchase: &Purchase) -> String {
    match &purchase.package {
        Some(id) => format!("/settings/credits/buy?package={id}"),
        None => {
            let amount = purchase.credits.whole();
            format!("/settings/credits/buy?package=custom&amount={amount}")
        }
    }
}

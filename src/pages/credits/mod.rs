//! Credits Management: the balance with its reasons, the usage of a cycle, what can be bought, what
//! an operation would cost, what expires when, and the latest rows of the history.

mod api;
mod balance;
mod day_chart;
mod estimate;
mod estimate_line;
mod estimator;
mod estimator_live;
mod lots;
mod timeline;
mod usage;
mod words;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

pub use balance::BalanceCards;
pub use lots::Lots;
pub use usage::Usage;

use api::load_credits;
use estimator::{Asked, EstimateSection, Rates};

use super::{
    buy::{BuyCredits, Choice, Sale},
    history::{HistoryPanel, HistoryQuery},
    layout::{MenuEntry, SettingsLayout, Viewer},
    loaded::loaded,
    place::Place,
};
use crate::{components::days_from_to, credits::Overview};

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditsPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// The account.
    pub overview: Overview,
    /// What is for sale.
    pub sale: Sale,
    /// What operations cost.
    pub rates: Rates,
}

/// The route `/settings/credits`.
#[component]
pub fn CreditsRoute() -> impl IntoView {
    let query = use_query_map();
    let cycle = move || query.read().get_str("cycle").and_then(|day| day.parse().ok());
    let page = Resource::new_blocking(cycle, load_credits);
    loaded(page, move |page| {
        let query = query.read_untracked();
        let choice = Choice::read(query.get("package"), query.get("amount"));
        view! { <CreditsView page asked=Asked::of(&query) choice/> }
    })
}

/// The page with its data.
#[component]
pub fn CreditsView(
    /// What it shows.
    page: CreditsPage,
    /// What is to be estimated.
    asked: Asked,
    /// What is to be bought.
    choice: Option<Choice>,
) -> impl IntoView {
    let CreditsPage { viewer, overview, sale, rates } = page;
    let (shop, available) = (sale.shop.clone(), overview.available);
    let choice = choice.filter(|choice| !choice.is_unknown(&shop));
    let history = overview.history.clone();
    let query = HistoryQuery::of(history.filter.clone());
    view! {
        <SettingsLayout viewer title="Credits Management" current=MenuEntry::Credits>
            <div class="page-head">
                <div>
                    <h1>"Credits Management"</h1>
                    <p>{cycle_line(&overview)}</p>
                </div>
                <a class="button button-primary" href="#buy">"Buy credits"</a>
            </div>
            <div id="balance" data-live="">
                <BalanceCards place=Place::Settings overview=overview.clone()/>
            </div>
            <Usage place=Place::Settings overview=overview.clone()/>
            <BuyCredits sale choice/>
            <EstimateSection rates available shop asked/>
            <div id="lots-left" data-live="">
                <Lots place=Place::Settings overview=overview.clone()/>
            </div>
            <section class="section" aria-labelledby="latest">
                <div class="section-head">
                    <h2 id="latest">"Latest history"</h2>
                    <a class="small" href=Place::Settings.history_path()>"Open the full history"</a>
                </div>
                <HistoryPanel place=Place::Settings page=history query/>
            </section>
        </SettingsLayout>
    }
}

/// "Billing cycle 5 Nov – 4 Dec 2026, day 17 of 30."
#[must_use]
pub fn cycle_line(overview: &Overview) -> String {
    let cycle = overview.cycle;
    let day = (overview.now.date_naive() - cycle.first).num_days() + 1;
    format!(
        "Billing cycle {}, day {day} of {}. Days begin at midnight, {}.",
        days_from_to(cycle.first, cycle.last()),
        cycle.days(),
        overview.zone,
    )
}

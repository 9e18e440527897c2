//! One account as support sees it: what its owner sees, and the purchases with Stripe's ids.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_url};
use serde::{Deserialize, Serialize};

use super::{
    api::load_account,
    purchases::{DatedPurchase, Purchases},
    recharge::RechargeFacts,
    search::SearchForm,
};
use crate::{
    credits::{AccountId, AutoRecharge, HistoryPage, Overview},
    pages::{
        credits::{BalanceCards, Lots, Usage, cycle_line},
        history::{HistoryPanel, HistoryQuery},
        layout::{StaffViewer, SupportLayout},
        loaded::loaded,
        place::Place,
    },
};

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountHead {
    /// Which account.
    pub id: AccountId,
    /// The name of its owner.
    pub name: String,
    /// The e-mail address of its owner.
    pub email: String,
}

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportAccountPage {
    /// Who looks at it.
    pub staff: StaffViewer,
    /// Whose account it is.
    pub head: AccountHead,
    /// The account.
    pub overview: Overview,
    /// The rows that the address asks for.
    pub history: HistoryPage,
    /// All purchases, newest first.
    pub purchases: Vec<DatedPurchase>,
    /// What is bought by itself.
    pub recharge: AutoRecharge,
}

/// The route `/support/accounts/{id}`.
#[component]
pub fn SupportAccountRoute() -> impl IntoView {
    let (params, url) = (use_params_map(), use_url());
    let asked = move || {
        let id = params.read().get_str("id").unwrap_or_default().to_owned();
        (id, url.read().search().to_owned())
    };
    let page = Resource::new_blocking(asked, |(id, address)| load_account(id, address));
    loaded(page, move |page| {
        let query = HistoryQuery::parse(url.read_untracked().search());
        view! { <SupportAccountView page query/> }
    })
}

/// The page with its data.
#[component]
pub fn SupportAccountView(
    /// What it shows.
    page: SupportAccountPage,
    /// Which rows its address asks for.
    query: HistoryQuery,
) -> impl IntoView {
    let SupportAccountPage { staff, head, overview, history, purchases, recharge } = page;
    let place = Place::Support(head.id.clone());
    view! {
        <SupportLayout staff title=head.name.clone()>
            <div class="page-head">
                <div>
                    <h1>{head.name}</h1>
                    <p>
                        "Account " <code>{head.id.to_string()}</code> ", " {head.email} ". "
                        {cycle_line(&overview)}
                    </p>
                </div>
                <span class="badge">"Read only"</span>
            </div>
            <SearchForm/>
            <div class="section"><BalanceCards place=place.clone() overview=overview.clone()/></div>
            <Purchases purchases zone=overview.zone.clone()/>
            <RechargeFacts recharge/>
            <Lots place=place.clone() overview=overview.clone()/>
            <Usage place=place.clone() overview=overview.clone()/>
            <section class="section" aria-labelledby="history">
                <div class="section-head"><h2 id="history">"History"</h2></div>
                <HistoryPanel place page=history query with_proof=true/>
            </section>
        </SupportLayout>
    }
}

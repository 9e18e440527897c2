//! The history's own page. On paper it is a statement.

use leptos::prelude::*;
use leptos_router::hooks::use_url;
use serde::{Deserialize, Serialize};

use super::{HistoryPanel, HistoryQuery, api::load_history};
use crate::{
    components::{Glyph, Icon, minute_text},
    credits::{AccountId, HistoryPage},
    pages::{
        layout::{MenuEntry, SettingsLayout, Viewer},
        loaded::loaded,
        place::Place,
    },
};

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRoutePage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// Whose history it is.
    pub account: AccountId,
    /// The rows that the address asks for.
    pub history: HistoryPage,
}

/// The route `/settings/credits/history`.
#[component]
pub fn HistoryRoute() -> impl IntoView {
    let url = use_url();
    let address = move || url.read().search().to_owned();
    let page = Resource::new_blocking(address, load_history);
    loaded(page, move |page| {
        let query = HistoryQuery::parse(url.read_untracked().search());
        view! { <HistoryView page query/> }
    })
}

/// The page with its data.
#[component]
pub fn HistoryView(
    /// What it shows.
    page: HistoryRoutePage,
    /// What its address asks for.
    query: HistoryQuery,
) -> impl IntoView {
    let HistoryRoutePage { viewer, account, history } = page;
    let statement = format!(
        "Statement of {}, {}, account {account}. Written on {}.",
        viewer.name,
        viewer.email,
        minute_text(history.read_at),
    );
    let zone = history.zone.clone();
    let csv = (!history.rows.is_empty()).then(|| Place::Settings.csv(&history.filter));
    view! {
        <SettingsLayout viewer title="History" current=MenuEntry::History>
            <div class="page-head">
                <div>
                    <h1>"History"</h1>
                    <p>"Every change of your balance, newest first. Times are " {zone} "."</p>
                </div>
                {csv.map(|csv| view! {
                    <a class="button" href=csv download=true>
                        <Icon glyph=Glyph::Download/>
                        "Download CSV"
                    </a>
                })}
            </div>
            <p class="print-only">{statement}</p>
            <HistoryPanel place=Place::Settings page=history query with_proof=true/>
        </SettingsLayout>
    }
}

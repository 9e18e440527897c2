//! Spend caps: what an account lets itself spend in one billing cycle, in all and per operation.

mod api;
mod form;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    layout::{MenuEntry, SettingsLayout, Viewer},
    loaded::loaded,
};
use crate::{
    components::{Notice, Tone},
    credits::Cycle,
};
use api::load_spend_caps;
use form::CapsForm;

pub use form::{CapField, CapLine, EnteredCaps};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendCapsPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// The billing cycle that the caps count in.
    pub cycle: Cycle,
    /// The zone in which its days begin.
    pub zone: String,
    /// All operations, then each.
    pub lines: Vec<CapLine>,
    /// Whether the form was just saved.
    pub is_saved: bool,
    /// Whether nothing could be saved.
    pub is_away: bool,
}

/// The page at `/settings/spend-caps`.
#[component]
pub fn SpendCapsRoute() -> impl IntoView {
    let query = leptos_router::hooks::use_query_map();
    let is_saved = move || query.read().get("saved").is_some();
    let page = Resource::new_blocking(is_saved, load_spend_caps);
    loaded(page, |page| view! { <SpendCapsView page/> })
}

#[component]
fn SpendCapsView(page: SpendCapsPage) -> impl IntoView {
    let SpendCapsPage { viewer, cycle, zone, lines, is_saved, is_away } = page;
    let has_problem = is_away || lines.iter().any(|line| line.has_problem);
    let title = if has_problem { "Nothing was changed: Spend caps" } else { "Spend caps" };
    let saved = is_saved.then(|| {
        view! {
            <Notice tone=Tone::Good title="Your spend caps are saved.">
                <p>"They hold from the next operation on. What is under way goes on."</p>
            </Notice>
        }
    });
    let away = is_away.then(|| {
        view! {
            <Notice tone=Tone::Bad title="We can\u{2019}t reach our records.">
                <p>"Nothing was changed. Try again in a moment."</p>
            </Notice>
        }
    });
    view! {
        <SettingsLayout viewer title current=MenuEntry::SpendCaps>
            <div class="page-head">
                <div>
                    <h1>"Spend caps"</h1>
                    <p>
                        "The most that may be spent in one billing cycle. An operation that would pass a cap is refused before it starts."
                    </p>
                </div>
            </div>
            <div class="stack">
                {away}
                {saved}
                <CapsForm lines cycle zone/>
            </div>
        </SettingsLayout>
    }
}

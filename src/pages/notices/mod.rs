//! The inbox: what a customer was told, newest first.

mod api;
mod view;

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{layout::Viewer, loaded::loaded};
use crate::credits::EventKind;
use api::load_inbox;
use view::InboxView;

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// Newest first.
    pub notices: Vec<NoticeLine>,
    /// The zone in which they are told.
    pub zone: String,
    /// The page with newer ones.
    pub newer: Option<String>,
    /// The page with older ones.
    pub older: Option<String>,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    /// Its id.
    pub id: String,
    /// What sort of event it tells of.
    pub kind: EventKind,
    /// The fact.
    pub title: String,
    /// What it means.
    pub text: String,
    /// What can be done, and where.
    pub action: (String, String),
    /// When it happened.
    pub at: DateTime<FixedOffset>,
    /// Whether it has been read.
    pub is_read: bool,
}

/// The page at `/settings/notices`.
#[component]
pub fn InboxRoute() -> impl IntoView {
    let query = leptos_router::hooks::use_query_map();
    let place = move || (query.read().get("before"), query.read().get("after"));
    let page = Resource::new_blocking(place, |(before, after)| load_inbox(before, after));
    loaded(page, |page| view! { <InboxView page/> })
}

//! Notifications: what a customer hears of, by which way, and when their balance counts as low.

mod api;
mod form;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    layout::{MenuEntry, SettingsLayout, Viewer},
    loaded::loaded,
};
use crate::components::{Notice, Tone};
use api::load_notifications;
use form::NotificationsForm;

pub use form::{Entered, Problem, TopicLine, Warning};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationsPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// The zone in which instants are told.
    pub zone: String,
    /// The form as it stands.
    pub form: Entered,
    /// What the days are in credits now, where they are anything.
    pub low_at: Option<crate::credits::Credits>,
    /// Whether the form was just saved.
    pub is_saved: bool,
}

/// The page at `/settings/notifications`.
#[component]
pub fn NotificationsRoute() -> impl IntoView {
    let query = leptos_router::hooks::use_query_map();
    let is_saved = move || query.read().get("saved").is_some();
    let page = Resource::new_blocking(is_saved, load_notifications);
    loaded(page, |page| view! { <NotificationsView page/> })
}

#[component]
fn NotificationsView(page: NotificationsPage) -> impl IntoView {
    let NotificationsPage { viewer, zone, form, low_at, is_saved } = page;
    let is_wrong = form.problem.is_some();
    let title = if is_wrong { "Nothing was changed: Notifications" } else { "Notifications" };
    let email = viewer.email.clone();
    let saved = is_saved.then(|| {
        view! {
            <Notice tone=Tone::Good title="Your choice is saved.">
                <p>"It holds from now on."</p>
            </Notice>
        }
    });
    let away = (form.problem == Some(Problem::Away)).then(|| {
        view! {
            <Notice tone=Tone::Bad title="We can\u{2019}t reach our records.">
                <p>"Nothing was changed. Try again in a moment."</p>
            </Notice>
        }
    });
    view! {
        <SettingsLayout viewer title current=MenuEntry::Notifications>
            <div class="page-head">
                <div>
                    <h1>"Notifications"</h1>
                    <p>
                        "What you hear of, and how. Mail goes to " {email} "; times are in " {zone}
                        "."
                    </p>
                </div>
            </div>
            {away}
            {saved}
            <NotificationsForm form low_at/>
        </SettingsLayout>
    }
}

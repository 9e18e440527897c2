//! The list of notices. What is new says so in a word, not by its colour alone.

use leptos::prelude::*;

use super::{InboxPage, NoticeLine};
use crate::{
    components::{Empty, Glyph, Icon, Moment, Pager, plural},
    credits::EventKind,
    pages::layout::{MenuEntry, SettingsLayout},
};

/// The page.
#[component]
pub fn InboxView(
    /// What it shows.
    page: InboxPage,
) -> impl IntoView {
    let InboxPage { viewer, notices, zone, newer, older } = page;
    let unread = viewer.unread;
    let newest = notices.first().map(|notice| notice.id.clone()).filter(|_| newer.is_none());
    let mark = newest.filter(|_| unread > 0).map(|newest| view! { <MarkRead newest/> });
    let title = if unread > 0 { format!("Inbox ({unread} unread)") } else { "Inbox".to_owned() };
    let count = i64::try_from(notices.len()).unwrap_or(i64::MAX);
    let list = if notices.is_empty() {
        view! {
            <Empty glyph=Glyph::Bell title="Nothing yet">
                <p>
                    "Receipts appear here, and warnings before credits run out or expire. You can choose what you hear of under "
                    <a href="/settings/notifications">"Notifications"</a> "."
                </p>
            </Empty>
        }
        .into_any()
    } else {
        let lines = notices.into_iter().map(|notice| view! { <Line notice/> });
        view! {
            <ol class="notices">{lines.collect_view()}</ol>
            <Pager label="Pages of the inbox" shown=plural(count, "notice", "notices") newer older/>
        }
        .into_any()
    };
    let times = (!zone.is_empty()).then(|| format!("Newest first; times are in {zone}."));
    view! {
        <SettingsLayout viewer title current=MenuEntry::Inbox>
            <div id="inbox" data-live="">
                <div class="page-head">
                    <div>
                        <h1>"Inbox"</h1>
                        <p>"What happened to your credits. " {times}</p>
                    </div>
                    {mark}
                </div>
                <div class="panel">{list}</div>
            </div>
        </SettingsLayout>
    }
}

#[component]
fn MarkRead(newest: String) -> impl IntoView {
    view! {
        <form method="post" action="/settings/notices/read">
            <input type="hidden" name="newest" value=newest/>
            <button class="button" type="submit">
                <Icon glyph=Glyph::Check/>
                "Mark all as read"
            </button>
        </form>
    }
}

#[component]
fn Line(notice: NoticeLine) -> impl IntoView {
    let NoticeLine { id, kind, title, text, action, at, is_read } = notice;
    let (glyph, tone) = look(kind);
    let new = (!is_read).then(|| view! { <span class="badge badge-accent">"New"</span> });
    view! {
        <li id=id class=tone class:is-unread=!is_read>
            <Icon glyph/>
            <div>
                <h2>{title} {new}</h2>
                <p>{text}</p>
                <p class="foot">
                    <a href=action.1>{action.0}</a>
                    <span class="muted"><Moment at/></span>
                </p>
            </div>
        </li>
    }
}

/// How a kind of event is meant.
const fn look(kind: EventKind) -> (Glyph, &'static str) {
    match kind {
        EventKind::Low | EventKind::Expiring | EventKind::CapReached => (Glyph::Warning, "is-warn"),
        EventKind::Depleted
        | EventKind::PurchaseFailed
        | EventKind::AutoRechargeFailed
        | EventKind::AutoRechargePaused => (Glyph::CrossCircle, "is-bad"),
        EventKind::Recovered | EventKind::PurchaseCredited | EventKind::AutoRechargeMade => {
            (Glyph::CheckCircle, "is-good")
        }
        EventKind::PriceChanged => (Glyph::Info, "is-info"),
    }
}

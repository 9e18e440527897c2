//! The frame around every page: header, side menu, main column, footer.

use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

use super::{
    header::{AccountMenu, Brand},
    live::LivePage,
};
use crate::{
    components::{Glyph, Icon},
    credits::Credits,
};

/// The customer who looks at a page, as its header shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Their name.
    pub name: String,
    /// Where they get mail.
    pub email: String,
    /// How many notices they have not read.
    pub unread: u32,
    /// What they can spend.
    pub available: Credits,
}

/// The member of staff who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffViewer {
    /// Their name.
    pub name: String,
    /// Where they get mail.
    pub email: String,
}

/// The entries of the customer's side menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuEntry {
    /// Credits Management.
    Credits,
    /// The whole history.
    History,
    /// When a billing cycle begins.
    BillingCycle,
    /// What they were told.
    Inbox,
    /// What they are told of, and how.
    Notifications,
    /// What may be spent in a billing cycle.
    SpendCaps,
    /// What is bought when the balance falls.
    AutoRecharge,
    /// The keys of programs.
    ApiKeys,
}

impl MenuEntry {
    const ALL: [Self; 8] = [
        Self::Credits,
        Self::History,
        Self::Inbox,
        Self::AutoRecharge,
        Self::SpendCaps,
        Self::Notifications,
        Self::BillingCycle,
        Self::ApiKeys,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Credits => "Credits Management",
            Self::History => "History",
            Self::BillingCycle => "Billing cycle",
            Self::Inbox => "Inbox",
            Self::Notifications => "Notifications",
            Self::SpendCaps => "Spend caps",
            Self::AutoRecharge => "Auto-recharge",
            Self::ApiKeys => "API keys",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Credits => "/settings/credits",
            Self::History => "/settings/credits/history",
            Self::BillingCycle => "/settings/billing-cycle",
            Self::Inbox => "/settings/notices",
            Self::Notifications => "/settings/notifications",
            Self::SpendCaps => "/settings/spend-caps",
            Self::AutoRecharge => "/settings/auto-recharge",
            Self::ApiKeys => "/settings/api-keys",
        }
    }

    const fn glyph(self) -> Glyph {
        match self {
            Self::Credits => Glyph::Coin,
            Self::History => Glyph::History,
            Self::BillingCycle => Glyph::Calendar,
            Self::Inbox => Glyph::Bell,
            Self::Notifications => Glyph::Envelope,
            Self::SpendCaps => Glyph::Gauge,
            Self::AutoRecharge => Glyph::Repeat,
            Self::ApiKeys => Glyph::Key,
        }
    }
}

/// The frame of the customer's pages.
#[component]
pub fn SettingsLayout(
    /// Who looks at it.
    viewer: Viewer,
    /// The page's name in the browser's tab.
    #[prop(into)]
    title: String,
    /// Where in the menu it is.
    current: MenuEntry,
    /// The main column.
    children: Children,
) -> impl IntoView {
    let entries = MenuEntry::ALL.into_iter().map(|entry| {
        view! {
            <li>
                <a href=entry.path() aria-current=(entry == current).then_some("page")>
                    <Icon glyph=entry.glyph()/>
                    {entry.name()}
                </a>
            </li>
        }
    });
    let available = viewer.available.to_string();
    let spoken = format!("Available: {available} credits");
    let name = spoken.clone();
    view! {
        <Title text=title/>
        <a class="skip visually-hidden" href="#main">"Skip to content"</a>
        <header class="app-header">
            <div>
                <Brand home="/settings/credits"/>
                <a
                    class="pill"
                    id="header-balance"
                    href="/settings/credits"
                    aria-label=name
                    data-live=""
                    data-spoken=spoken
                >
                    <b id="header-available">{available}</b>
                    " credits"
                </a>
                <Bell unread=viewer.unread/>
                <AccountMenu name=viewer.name email=viewer.email/>
            </div>
        </header>
        <LivePage/>
        <Frame heading="Settings" current entries=entries.collect_view().into_any()>
            {children()}
        </Frame>
    }
}

/// The frame of the pages for support staff.
#[component]
pub fn SupportLayout(
    /// Who looks at it.
    staff: StaffViewer,
    /// The page's name in the browser's tab.
    #[prop(into)]
    title: String,
    /// The main column.
    children: Children,
) -> impl IntoView {
    let entries = view! {
        <li>
            <a href="/support" aria-current="page"><Icon glyph=Glyph::Search/>"Accounts"</a>
        </li>
    };
    view! {
        <Title text=title/>
        <a class="skip visually-hidden" href="#main">"Skip to content"</a>
        <header class="app-header">
            <div>
                <Brand home="/support" staff=true/>
                <AccountMenu name=staff.name email=staff.email/>
            </div>
        </header>
        <Frame heading="Support" entries=entries.into_any()>{children()}</Frame>
    }
}

/// The frame of pages that stand alone: sign-in and errors.
#[component]
pub fn PlainLayout(
    /// The page's name in the browser's tab.
    #[prop(into)]
    title: String,
    /// What stands in its middle.
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=title/>
        <main class="narrow" id="main">
            <Brand home="/"/>
            {children()}
        </main>
    }
}

/// The way to the inbox, with what is new there.
#[component]
fn Bell(unread: u32) -> impl IntoView {
    let spoken = match unread {
        0 => "Inbox".to_owned(),
        unread => format!("Inbox, {unread} unread"),
    };
    let aloud = match unread {
        0 => "Inbox: nothing unread".to_owned(),
        unread => format!("Inbox: {unread} unread"),
    };
    let shown = if unread > 99 { "99+".to_owned() } else { unread.to_string() };
    view! {
        <a
            class="bell"
            id="header-inbox"
            href=MenuEntry::Inbox.path()
            aria-label=spoken
            data-live=""
            data-spoken=aloud
        >
            <Icon glyph=Glyph::Bell size=18/>
            <span id="header-unread" hidden=unread == 0>{shown}</span>
        </a>
    }
}

#[component]
fn Frame(
    heading: &'static str,
    #[prop(optional)] current: Option<MenuEntry>,
    entries: AnyView,
    children: Children,
) -> impl IntoView {
    // A list of several entries folds on a phone: then this opens it, and says where one is.
    let button = current.map(|entry| {
        view! {
            <button class="menu-button" type="button" popovertarget="menu-entries">
                <span class="visually-hidden">{heading} ": "</span>
                <Icon glyph=entry.glyph()/>
                {entry.name()}
                <Icon glyph=Glyph::Unfold/>
            </button>
        }
    });
    let folds = current.map(|_| "auto");
    view! {
        <div class="frame">
            <div class="side-menu">
                <nav aria-label=heading>
                    <h2>{heading}</h2>
                    {button}
                    <ul id="menu-entries" popover=folds>{entries}</ul>
                </nav>
            </div>
            <main id="main">{children()}</main>
        </div>
        <footer class="app-footer">
            <p>"Recharge: credits for AI operations."</p>
        </footer>
    }
}

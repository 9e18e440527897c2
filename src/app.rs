//! The HTML shell, and the route table: address → page.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::pages::{
    api_keys::ApiKeysRoute,
    auto_recharge::AutoRechargeRoute,
    billing_cycle::BillingCycleRoute,
    buy::BuyRoute,
    credits::CreditsRoute,
    error::NotFoundPage,
    history::HistoryRoute,
    notices::InboxRoute,
    notifications::NotificationsRoute,
    purchase::PurchaseRoute,
    sign_in::{SignInLinkRoute, SignInRoute},
    spend_caps::SpendCapsRoute,
    support::{SupportAccountRoute, SupportSearchRoute},
    unsubscribe::UnsubscribeRoute,
};

/// The document around the page at its address.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    document(options, || view! { <App/> })
}

/// The document around the page that says that there is none. It doesn't look at the address: the
/// router for pages reads `/./settings` as `/settings`, and would show what the gate has not let
/// pass.
#[must_use]
pub fn not_found_shell(options: LeptosOptions) -> impl IntoView {
    document(options, || {
        provide_meta_context();
        view! { <NotFoundPage/> }
    })
}

fn document<V: IntoView>(
    options: LeptosOptions,
    page: impl FnOnce() -> V + Send + 'static,
) -> impl IntoView {
    let style = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=style nonce=use_nonce()/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                {page()}
            </body>
        </html>
    }
}

/// Every page is rendered whole before it is sent: nothing waits for a script.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <FlatRoutes fallback=NotFoundPage>
                <Route path=path!("/sign-in") view=SignInRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/sign-in/link/:token")
                    view=SignInLinkRoute
                    ssr=SsrMode::Async
                />
                <Route path=path!("/settings/credits") view=CreditsRoute ssr=SsrMode::Async/>
                <Route path=path!("/settings/credits/buy") view=BuyRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/settings/credits/purchases/:id")
                    view=PurchaseRoute
                    ssr=SsrMode::Async
                />
                <Route
                    path=path!("/settings/credits/history")
                    view=HistoryRoute
                    ssr=SsrMode::Async
                />
                <Route path=path!("/settings/api-keys") view=ApiKeysRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/settings/billing-cycle")
                    view=BillingCycleRoute
                    ssr=SsrMode::Async
                />
                <Route path=path!("/settings/spend-caps") view=SpendCapsRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/settings/auto-recharge")
                    view=AutoRechargeRoute
                    ssr=SsrMode::Async
                />
                <Route path=path!("/settings/notices") view=InboxRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/settings/notifications")
                    view=NotificationsRoute
                    ssr=SsrMode::Async
                />
                <Route
                    path=path!("/unsubscribe/:token")
                    view=UnsubscribeRoute
                    ssr=SsrMode::Async
                />
                <Route path=path!("/support") view=SupportSearchRoute ssr=SsrMode::Async/>
                <Route
                    path=path!("/support/accounts/:id")
                    view=SupportAccountRoute
                    ssr=SsrMode::Async
                />
            </FlatRoutes>
        </Router>
    }
}

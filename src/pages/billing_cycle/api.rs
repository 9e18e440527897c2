//! What the page of the billing cycle asks the server for.

use leptos::prelude::*;

use super::BillingCyclePage;
use crate::pages::error::PageError;

/// The billing cycle of the customer who asks, with what they entered where the form came back.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_billing_cycle(is_saved: bool) -> Result<BillingCyclePage, PageError> {
    use super::EnteredCycle;
    use crate::{
        pages::layout::Viewer,
        server::{AppState, clock::zones_at, http::explained::Explained, identity},
    };
    use axum::http::request::Parts;
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let found = state.ledger.billing_cycle(&customer.account).await.explained()?;
    let parts = use_context::<Parts>();
    let entered = parts.and_then(|parts| parts.extensions.get::<EnteredCycle>().cloned());
    Ok(BillingCyclePage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            available: found.available,
            unread: customer.unread,
        },
        anchor_day: found.anchor_day,
        zone: found.zone,
        now: found.now,
        zones: zones_at(found.now.to_utc()),
        is_saved: is_saved && entered.is_none(),
        entered,
    })
}

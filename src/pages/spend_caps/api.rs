//! What the page of spend caps asks the server for.

use leptos::prelude::*;

use super::SpendCapsPage;
use crate::pages::error::PageError;

/// The caps of the customer who asks, with what they entered where the form came back.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_spend_caps(is_saved: bool) -> Result<SpendCapsPage, PageError> {
    use super::{CapLine, EnteredCaps};
    use crate::{
        pages::layout::Viewer,
        server::{AppState, http::explained::Explained, identity},
    };
    use axum::http::request::Parts;
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let found = state.ledger.spend_caps(&customer.account).await.explained()?;
    let parts = use_context::<Parts>();
    let entered = parts.and_then(|parts| parts.extensions.get::<EnteredCaps>().cloned());
    Ok(SpendCapsPage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            unread: customer.unread,
            available: found.available,
        },
        cycle: found.cycle,
        zone: found.zone,
        lines: CapLine::lines(&found.caps, entered.as_ref()),
        is_saved: is_saved && entered.is_none(),
        is_away: entered.is_some_and(|entered| entered.is_away),
    })
}

//! What the page of notifications asks the server for.

use leptos::prelude::*;

use super::NotificationsPage;
use crate::pages::error::PageError;

/// What the customer chose who asks, or what they entered where the form came back.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_notifications(is_saved: bool) -> Result<NotificationsPage, PageError> {
    use super::Entered;
    use crate::{
        pages::layout::Viewer,
        server::{AppState, http::explained::Explained, http::notifications::shown, identity},
    };
    use axum::http::request::Parts;
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let (available, _) = state.ledger.balance(&customer.account).await.explained()?;
    let chosen = state.notices.preferences(&customer.account).await.explained()?;
    let chosen = chosen.ok_or(PageError::NotFound).explained()?;
    let entered = use_context::<Parts>().and_then(|it| it.extensions.get::<Entered>().cloned());
    Ok(NotificationsPage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            unread: customer.unread,
            available,
        },
        is_saved: is_saved && entered.is_none(),
        form: entered.unwrap_or_else(|| shown(&chosen)),
        low_at: chosen.low_at,
        zone: chosen.zone,
    })
}

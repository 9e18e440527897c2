//! What the history page asks the server for.

use leptos::prelude::*;

use super::HistoryRoutePage;
use crate::pages::error::PageError;

/// The rows that an address asks for, of the customer who asks.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_history(address: String) -> Result<HistoryRoutePage, PageError> {
    use super::HistoryQuery;
    use crate::{
        pages::layout::Viewer,
        server::{AppState, http::explained::Explained, identity},
    };
    let customer = identity::customer().explained()?;
    let HistoryQuery { filter, cursor, open, .. } = HistoryQuery::parse(&address);
    let state = expect_context::<AppState>();
    let history = state.ledger.history(&customer.account, filter, cursor, open);
    let history = history.await.explained()?;
    let viewer = Viewer {
        name: customer.name,
        email: customer.email,
        unread: customer.unread,
        available: history.available,
    };
    Ok(HistoryRoutePage { viewer, account: customer.account, history })
}

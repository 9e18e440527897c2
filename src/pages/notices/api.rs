//! What the inbox asks the server for.

use leptos::prelude::*;

use super::InboxPage;
use crate::pages::error::PageError;

/// A page of the inbox of the customer who asks.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_inbox(
    before: Option<String>,
    after: Option<String>,
) -> Result<InboxPage, PageError> {
    use super::NoticeLine;
    use crate::{
        pages::layout::Viewer,
        server::{
            AppState,
            http::explained::Explained,
            identity,
            notices::{Notice, Place},
        },
    };
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let place = before.map(Place::Before).or_else(|| after.map(Place::After));
    let (available, _) = state.ledger.balance(&customer.account).await.explained()?;
    let inbox = state.notices.inbox(&customer.account, place).await.explained()?;
    let path = |place| match place {
        Place::Before(id) => format!("/settings/notices?before={id}"),
        Place::After(id) => format!("/settings/notices?after={id}"),
    };
    let line = |notice: Notice| NoticeLine {
        id: notice.id,
        kind: notice.kind,
        title: notice.words.title,
        text: notice.words.text,
        action: (notice.words.action.0.to_owned(), notice.words.action.1),
        at: notice.at,
        is_read: notice.is_read,
    };
    Ok(InboxPage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            unread: customer.unread,
            available,
        },
        notices: inbox.notices.into_iter().map(line).collect(),
        zone: inbox.zone,
        newer: inbox.newer.map(path),
        older: inbox.older.map(path),
    })
}

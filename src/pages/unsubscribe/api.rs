//! What the page of a link to unsubscribe asks the server for.

use leptos::prelude::*;

use super::UnsubscribePage;
use crate::pages::error::PageError;

/// What a link leads to, or what came of its form. Nothing ends by looking.
///
/// # Errors
/// Where the database can't be read.
#[server]
pub async fn load_unsubscribe(token: String) -> Result<UnsubscribePage, PageError> {
    use super::Unsubscribed;
    use crate::server::{AppState, http::explained::Explained, notices::NoLink};
    use axum::http::{HeaderValue, StatusCode, header::REFERRER_POLICY, request::Parts};
    let state = expect_context::<AppState>();
    let response = expect_context::<leptos_axum::ResponseOptions>();
    // The address is all that it takes.
    response.insert_header(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    let done = use_context::<Parts>().and_then(|it| it.extensions.get::<Unsubscribed>().copied());
    if let Some(Unsubscribed(topic)) = done {
        return Ok(UnsubscribePage::Done(topic));
    }
    let page = match state.notices.read_unsubscribe(&token, state.clock.now()).await {
        Ok(link) => return Ok(UnsubscribePage::Asks(link.topic)),
        Err(NoLink::Expired) => UnsubscribePage::Expired,
        Err(NoLink::Forged) => UnsubscribePage::Forged,
        Err(NoLink::Unavailable) => return Err(PageError::Unavailable).explained(),
    };
    response.set_status(StatusCode::NOT_FOUND);
    Ok(page)
}

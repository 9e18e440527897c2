//! What is new for the customer, as server-sent events: their pages show it without a reload.
//!
//! Events carry no figures: a page that learns that it is behind asks for itself again, so that
//! only its own rendering knows what it shows. `news` says how far the account is and how many
//! milliseconds ago it came there; `enough` that enough other pages of the session listen.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{HeaderName, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt};

use crate::server::{
    identity::{Customer, Presence},
    news::{Listening, News, Newsroom},
};

/// After this the browser connects again by itself; a forgotten page costs little.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// What the browser waits before it does.
const PAUSE: Duration = Duration::from_secs(1);

/// `GET /settings/events`
pub async fn stream(
    State(room): State<Newsroom>,
    Extension(customer): Extension<Customer>,
    Extension(presence): Extension<Presence>,
) -> Response {
    let events = Sse::new(events(room.listen(customer.account, &presence)));
    let headers =
        [(CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, events.keep_alive(KeepAlive::default())).into_response()
}

fn events(listening: Listening) -> impl Stream<Item = Result<Event, Infallible>> {
    let event = |news| match news {
        News::Moved(version, age) => {
            Event::default().event("news").retry(PAUSE).data(format!("{version} {age}"))
        }
        // Without data no browser dispatches it.
        News::Enough => Event::default().event("enough").data("enough"),
    };
    let end = tokio::time::sleep(LONGEST);
    listening.take_until(end).map(move |news| Ok(event(news)))
}

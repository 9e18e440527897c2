//! News of one purchase, as server-sent events: `state<TAB>available<TAB>reason`.
//!
//! What this process changes is told at once; what others change is seen by looking again, and
//! so is the end of the session: then there is no more news.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};

use crate::{
    credits::AccountId,
    server::{
        identity::{Customer, Presence},
        payments::{Payments, Progress},
    },
};

/// How often the purchase is looked at when nothing is told.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After this the browser connects again by itself; a forgotten tab costs little.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// `GET /settings/credits/purchases/{id}/events`
pub async fn stream(
    State(payments): State<Payments>,
    Extension(customer): Extension<Customer>,
    Extension(presence): Extension<Presence>,
    Path(id): Path<String>,
) -> Response {
    // Listening begins before the first look, so that nothing falls between them.
    let changes = payments.watch();
    let first = match payments.progress(&customer.account, &id).await {
        Ok(Some(progress)) => progress,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let watcher =
        Watcher { payments, account: customer.account, id, presence, changes, told: None };
    let events = Sse::new(news(watcher, first)).keep_alive(KeepAlive::default());
    let headers =
        [(CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, events).into_response()
}

/// One event at once, one at each change, and the end after a final state.
fn news(watcher: Watcher, first: Progress) -> impl Stream<Item = Result<Event, Infallible>> {
    let end = Instant::now() + LONGEST;
    stream::unfold((watcher, Some(first)), move |(mut watcher, first)| async move {
        let progress = match first {
            Some(first) => first,
            None => tokio::time::timeout_at(end, watcher.next()).await.ok()??,
        };
        let event = Event::default().event("purchase").data(line(&progress));
        watcher.told = Some(progress);
        Some((Ok(event), (watcher, None)))
    })
}

/// Why the purchase is looked at again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    ByNews,
    ByTime,
}

struct Watcher {
    payments: Payments,
    account: AccountId,
    id: String,
    presence: Presence,
    changes: Receiver<String>,
    told: Option<Progress>,
}

impl Watcher {
    /// What is new; none when there will be no more news.
    async fn next(&mut self) -> Option<Progress> {
        let told = self.told.take()?;
        if told.state.is_final() {
            return None;
        }
        loop {
            if self.wait().await? == Woken::ByTime && !self.presence.lasts().await {
                return None;
            }
            // A database that is away for a moment is no news.
            let Ok(found) = self.payments.progress(&self.account, &self.id).await else {
                continue;
            };
            let progress = found?;
            if progress != told {
                return Some(progress);
            }
        }
    }

    /// Until this purchase was changed here, or it is time to look again.
    async fn wait(&mut self) -> Option<Woken> {
        let Self { payments, id, changes, .. } = self;
        tokio::select! {
            () = payments.stopping() => None,
            () = tokio::time::sleep(LOOK_AGAIN) => Some(Woken::ByTime),
            () = told_of(changes, id) => Some(Woken::ByNews),
        }
    }
}

async fn told_of(changes: &mut Receiver<String>, id: &str) {
    loop {
        match changes.recv().await {
            Ok(changed) if changed != id => {}
            // Fallen behind: looking again is right.
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Tabs and line ends would break the line.
fn line(progress: &Progress) -> String {
    let reason = progress.reason.replace(['\t', '\n', '\r'], " ");
    format!("{}\t{}\t{reason}", progress.state.id(), progress.available)
}

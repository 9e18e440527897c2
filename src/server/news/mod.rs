//! What is new for the customers whose pages are open, whoever changed it.
//!
//! # Shape
//! A page that listens is a [`Listening`]: a stream of [`News`]. One watcher in the process looks
//! at all of their accounts together: a statement every [`EVERY`], which asks for no more than how
//! far each account is ([`look`]), and tells those that have moved. So it doesn't matter which
//! process changed what, and 500 pages cost as many statements as one. What this process knows
//! to have changed is looked at without waiting.
//!
//! # What must hold
//! - While nobody listens, nothing is asked.
//! - A page that goes away is forgotten; so is one whose session has ended.
//! - A session has at most [`MOST`] listening pages: the oldest is told that it is enough.
//! - When the program ends, all news end.

mod listeners;
mod look;
mod watcher;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    database::Database,
    identity::{Presence, Sessions},
};
use crate::credits::AccountId;
use listeners::Listeners;

pub use look::Version;

/// How often is looked.
pub const EVERY: Duration = Duration::from_millis(400);
/// How many pages of one session may listen: fewer than the connections that a browser opens.
pub const MOST: usize = 5;

/// What a page is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// How far the account is now; and how long ago it came there, in milliseconds.
    Moved(Version, i64),
    /// Enough other pages of the same session listen; this one may come back when it is looked at.
    Enough,
}

/// Where pages listen. Clones share everything.
#[derive(Clone, Debug)]
pub struct Newsroom(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Database,
    clock: Clock,
    sessions: Sessions,
    listeners: Mutex<Listeners>,
    /// Somebody is new, or something has changed here.
    look: Arc<Notify>,
    shutdown: CancellationToken,
}

impl Shared {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newsroom {
    /// Where nobody listens yet; who wakes `look` has something new.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Clock,
        look: Arc<Notify>,
        shutdown: CancellationToken,
    ) -> Self {
        let sessions = Sessions::new(database.clone(), clock.clone());
        let listeners = Mutex::default();
        Self(Arc::new(Shared { database, clock, sessions, listeners, look, shutdown }))
    }

    /// Listens to what is new for an account, as long as the session lasts. The first word says
    /// how far the account is.
    #[must_use]
    pub fn listen(&self, account: AccountId, presence: &Presence) -> Listening {
        let mut listeners = self.0.listeners();
        let (number, news) = listeners.add(account, presence.session().to_owned());
        if listeners.needs_watcher() {
            tokio::spawn(watcher::watch(Arc::clone(&self.0)));
        }
        drop(listeners);
        self.0.look.notify_one();
        Listening { room: self.clone(), number, news }
    }

    /// How many pages listen.
    #[must_use]
    pub fn listening(&self) -> usize {
        self.0.listeners().len()
    }
}

/// A page that listens; it is forgotten when this is dropped.
#[derive(Debug)]
pub struct Listening {
    room: Newsroom,
    number: u64,
    news: mpsc::Receiver<News>,
}

impl Stream for Listening {
    type Item = News;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<News>> {
        self.news.poll_recv(context)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.room.0.listeners().remove(self.number);
    }
}

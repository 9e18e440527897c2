//! What the browser never sees.

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio_util::sync::CancellationToken;

pub mod catalogue;
pub mod clock;
pub mod clock_watch;
pub mod command_line;
pub mod config;
pub mod connections;
pub mod database;
pub mod deadlines;
pub mod doctor;
mod early;
pub mod entity;
pub mod events;
pub mod headers;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod ledger;
pub mod marks;
pub mod news;
pub mod notices;
mod nul;
pub mod observability;
mod opening;
pub mod outbox;
mod pages;
pub mod payments;
pub mod pulse;
pub mod quotes;
pub mod readiness;
pub mod rehearsal;
pub mod requests;
pub mod router;
pub mod schema;
pub mod secret;
pub mod seed;
pub mod serve;
mod signals;
pub mod simulate_load;
mod start_error;
mod static_files;
pub mod verify;
pub mod webhooks;
mod words;

use catalogue::Catalogues;
use clock::Clock;
use config::Config;
use connections::Connections;
use database::Database;
use deadlines::Deadlines;
use http::api::Pacemaker;
use identity::{ApiKeys, Passwords, Throttle};
use jobs::JobCounts;
use ledger::Ledger;
use news::Newsroom;
use notices::Notices;
use payments::Payments;
use pulse::Pulse;
use quotes::Quotes;
use readiness::Readiness;
use webhooks::Webhooks;

/// The parts of the server that every handler and page may use. A clone shares them and increments
/// one counter: each layer that a request passes clones this.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// The parts behind [`AppState`].
#[derive(Clone, Debug)]
pub struct Parts {
    /// The settings.
    pub config: Arc<Config>,
    /// What can be bought, and what operations cost.
    pub catalogues: Catalogues,
    /// Binding prices.
    pub quotes: Quotes,
    /// The only writer of credits.
    pub ledger: Ledger,
    /// Sells credits.
    pub payments: Payments,
    /// Tells customers what happened.
    pub notices: Notices,
    /// Tells the platform's servers what happened.
    pub webhooks: Webhooks,
    /// Where open pages listen to what is new.
    pub news: Newsroom,
    /// The database.
    pub database: Database,
    /// The time.
    pub clock: Clock,
    /// The keys of programs.
    pub api_keys: ApiKeys,
    /// How fast each program asks.
    pub pacemaker: Pacemaker,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Slows down who guesses them.
    pub throttle: Throttle,
    /// What this process has run by the clock.
    pub job_counts: JobCounts,
    /// How long requests may wait for their answers.
    pub deadlines: Deadlines,
    /// The reasons not to send requests to this process.
    pub readiness: Readiness,
    /// Finds out whether the ledger can be written to.
    pub pulse: Pulse,
    /// How many clients are connected.
    pub connections: Connections,
    /// Cancelled when the program is to end soon: it still serves, but is no longer ready.
    pub draining: CancellationToken,
    /// Cancelled when the program is asked to end: what would stay open for long ends then.
    pub shutdown: CancellationToken,
}

impl AppState {
    /// Changes a part of this clone. The other clones stay as they are.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<AppState> for Newsroom {
    fn from_ref(state: &AppState) -> Self {
        state.news.clone()
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.config.leptos.clone()
    }
}

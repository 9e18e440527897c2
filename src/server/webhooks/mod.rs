//! Tells the platform's own servers what happened, as Standard Webhooks has it.
//!
//! # Shape
//! Operators and services add an [`Endpoint`] (`endpoints`). Where events are told, [`messages`]
//! makes a row of the outbox for each endpoint that wants one. [`Webhooks::deliver`] leases what is
//! due, each endpoint's own queue by itself, makes the [`payload`] of the event, signs it
//! (`signing`), sends it (`wire`), writes the attempt into the `log`, and settles the message: sent,
//! to be tried again after a pause (`patience`, or longer where the endpoint says `retry_after`), or
//! given up. The log is kept for a month (`forgetting`).
//!
//! # What must hold
//! - A message that was taken with 2xx is not sent again, unless a process ended between the answer
//!   and writing it down; then it comes again with the same `webhook-id`.
//! - A message is tried for three days, or longer where its endpoint asks for longer pauses. What
//!   was given up can be sent again by hand, as long as it is kept.
//! - A message goes to public addresses over https, whatever a name resolves to, unless a setting
//!   allows more: the address that was looked at is the one that is connected to.
//! - An endpoint that is slow or away holds up no other.
//! - A secret is told once, to whoever adds the endpoint. It is kept as it is, not as a hash: it
//!   has to sign. It stands in no log, list or error.

mod addresses;
mod delivery;
mod endpoint;
mod endpoints;
mod forgetting;
mod log;
mod outcome;
mod patience;
pub mod payload;
mod resend;
mod retry_after;
mod signing;
mod telling;
mod wire;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::RootCertStore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use delivery::Delivered;
pub use endpoint::{Endpoint, Kinds, UnknownKind, UrlProblem};
pub use endpoints::{AddError, Added, MOST_ENDPOINTS, Rotated, Tested};
pub use log::{Deliveries, Delivery, DeliveryState, Try};
pub use resend::{ResendError, Resent};
pub use retry_after::RetryAfter;
pub use telling::messages;
pub use wire::{Answer, Resolve, WireError};

use super::{clock::Clock, database::Database};
use wire::{SystemResolver, Wire, public_roots};

/// What sending depends on.
#[derive(Clone)]
pub struct Settings {
    /// Whether messages may go to private addresses, and over http: for development.
    pub allow_private: bool,
    /// How long each answer is waited for.
    pub timeout: Duration,
    /// Finds the addresses of hosts.
    pub resolver: Arc<dyn Resolve>,
    /// Whose certificates are believed.
    pub roots: RootCertStore,
}

impl Settings {
    /// How long an answer is waited for.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// As on the public web.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        let (resolver, roots) = (Arc::new(SystemResolver), public_roots());
        Self { allow_private, timeout: Self::TIMEOUT, resolver, roots }
    }
}

/// The endpoints and what is sent to them. Clones share everything.
#[derive(Clone)]
pub struct Webhooks {
    database: Database,
    clock: Clock,
    wire: Wire,
    allow_http: bool,
    /// The endpoints to which this process is sending.
    busy: Arc<Mutex<HashSet<String>>>,
    sending: TaskTracker,
    ending: CancellationToken,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// On this database.
    ///
    /// # Errors
    /// Where no secure connections can be made; in a sentence.
    pub fn new(database: Database, clock: Clock, settings: Settings) -> Result<Self, String> {
        let Settings { allow_private, timeout, resolver, roots } = settings;
        let wire = Wire::new(resolver, roots, allow_private, timeout)
            .map_err(|error| format!("No webhooks can be sent: {error}"))?;
        Ok(Self {
            database,
            clock,
            wire,
            allow_http: allow_private,
            busy: Arc::default(),
            sending: TaskTracker::new(),
            ending: CancellationToken::new(),
        })
    }

    /// Begins to send nothing more, and returns when what was begun is written down.
    pub async fn close(&self) {
        self.ending.cancel();
        self.sending.close();
        self.sending.wait().await;
    }
}

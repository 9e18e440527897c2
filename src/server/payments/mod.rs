//! Sells credits through Stripe.
//!
//! # Shape
//! ```text
//! checkout: the purchase is COMMITTED, then Stripe is asked for a session (persisted key)
//!                                      ↓ the customer pays on Stripe's page
//!  webhook ────┐
//!  return page ┼→ fulfil(session): read it from Stripe again → judge → the ledger grants → credited
//!  reconciler ─┘
//! ```
//! [`auto_recharge`] ends in the same `fulfil`: its purchase is COMMITTED too before a saved card is
//! charged, and its payment is judged in the words of a session.
//!
//! `judge` decides without a database or network, `answer` reads what Stripe says, `stripe` is
//! the only module that names async-stripe.
//!
//! # What must hold
//! - Nobody calls Stripe inside a database transaction, and no row is written after a call that
//!   was not written before it.
//! - `fulfil` is the only way to credit, and the ledger sets `credited` with the lot: a
//!   purchase has one lot exactly where it is credited.
//! - Every succeeded payment ends as a lot or as a purchase that a person must look at.
//! - A caller that goes away changes nothing: all work runs in tasks of its own.

mod answer;
mod auto_recharge;
mod cancel;
mod catch_up;
mod checkout;
mod events;
mod fulfil;
mod judge;
mod open_cases;
mod page;
mod patience;
mod reconcile;
mod report;
mod rows;
mod settings;
mod stripe;
mod wish;

use std::{
    collections::HashSet,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use sea_orm::DbErr;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

pub use auto_recharge::{RechargeAgreed, Recharged, TurnOnError};
pub use events::Rejection;
pub use fulfil::Fulfilment;
pub use report::Report;
pub use settings::Settings;
pub use wish::{Agreed, Buyer, CheckoutError, Choice};

use self::stripe::{Stripe, StripeFailure};
use super::{catalogue::Catalogues, clock::Clock, database::Database, ledger::Ledger};

/// Sells credits. Clones share everything.
#[derive(Clone, Debug)]
pub struct Payments {
    database: Database,
    clock: Clock,
    ledger: Ledger,
    catalogues: Catalogues,
    settings: Arc<Settings>,
    stripe: Option<Stripe>,
    changes: Arc<Notify>,
    counters: Arc<Counters>,
    /// The purchases and sessions of which this process has already warned.
    said: Arc<Mutex<HashSet<String>>>,
    tasks: TaskTracker,
}

/// Why nothing could be done now. Trying again later is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Away {
    /// No key to Stripe is configured.
    #[error("purchases are off")]
    Off,
    /// Stripe can't be reached, or does not accept our key.
    #[error("the payment service can't be reached")]
    Stripe,
    /// Our own books can't be read or written.
    #[error("the database can't be reached")]
    Database,
}

impl From<DbErr> for Away {
    fn from(error: DbErr) -> Self {
        tracing::error!(%error, "payments can't use the database");
        Self::Database
    }
}

impl From<StripeFailure> for Away {
    fn from(failure: StripeFailure) -> Self {
        tracing::warn!(%failure, "Stripe did not do what was asked");
        Self::Stripe
    }
}

/// What an operator watches, since the start of this process.
#[derive(Debug, Default)]
pub struct Counters {
    rejected_webhooks: AtomicU64,
    reviews: AtomicU64,
}

impl Counters {
    /// Webhooks whose signature was missing, wrong or too old.
    #[must_use]
    pub fn rejected_webhooks(&self) -> u64 {
        self.rejected_webhooks.load(Ordering::Relaxed)
    }

    /// Payments that a person must look at.
    #[must_use]
    pub fn reviews(&self) -> u64 {
        self.reviews.load(Ordering::Relaxed)
    }
}

impl Payments {
    /// Prepares for selling; Stripe is not called yet, so it may be away.
    ///
    /// # Errors
    /// One sentence where the key can't be used.
    pub fn new(
        database: Database,
        clock: Clock,
        ledger: Ledger,
        catalogues: Catalogues,
        settings: Settings,
    ) -> Result<Self, String> {
        let key = settings.secret_key.as_ref();
        let stripe = key.map(|key| Stripe::new(key, &settings)).transpose()?;
        Ok(Self {
            database,
            clock,
            ledger,
            catalogues,
            settings: Arc::new(settings),
            stripe,
            changes: Arc::default(),
            counters: Arc::default(),
            said: Arc::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether anything can be bought.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.stripe.is_some()
    }

    /// What an operator watches.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns when all work that was begun is done.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn stripe(&self) -> Result<&Stripe, Away> {
        self.stripe.as_ref().ok_or(Away::Off)
    }

    /// Does the work whether or not the caller stays.
    async fn in_task<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Away>> + Send + 'static,
    ) -> Result<T, Away> {
        self.tasks.spawn(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a payment task broke");
            Err(Away::Database)
        })
    }

    /// Wakes who waits for news of a purchase.
    fn changed(&self) {
        self.changes.notify_one();
    }
}

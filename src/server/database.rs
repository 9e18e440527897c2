//! The two databases behind one interface, and the rules for talking to them.
//!
//! # Shape
//! A [`Pool`] lends connections: one for each statement, or one for a whole [`Transaction`].
//! `session` is one connection and knows whether it can still be trusted; `connector` opens them;
//! [`Limits`] says how long each wait may last. A writer of the ledger on PostgreSQL keeps a
//! [`Line`] of its own.
//!
//! # What must hold
//! - What was acknowledged is committed: after any doubt a connection is closed (`session`).
//! - Every wait has an end ([`Limits`]).
//! - Every transaction runs in a task of its own: a caller that goes away can't end it half-way.
//! - SQLite has one writing connection. What writes begins IMMEDIATE.
//! - [`errors`] tells a conflict from a failure, and the whole work is run again after a conflict.

mod address;
mod arguments;
mod ask;
mod backup;
mod change;
mod connector;
mod durability;
mod errors;
mod faults;
mod inspect;
mod limits;
mod line;
mod migrate;
mod own_connection;
mod pool;
mod session;
mod session_lock;
mod settings;
mod transaction;

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use sea_orm::{DbBackend, DbErr, RuntimeErr};

use address::Address;
use session::Purpose;
use settings::{make_missing_file, opening};

pub use backup::{BackupError, copy_backup, put_copy_in_place, set_aside};
pub use durability::risk_of_place;
pub use errors::{
    code, is_broken, is_conflict, is_locked, is_outage, is_overtaken, is_silent, is_taken,
    lacks_table,
};
pub use faults::Faults;
#[cfg(debug_assertions)]
pub use faults::{Fate, Fates, Fault, writes};
pub use inspect::{Changes, Inspected};
pub use limits::Limits;
pub use line::Line;
pub use migrate::MigrateError;
pub use pool::Pool;
pub use session_lock::{LockName, SessionLock};
pub use settings::unwritable;
pub use transaction::Transaction;

/// How often a work that lost a conflict is run again.
const ATTEMPTS: u32 = 10;
/// Connections that read, and that write on PostgreSQL.
const READERS: usize = 12;
const WRITERS: usize = 10;

/// A connected database. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Database {
    readers: Pool,
    writers: Pool,
    /// The writing connections, for statements that find rows by their keys.
    lookups: Pool,
    /// Where migrations run: past a pooler, if there is one.
    direct: Arc<Address>,
}

/// Work on an open transaction.
type Work<T> =
    Arc<dyn for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync>;

impl Database {
    /// Connects to `sqlite://PATH` (made where it is missing) or `postgres://…`, as a server does.
    ///
    /// # Errors
    /// If the URL is of neither kind or the database can't be reached.
    pub async fn connect(url: &str) -> Result<Self, DbErr> {
        Self::connect_with(url, None, Limits::SERVING).await
    }

    /// Connects with other limits, and with the address past a pooler.
    ///
    /// # Errors
    /// If a URL is of neither kind or the database can't be reached.
    pub async fn connect_with(
        url: &str,
        direct: Option<&str>,
        limits: Limits,
    ) -> Result<Self, DbErr> {
        Self::connect_with_faults(url, direct, limits, &Faults::of_environment()).await
    }

    /// Connects so that a test decides what goes wrong.
    ///
    /// # Errors
    /// If a URL is of neither kind or the database can't be reached.
    pub async fn connect_with_faults(
        url: &str,
        direct: Option<&str>,
        limits: Limits,
        faults: &Faults,
    ) -> Result<Self, DbErr> {
        let address = Address::parse(url)?;
        let direct = direct.map_or_else(|| Ok(address.clone()), Address::parse)?;
        if let Address::Sqlite(path) = &address {
            make_missing_file(path)
                .map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?;
        }
        let most = if matches!(address, Address::Sqlite(_)) { 1 } else { WRITERS };
        // The writer first: it makes the file of SQLite and switches it to WAL.
        let writers = Pool::new(opening(&address, limits, true), limits, most, false, faults)?;
        writers.ping().await?;
        let readers = Pool::new(opening(&address, limits, false), limits, READERS, true, faults)?;
        readers.ping().await?;
        let lookups = if writers.backend() == DbBackend::Sqlite {
            readers.clone()
        } else {
            writers.for_reading()
        };
        Ok(Self { readers, writers, lookups, direct: Arc::new(direct) })
    }

    /// Whether this is SQLite, which has exactly one writer.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.writers.backend() == DbBackend::Sqlite
    }

    /// For single statements that read.
    #[must_use]
    pub const fn reader(&self) -> &Pool {
        &self.readers
    }

    /// For single statements that find rows by their keys: on PostgreSQL those connections plan
    /// for it that write; on SQLite the one that writes is not to be waited for.
    #[must_use]
    pub const fn finder(&self) -> &Pool {
        &self.lookups
    }

    /// The texts of the JSON array `$1` as rows of `listed`, each its `id`: what is asked stays the
    /// same however many they are.
    #[must_use]
    pub fn listed(&self) -> &'static str {
        if self.is_sqlite() {
            "(SELECT value AS id FROM json_each($1)) AS listed"
        } else {
            "json_array_elements_text(CAST($1 AS json)) AS listed (id)"
        }
    }

    /// Returns the connections for single statements that write, or read what was just written:
    /// - what people and programs sign in with: sessions, links and API keys;
    /// - quotes, and removing them and answered requests when they have expired;
    /// - the claims of jobs, and of messages in the outbox and what became of these;
    /// - webhook endpoints, their attempts, notices that were read, and cards that are gone;
    /// - published catalogues, marks, and the demo data;
    /// - the trial writes of `doctor`, and finding out what a batch of the ledger waits for.
    #[must_use]
    pub const fn writer(&self) -> &Pool {
        &self.writers
    }

    /// Closes all connections that are not lent, and waits until they are closed. None is opened
    /// again.
    ///
    /// # Errors
    /// If one of them can't be closed.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.readers.end().await?;
        self.writers.end().await
    }

    /// Calls back with every statement that reads, for tests that count them.
    pub fn on_read(&mut self, callback: impl Fn(&str) + Send + Sync + 'static) {
        self.readers.listener = Some(Arc::new(callback));
    }

    /// Reads several things from one snapshot.
    ///
    /// # Errors
    /// Where a statement fails.
    pub async fn snapshot<T, F>(&self, read: F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync + 'static,
    {
        in_own_task(self.readers.clone(), Purpose::Read, Arc::new(read)).await
    }

    /// Writes in one transaction; run again as a whole where it lost a conflict.
    ///
    /// # Errors
    /// Where a statement fails for another reason, or the conflict does not end.
    pub async fn write<T, F>(&self, work: F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync + 'static,
    {
        in_own_task(self.writers.clone(), Purpose::Write, Arc::new(work)).await
    }
}

/// Turns a panic into an error, for loops that a panic must not end. It says no more than that
/// something broke: the panic itself is in the log.
///
/// # Errors
/// The error of the work, or one that says that it has panicked.
pub async fn unbroken<T>(work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(DbErr::Custom("it broke".to_owned())))
}

async fn in_own_task<T: Send + 'static>(
    pool: Pool,
    purpose: Purpose,
    work: Work<T>,
) -> Result<T, DbErr> {
    let task = tokio::spawn(async move {
        let (mut attempt, begun) = (1, Instant::now());
        loop {
            // On the heap: a task is copied several times before it runs, with all that it may hold.
            let outcome = Box::pin(run(&pool, purpose, &work)).await;
            if let Err(error) = &outcome {
                pool.forget_stale(error);
            }
            match outcome {
                Err(error)
                    if is_conflict(&error)
                        && attempt < ATTEMPTS
                        && begun.elapsed() < pool.limits().lock =>
                {
                    let spread = Duration::from_millis(rand::random_range(0..=10));
                    tokio::time::sleep(spread * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    });
    task.await.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

async fn run<T>(pool: &Pool, purpose: Purpose, work: &Work<T>) -> Result<T, DbErr> {
    let transaction = pool.begin(purpose).await?;
    match work(&transaction).await {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a failed rollback closes the connection.
            transaction.roll_back().await.ok();
            Err(error)
        }
    }
}

//! Finds out by writing whether the ledger can be written to.
//!
//! A database that is full, can only be read, or has gone silent still answers reads. So a trial
//! goes the way of every other write: it sends a batch without rows, writes a row of its own, and
//! removes it. Every trial has another row, so that no process waits for a row that the trial of
//! another process has locked. The pulse watches the batches of the ledger, too: a batch that takes
//! longer than [`PATIENCE`] holds up its accounts, and a refused one counts as trouble for
//! [`REFUSED`]. (On a full disk of PostgreSQL the small write may still fit into its page.)

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    clock::Clock,
    database::{Database, code},
    ledger::{self, Cause, Ledger},
    marks,
    readiness::{Readiness, Trouble},
};

/// How long a write may take, and how old a batch may become.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a refused batch counts. It doesn't count until the database takes another one: without
/// requests there is none.
const REFUSED: Duration = Duration::from_secs(5);
/// How long a write that succeeded proves that another would.
const PROVEN: Duration = Duration::from_secs(2);
/// How often this process tries without being asked.
const BEAT: Duration = Duration::from_secs(5);
/// How the names of the written marks begin.
const MARK: &str = "pulse";
/// The sentence about a lock.
const LOCKED: &str = "The ledger waits for a lock that somebody else holds.";

/// Finds out whether the ledger can be written to. Clones share the result.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    clock: Clock,
    ledger: Ledger,
    readiness: Readiness,
    last: Mutex<Last>,
}

/// The latest write.
#[derive(Debug, Default)]
struct Last {
    /// When its result was known, and the sentence if it failed.
    found: Option<(Instant, Option<&'static str>)>,
    /// The write, if it has not ended yet. It is never cut off: that would harm its connection.
    running: Option<JoinHandle<Result<(), DbErr>>>,
}

impl Pulse {
    /// Makes a pulse that reports its results to `readiness`.
    #[must_use]
    pub fn new(database: Database, clock: Clock, ledger: Ledger, readiness: Readiness) -> Self {
        Self(Arc::new(Inner { database, clock, ledger, readiness, last: Mutex::default() }))
    }

    /// Tries to write, and reports or clears [`Trouble::Writing`]. Callers at the same time share
    /// one attempt.
    pub async fn check(&self) {
        let asked_at = Instant::now();
        let mut last = self.0.last.lock().await;
        let problem = match last.found {
            Some((at, problem)) if at >= asked_at => problem,
            Some((at, None)) if at.elapsed() < PROVEN => None,
            _ => self.write(&mut last).await,
        };
        match self.trouble_of_batches().or(problem) {
            Some(sentence) => self.0.readiness.report(Trouble::Writing, sentence),
            None => self.0.readiness.clear(Trouble::Writing),
        }
    }

    fn trouble_of_batches(&self) -> Option<&'static str> {
        let ledger = &self.0.ledger;
        if ledger.age_of_batch().is_some_and(|age| age > PATIENCE) {
            return Some("The ledger waits for the database to take a batch.");
        }
        let (_, cause) = ledger.refused().filter(|(since, _)| *since < REFUSED)?;
        Some(match cause {
            Cause::Locked => LOCKED,
            Cause::Away => "The database has refused what the ledger wrote.",
        })
    }

    async fn write(&self, last: &mut Last) -> Option<&'static str> {
        let mut writing = last.running.take().unwrap_or_else(|| {
            let (database, now) = (self.0.database.clone(), self.0.clock.now());
            tokio::spawn(async move { try_to_write(&database, now).await })
        });
        let written = timeout(PATIENCE, &mut writing).await;
        let written =
            written.map(|done| done.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string()))));
        let problem = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                if !self.0.readiness.has(Trouble::Writing) {
                    tracing::error!(%error, "a mark could not be written");
                }
                Some(sentence(&error))
            }
            Err(_) => {
                last.running = Some(writing);
                Some("The database has not taken a write for 2 seconds.")
            }
        };
        last.found = Some((Instant::now(), problem));
        problem
    }

    /// Checks every few seconds, so that there is an alert even if nobody asks for readiness.
    pub fn watch(self, shutdown: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut beats = interval(BEAT);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = beats.tick() => self.check().await,
                }
            }
        })
    }
}

/// Writes as a batch does, and leaves nothing behind.
async fn try_to_write(database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
    let name = format!("{MARK}-{}", Uuid::new_v4().simple());
    let written = database.write(move |transaction| {
        let name = name.clone();
        Box::pin(async move {
            ledger::try_to_write(transaction).await?;
            marks::write(transaction, &name, "", now).await?;
            marks::remove(transaction, &name).await
        })
    });
    written.await
}

/// Returns a sentence for the operator that says why nothing can be written. Only the log has the
/// database's error: everybody may read the readiness.
pub(super) fn sentence(error: &DbErr) -> &'static str {
    match code(error).as_deref() {
        Some("25006" | "8" | "264" | "520" | "776" | "1032" | "1288" | "1544") => {
            "The database can only be read."
        }
        Some("53100" | "13") => "The disk of the database is full.",
        Some("42501") => "The database does not let this user write.",
        Some("55P03" | "5" | "261" | "517") => LOCKED,
        _ => "The database does not take writes.",
    }
}

//! Remembers outside the database what was acknowledged, and reports what the database loses.
//!
//! # Shape
//! A [`Writer`](super::writer::Writer) hands over each batch before it answers
//! ([`Acknowledged::remember`]): one lock and one push. A separate thread turns the batches into
//! [`line`]s, appends them to the [`files`] and adds them to the [`memory`]. (A task with a timer
//! would wake the threads that answer requests.) At the start, every minute and at the end,
//! [`compare`] looks the lines of the memory up in the database, over another connection.
//!
//! # What must hold
//! - Nothing here fails or delays a command.
//! - An entry is committed before its line is made. So a line without an entry is always a loss,
//!   but an entry without a line is not.
//! - A kill loses the lines of about the last [`GATHER`]: the files are written that often. A power
//!   cut loses those of about the last second: the files are synced every [`SYNC`].

mod compare;
mod files;
mod keeping;
mod line;
mod memory;
mod report;

use std::{
    collections::BTreeSet,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval_at, timeout},
};

pub use compare::Forgotten;
pub use files::Place;
pub use line::Line;
pub use report::{FilesCompared, FilesError};

use super::{
    Ledger, Outcome, ReadError,
    queue::{Answer, Request},
};
use crate::server::{database::Database, readiness::Readiness};
use keeping::{Keeper, Keeping};

/// How long batches are gathered before they are written to the file.
const GATHER: Duration = Duration::from_millis(10);
/// How often the file is synced.
const SYNC: Duration = Duration::from_secs(1);
/// How often what was acknowledged is compared with the database.
pub const COMPARE_EVERY: Duration = Duration::from_secs(60);
/// How long the last comparison may take, together with one that is under way. The next start
/// compares the files in any case.
const COMPARE_AT_END: Duration = Duration::from_secs(2);
/// The most commands that wait to be written to the file.
const WAITING: usize = 100_000;

/// What a process has acknowledged. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Empty until [`Ledger::keep_acknowledged`].
    keeper: OnceLock<Keeper>,
    waiting: Mutex<Waiting>,
    /// Wakes the thread when something waits, or the ledger is closed.
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<Batch>,
    commands: usize,
    /// Commands for which there was no room.
    dropped: u64,
    /// True if a comparison has written lines that are not synced yet.
    is_unsynced: bool,
}

/// The entries of a batch: the place of each request with its outcome.
#[derive(Debug)]
struct Batch {
    requests: Arc<[Request]>,
    told: Vec<(usize, Outcome)>,
}

impl Batch {
    fn lines(&self) -> impl Iterator<Item = Line> {
        let line = |(index, outcome): &(usize, Outcome)| {
            self.requests.get(*index).and_then(|request| Line::new(request, outcome))
        };
        self.told.iter().filter_map(line)
    }
}

impl Acknowledged {
    /// Remembers the entries of a committed batch, also those that its keys had led to before: the
    /// answer to their commit may have been lost before they were remembered.
    pub fn remember(&self, requests: &Arc<[Request]>, answers: &[Answer]) {
        if self.0.keeper.get().is_none() {
            return;
        }
        let new = |(index, answer): (usize, &Answer)| match answer {
            Ok(Some(outcome)) if outcome.is_own => Some((index, outcome.clone())),
            _ => None,
        };
        let told: Vec<_> = answers.iter().enumerate().filter_map(new).collect();
        if told.is_empty() {
            return;
        }
        let mut waiting = lock(&self.0.waiting);
        if waiting.commands + told.len() > WAITING {
            waiting.dropped += u64::try_from(told.len()).unwrap_or(u64::MAX);
            return;
        }
        let is_first = waiting.batches.is_empty();
        waiting.commands += told.len();
        waiting.batches.push(Batch { requests: Arc::clone(requests), told });
        drop(waiting);
        if is_first {
            self.0.arrived.notify_one();
        }
    }

    /// Writes what waits to the file, and compares once more when all is on disk.
    pub async fn close(&self, database: &Database) {
        let Some((writing, comparing)) = self.0.keeper.get().and_then(Keeper::close) else {
            return;
        };
        drop(lock(&self.0.waiting));
        self.0.arrived.notify_all();
        spawn_blocking(move || writing.join()).await.ok();
        self.compare_at_end(database, comparing).await;
        self.in_keeping(|_, keeping| keeping.end()).await;
    }

    async fn compare_at_end(&self, database: &Database, comparing: JoinHandle<()>) {
        let under_way = comparing.abort_handle();
        let last = async {
            comparing.await.ok();
            self.compare_or_warn(database).await;
        };
        if timeout(COMPARE_AT_END, last).await.is_err() {
            under_way.abort();
            tracing::warn!("what was acknowledged could not be compared in time");
        }
    }

    /// Works on the files and the memory in a thread that may wait for the disk.
    async fn in_keeping<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &mut Keeping) -> T + Send + 'static,
    ) -> Option<T> {
        let shared = Arc::clone(&self.0);
        let task = spawn_blocking(move || {
            let keeper = shared.keeper.get()?;
            Some(work(&shared, &mut lock(&keeper.keeping)))
        });
        task.await.ok().flatten()
    }

    /// Compares the memory with the database.
    async fn compare(&self, database: &Database) -> Result<Vec<Forgotten>, DbErr> {
        let remembered = self.in_keeping(Shared::collect);
        let lines = remembered.await.unwrap_or_default();
        let compared = compare::forgotten(database, lines.iter().cloned()).await;
        let suspects = match &compared {
            Ok(forgotten) => forgotten.iter().map(|it| it.line.clone()).collect(),
            // The next comparison looks these lines up again.
            Err(_) => lines,
        };
        self.in_keeping(|_, keeping| keeping.memory.suspect(suspects)).await;
        if let (Some(keeper), Ok(forgotten)) = (self.0.keeper.get(), &compared) {
            keeper.report(forgotten);
        }
        compared
    }

    async fn compare_or_warn(&self, database: &Database) {
        if let Err(error) = self.compare(database).await {
            tracing::warn!(%error, "what was acknowledged could not be compared");
        }
    }

    /// Compares again and again, until the ledger is closed.
    async fn keep_comparing(self, database: Database, every: Duration) {
        let Some(keeper) = self.0.keeper.get() else { return };
        let mut minute = interval_at(tokio::time::Instant::now() + every, every);
        minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = keeper.closing.cancelled() => return,
                _ = minute.tick() => {}
            }
            self.compare_or_warn(&database).await;
        }
    }
}

impl Shared {
    /// Writes what arrives to the file, until the ledger is closed.
    fn keep_writing(&self) {
        let Some(keeper) = self.keeper.get() else { return };
        let mut sync_at = None;
        loop {
            self.wait(keeper, sync_at);
            let is_closing = keeper.closing.is_cancelled();
            if !is_closing {
                thread::sleep(GATHER);
            }
            let mut keeping = lock(&keeper.keeping);
            self.write(&mut keeping);
            let due = *sync_at.get_or_insert_with(|| Instant::now() + SYNC);
            if is_closing || due <= Instant::now() {
                // A failed sync is tried again, even if nothing else arrives.
                sync_at = (!keeping.sync()).then(|| Instant::now() + SYNC);
            }
            if is_closing {
                return;
            }
        }
    }

    /// Waits until something is to be written or synced, or the ledger is closed.
    fn wait(&self, keeper: &Keeper, sync_at: Option<Instant>) {
        let (waiting, arrived) = (lock(&self.waiting), &self.arrived);
        let is_idle = |waiting: &mut Waiting| {
            waiting.batches.is_empty() && !waiting.is_unsynced && !keeper.closing.is_cancelled()
        };
        match sync_at.map(|at| at.saturating_duration_since(Instant::now())) {
            Some(rest) => drop(arrived.wait_timeout_while(waiting, rest, is_idle)),
            None => drop(arrived.wait_while(waiting, is_idle)),
        }
    }

    /// Writes what waits to the file, and returns the lines to compare. The thread syncs the file,
    /// so that a comparison doesn't wait for the disk.
    fn collect(&self, keeping: &mut Keeping) -> BTreeSet<Line> {
        self.write(keeping);
        lock(&self.waiting).is_unsynced = true;
        self.arrived.notify_one();
        keeping.memory.take()
    }

    /// Writes what waits to the file.
    fn write(&self, keeping: &mut Keeping) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        keeping.take(&waiting.batches, waiting.dropped);
    }
}

impl Ledger {
    /// Remembers from now on what is acknowledged, also in files at this place. Compares the lines
    /// of existing files with the database at once, and the memory after each `every`. Reports what
    /// the database has forgotten.
    pub async fn keep_acknowledged(&self, place: Place, readiness: Readiness, every: Duration) {
        let (acknowledged, database) = (&self.acknowledged, &self.database);
        if acknowledged.0.keeper.set(Keeper::new(place, readiness)).is_err() {
            return;
        }
        acknowledged.in_keeping(|_, keeping| keeping.start()).await;
        acknowledged.compare_or_warn(database).await;
        let shared = Arc::clone(&acknowledged.0);
        let writing = thread::spawn(move || shared.keep_writing());
        let comparing = tokio::spawn(acknowledged.clone().keep_comparing(database.clone(), every));
        if let Some(keeper) = acknowledged.0.keeper.get() {
            *lock(&keeper.tasks) = Some((writing, comparing));
        }
    }

    /// Compares the memory with the database now, and returns what the database has forgotten.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn compare_acknowledged(&self) -> Result<Vec<Forgotten>, ReadError> {
        Ok(self.acknowledged.compare(&self.database).await?)
    }

    /// Returns the number of acknowledged commands that are in no file because it can't be written.
    #[must_use]
    pub fn unwritten_acknowledgements(&self) -> u64 {
        self.acknowledged.0.keeper.get().map_or(0, Keeper::unwritten)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

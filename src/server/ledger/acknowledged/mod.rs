//! Remembers outside the database what was acknowledged, and says where the database forgets.
//!
//! # Shape
//! A [`Writer`](super::writer::Writer) hands over each batch before it answers
//! ([`Acknowledged::remember`]): one lock and one push. A thread of its own makes [`line`]s of the
//! batches, appends them to the [`files`] and adds them to the [`memory`]. (A task with a timer
//! would wake the threads that answer requests.) At the start, every minute and at the end the
//! memory is held against the database over another connection ([`compare`]).
//!
//! # What must hold
//! - Nothing here fails or delays a command.
//! - Each line is of an entry that was committed before the line was made. So a line without its
//!   entry is always a loss, and a line that is missing is none.
//! - The files live through a kill of the process: they are written within [`GATHER`]. They live
//!   through a power cut but for the last second: they are synced every [`SYNC`].

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
/// How long the last comparison may take, and the one that is under way then. The next start
/// compares what the files say in any case.
const COMPARE_AT_END: Duration = Duration::from_secs(2);
/// Commands that may wait to be written down.
const WAITING: usize = 100_000;

/// What a process has acknowledged. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Empty until somebody wants it kept.
    keeper: OnceLock<Keeper>,
    waiting: Mutex<Waiting>,
    /// Something waits, or the ledger is closed.
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<Batch>,
    commands: usize,
    /// Commands for which there was no room.
    dropped: u64,
    /// Whether a comparison has written lines, which are still to be synced.
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
    /// Remembers the entries of a batch that is committed. Those that its keys had led to before are
    /// among them: perhaps nobody was told, because the answer to their commit was lost.
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

    /// Writes down what waits, and compares once more when all is on disk.
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

    /// Works on the files and the memory where waiting for the disk holds up nobody.
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

    /// Holds what is remembered against the database.
    async fn compare(&self, database: &Database) -> Result<Vec<Forgotten>, DbErr> {
        let remembered = self.in_keeping(Shared::collect);
        let lines = remembered.await.unwrap_or_default();
        let compared = compare::forgotten(database, lines.iter().cloned()).await;
        let suspects = match &compared {
            Ok(forgotten) => forgotten.iter().map(|it| it.line.clone()).collect(),
            // What could not be looked up is looked up next time.
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
    /// Writes down what arrives, until the ledger is closed.
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
                // What isn't on disk is tried again, also if nothing else arrives.
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

    /// Writes down what waits, and returns what is to be compared. The thread syncs the file: a
    /// comparison doesn't wait for the disk.
    fn collect(&self, keeping: &mut Keeping) -> BTreeSet<Line> {
        self.write(keeping);
        lock(&self.waiting).is_unsynced = true;
        self.arrived.notify_one();
        keeping.memory.take()
    }

    /// Writes down what waits.
    fn write(&self, keeping: &mut Keeping) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        keeping.take(&waiting.batches, waiting.dropped);
    }
}

impl Ledger {
    /// Remembers from now on what is acknowledged, also in files at this place. First holds
    /// against the database what the files say already, and then `every` so often what is
    /// remembered; what it has forgotten is reported.
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

    /// Compares now what was acknowledged with what the database has, and returns what it has
    /// forgotten.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn compare_acknowledged(&self) -> Result<Vec<Forgotten>, ReadError> {
        Ok(self.acknowledged.compare(&self.database).await?)
    }

    /// Returns how many acknowledged commands stand in no file, because it can't be written.
    #[must_use]
    pub fn unwritten_acknowledgements(&self) -> u64 {
        self.acknowledged.0.keeper.get().map_or(0, Keeper::unwritten)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

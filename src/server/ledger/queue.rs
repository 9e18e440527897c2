//! Group commit: one writer takes all that waits and commits it together.
//!
//! An idle ledger writes at once; under load a batch is what arrived during the last commit, so
//! the load itself makes batches and nothing is delayed to fill one. SQLite has exactly one
//! writer, PostgreSQL a few; an account always meets the same one, in the order of arrival.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{broadcast, mpsc, mpsc::error::TrySendError, oneshot},
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{LedgerError, Outcome, RequestKey, acknowledged::Acknowledged, writer::Writer};
use crate::{
    credits::{AccountId, Command, Refusal},
    server::{clock::Clock, database::Database},
};

/// Commands that are committed together at most.
pub(super) const LARGEST_BATCH: usize = 128;
/// Commands that may wait for a writer; one more gets [`LedgerError::Busy`].
const WAITING: usize = 4_096;
/// Writers on PostgreSQL.
const WRITERS: usize = 2;
/// How long a caller waits for its answer, whatever its writer waits for. Doors give up earlier.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of one account.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub account: AccountId,
    /// None: only write down what time has done.
    pub keyed: Option<Keyed>,
    /// The instant of the command; none means when it is carried out.
    pub at: Option<DateTime<Utc>>,
}

impl Request {
    /// Its key, with its account.
    pub fn key(&self) -> Option<(&AccountId, &RequestKey)> {
        Some((&self.account, &self.keyed.as_ref()?.key))
    }

    /// The hold that it names, with its account.
    pub fn named_hold(&self) -> Option<(&AccountId, i64)> {
        Some((&self.account, self.keyed.as_ref()?.command.hold()?))
    }
}

/// A command with the key that makes it happen once.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    pub key: RequestKey,
    pub command: Command,
}

/// The answer to a request: none where only time was written down.
pub(super) type Answer = Result<Option<Outcome>, Refusal>;

pub(super) type Waiting = (Request, oneshot::Sender<Result<Option<Outcome>, LedgerError>>);

/// The batch that a writer works on, and the last one that the database refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch(Arc<Mutex<Hand>>);

#[derive(Debug, Default)]
struct Hand {
    /// When the writer took the batch that it works on; `None` while it waits for one.
    since: Option<Instant>,
    /// When and why the database last refused a batch; `None` if it has taken one since.
    refused: Option<(Instant, Cause)>,
}

/// Why the database has refused a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody else holds a lock that every batch waits for.
    Locked,
    /// The database is full, read-only, silent or away.
    Away,
}

impl Batch {
    pub fn begins(&self) {
        self.hand().since = Some(Instant::now());
    }

    pub fn ends(&self) {
        self.hand().since = None;
    }

    pub fn is_taken(&self) {
        self.hand().refused = None;
    }

    pub fn is_refused(&self, cause: Cause) {
        self.hand().refused = Some((Instant::now(), cause));
    }

    fn age(&self) -> Option<Duration> {
        self.hand().since.map(|since| since.elapsed())
    }

    fn refused(&self) -> Option<(Duration, Cause)> {
        self.hand().refused.map(|(at, cause)| (at.elapsed(), cause))
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Queue {
    clock: Clock,
    writers: Arc<[mpsc::Sender<Waiting>]>,
    batches: Arc<[Batch]>,
    patience: Duration,
    closing: broadcast::Sender<()>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Queue {
    pub fn start(database: &Database, clock: &Clock, acknowledged: &Acknowledged) -> Self {
        let (closing, _) = broadcast::channel(1);
        let count = if database.is_sqlite() { 1 } else { WRITERS };
        let (mut writers, mut tasks) = (Vec::new(), Vec::new());
        let batches: Arc<[Batch]> = (0..count).map(|_| Batch::default()).collect();
        for batch in &*batches {
            let (sender, receiver) = mpsc::channel(WAITING);
            let writer = Writer::new(
                database.clone(),
                clock.clone(),
                acknowledged.clone(),
                receiver,
                batch.clone(),
            );
            writers.push(sender);
            tasks.push(tokio::spawn(writer.run(closing.subscribe())));
        }
        Self {
            clock: clock.clone(),
            writers: writers.into(),
            batches,
            patience: PATIENCE,
            closing,
            tasks: Arc::new(Mutex::new(tasks)),
        }
    }

    pub async fn execute(
        &self,
        account: &AccountId,
        key: RequestKey,
        command: Command,
        at: Option<DateTime<Utc>>,
    ) -> Result<Outcome, LedgerError> {
        let keyed = Some(Keyed { key, command });
        let outcome = self.ask(Request { account: account.clone(), keyed, at }).await?;
        outcome.ok_or(LedgerError::Unavailable)
    }

    pub async fn advance(&self, account: &AccountId) -> Result<(), LedgerError> {
        let request = Request { account: account.clone(), keyed: None, at: None };
        self.ask(request).await.map(|_| ())
    }

    /// Waits for the answer to a request. Refuses every request while the clock is not trusted:
    /// each command also writes what time has done, and forfeited credits don't come back.
    async fn ask(&self, request: Request) -> Result<Option<Outcome>, LedgerError> {
        if !self.clock.is_trusted() {
            return Err(LedgerError::Unavailable);
        }
        let (sender, receiver) = oneshot::channel();
        let writer = &self.writers[self.shard(&request.account)];
        writer.try_send((request, sender)).map_err(|error| match error {
            TrySendError::Full(_) => LedgerError::Busy,
            TrySendError::Closed(_) => LedgerError::Unavailable,
        })?;
        let answer =
            timeout(self.patience, receiver).await.map_err(|_| LedgerError::Unavailable)?;
        answer.map_err(|_| LedgerError::Unavailable)?
    }

    /// Returns the age of the oldest batch that is not committed yet. Returns `None` if no writer
    /// has one.
    pub fn age_of_batch(&self) -> Option<Duration> {
        self.batches.iter().filter_map(Batch::age).max()
    }

    /// Returns how long ago the database last refused a batch, and why. Returns `None` if it has
    /// taken a later batch of the same writer.
    pub fn refused(&self) -> Option<(Duration, Cause)> {
        self.batches.iter().filter_map(Batch::refused).min_by_key(|(since, _)| *since)
    }

    fn shard(&self, account: &AccountId) -> usize {
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        let writers = u64::try_from(self.writers.len()).unwrap_or(1);
        usize::try_from(hasher.finish() % writers).unwrap_or(0)
    }

    pub async fn close(&self) {
        self.closing.send(()).ok();
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks));
        for task in tasks.unwrap_or_default() {
            task.await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_writer_that_never_answers() {
        let (sender, receiver) = mpsc::channel(1);
        let (writers, batches) = ([sender].into(), [Batch::default()].into());
        let patience = Duration::from_millis(10);
        let (closing, _) = broadcast::channel(1);
        let (clock, tasks) = (Clock::default(), Arc::default());
        let queue = Queue { clock, writers, batches, patience, closing, tasks };
        let account = AccountId("acc_a".to_owned());
        let answer = timeout(Duration::from_secs(20), queue.advance(&account)).await;
        assert_eq!(answer, Ok(Err(LedgerError::Unavailable)));
        // The command still waits for its writer: it may be carried out later.
        assert_eq!(receiver.len(), 1);
    }
}

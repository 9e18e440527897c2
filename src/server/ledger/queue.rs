//! Group commit: one writer takes all that waits and commits it together.
//!
//! An idle ledger writes at once; under load a batch is what arrived during the last commit, so
//! the load itself makes batches and nothing is delayed to fill one. SQLite has exactly one
//! writer, PostgreSQL a few; an account always meets the same one, in the order of arrival.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::{
    sync::{broadcast, mpsc, mpsc::error::TrySendError, oneshot},
    task::JoinHandle,
};

use super::{LedgerError, Outcome, RequestKey, known, post};
use crate::{
    credits::{AccountId, Command, Refusal},
    server::{
        clock::Clock,
        database::{Database, is_outage, is_taken},
    },
};

/// Commands that are committed together at most.
const LARGEST_BATCH: usize = 128;
/// Commands that may wait for a writer; one more is told to come back.
const WAITING: usize = 4_096;
/// How often another process may be quicker with the keys of a batch.
const RACES: u32 = 3;
/// Writers on PostgreSQL.
const WRITERS: usize = 2;

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

#[derive(Clone, Debug)]
pub(super) struct Queue {
    writers: Arc<[mpsc::Sender<Waiting>]>,
    closing: broadcast::Sender<()>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Queue {
    pub fn start(database: &Database, clock: &Clock) -> Self {
        let (closing, _) = broadcast::channel(1);
        let count = if database.is_sqlite() { 1 } else { WRITERS };
        let (mut writers, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, receiver) = mpsc::channel(WAITING);
            let writer = Writer { database: database.clone(), clock: clock.clone(), receiver };
            writers.push(sender);
            tasks.push(tokio::spawn(writer.run(closing.subscribe())));
        }
        Self { writers: writers.into(), closing, tasks: Arc::new(Mutex::new(tasks)) }
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

    async fn ask(&self, request: Request) -> Result<Option<Outcome>, LedgerError> {
        let (sender, receiver) = oneshot::channel();
        let writer = &self.writers[self.shard(&request.account)];
        writer.try_send((request, sender)).map_err(|error| match error {
            TrySendError::Full(_) => LedgerError::Busy,
            TrySendError::Closed(_) => LedgerError::Unavailable,
        })?;
        receiver.await.map_err(|_| LedgerError::Unavailable)?
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

struct Writer {
    database: Database,
    clock: Clock,
    receiver: mpsc::Receiver<Waiting>,
}

impl Writer {
    async fn run(mut self, mut closing: broadcast::Receiver<()>) {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        loop {
            tokio::select! {
                biased;
                count = self.receiver.recv_many(&mut batch, LARGEST_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.commit(std::mem::take(&mut batch)).await;
                }
                // Nothing new is taken from here on; what waits is still written.
                _ = closing.recv() => self.receiver.close(),
            }
        }
    }

    /// Commits a batch. Where a row of it can't be written, each command stands for itself: one
    /// that can't be carried out must not fail its neighbours. Where the database is away, the
    /// rest isn't tried: its callers are told at once.
    async fn commit(&self, batch: Vec<Waiting>) {
        let Err((batch, error)) = self.try_commit(batch).await else { return };
        if is_outage(&error) || batch.len() == 1 {
            return fail(batch, &error);
        }
        let mut rest = batch.into_iter();
        while let Some(waiting) = rest.next() {
            if let Err((mut failed, error)) = self.try_commit(vec![waiting]).await {
                if is_outage(&error) {
                    failed.extend(rest.by_ref());
                }
                fail(failed, &error);
            }
        }
    }

    /// What is known is answered from what stands in the database, without a transaction; the
    /// rest is posted. Where another process was quicker with one of the keys, its row stops the
    /// batch, and what is known is read again.
    async fn try_commit(&self, batch: Vec<Waiting>) -> Result<(), (Vec<Waiting>, DbErr)> {
        let (mut batch, mut races) = (batch, 0);
        loop {
            let known = match known::load(self.database.finder(), &batch).await {
                Ok(known) => known,
                Err(error) => return Err((batch, error)),
            };
            batch = known.answer(batch);
            if batch.is_empty() {
                return Ok(());
            }
            match self.try_post(batch).await {
                Err((rest, error)) if races < RACES && is_taken(&error) => batch = rest,
                outcome => return outcome,
            }
            races += 1;
        }
    }

    async fn try_post(&self, batch: Vec<Waiting>) -> Result<(), (Vec<Waiting>, DbErr)> {
        let (requests, senders): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let requests: Arc<[Request]> = requests.into();
        let (work, clock) = (Arc::clone(&requests), self.clock.clone());
        let posted = self.database.write(move |transaction| {
            let (requests, now) = (Arc::clone(&work), clock.now());
            Box::pin(async move { post::post(transaction, &requests, now).await })
        });
        match posted.await {
            Ok(answers) => {
                for (answer, sender) in answers.into_iter().zip(senders) {
                    // A caller that went away has changed nothing.
                    sender.send(answer.map_err(LedgerError::from)).ok();
                }
                Ok(())
            }
            Err(error) => Err((requests.iter().cloned().zip(senders).collect(), error)),
        }
    }
}

fn fail(batch: Vec<Waiting>, error: &DbErr) {
    tracing::error!(%error, commands = batch.len(), "writing the ledger failed");
    for (_, sender) in batch {
        sender.send(Err(LedgerError::Unavailable)).ok();
    }
}

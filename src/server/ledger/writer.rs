//! Commits batches, one after another.
//!
//! On PostgreSQL a writer keeps a connection and the accounts that it wrote last, and a batch of
//! these is one statement: it writes and commits, unless somebody else has changed one of the
//! accounts or a key is known. Then nothing is written, and the batch is two statements, of which
//! the first reads. Where another process is quicker in between, the batch is carried out again
//! with its accounts locked. On SQLite a batch is a transaction of the one connection that writes.

use std::{sync::Arc, time::Duration};

use sea_orm::DbErr;
use tokio::sync::{broadcast, mpsc};

use super::{
    LedgerError,
    acknowledged::Acknowledged,
    blocked::{self, Blocked, Locked},
    kept::Kept,
    post::{self, Posted},
    queue::{Answer, Batch, Cause, LARGEST_BATCH, Request, Waiting},
};
use crate::server::{
    clock::Clock,
    database::{
        Database, Line, is_broken, is_conflict, is_locked, is_outage, is_overtaken, is_silent,
        unbroken,
    },
};

/// How often another process may be quicker with the keys or accounts of a batch.
const RACES: u32 = 3;
/// How often a batch that lost against others is carried out again.
const ATTEMPTS: u32 = 10;
/// Batches that lock their accounts first, after another process was quicker.
const LOCKED: u32 = 64;

/// Takes what waits and commits it.
pub(super) struct Writer {
    database: Database,
    clock: Clock,
    acknowledged: Acknowledged,
    receiver: mpsc::Receiver<Waiting>,
    batch: Batch,
    /// On PostgreSQL.
    line: Option<Line>,
    kept: Kept,
    /// Batches that are still to lock their accounts first.
    locked: u32,
    blocked: Blocked,
}

impl Writer {
    pub fn new(
        database: Database,
        clock: Clock,
        acknowledged: Acknowledged,
        receiver: mpsc::Receiver<Waiting>,
        batch: Batch,
    ) -> Self {
        let (line, kept, locked, blocked) = (None, Kept::new(), 0, Blocked::default());
        Self { database, clock, acknowledged, receiver, batch, line, kept, locked, blocked }
    }

    pub async fn run(mut self, mut closing: broadcast::Receiver<()>) {
        let mut batch = Vec::with_capacity(LARGEST_BATCH);
        loop {
            tokio::select! {
                biased;
                count = self.receiver.recv_many(&mut batch, LARGEST_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.batch.begins();
                    self.commit(std::mem::take(&mut batch)).await;
                    self.batch.ends();
                    // A caller with its answer may send more at once: the next batch takes it.
                    tokio::task::yield_now().await;
                }
                // Nothing new is taken from here on; what waits is still written.
                _ = closing.recv() => self.receiver.close(),
            }
        }
    }

    /// Commits a batch. If a row of it can't be written, commits each command by itself: a command
    /// that fails must not fail its neighbours. If nothing can be written now, fails the rest at
    /// once without trying it.
    async fn commit(&mut self, batch: Vec<Waiting>) {
        let batch = self.blocked.refuse(batch);
        if batch.is_empty() {
            return;
        }
        let Err((batch, error)) = self.try_commit(batch).await else { return };
        if let Some(cause) = self.stops_all(&batch, &error).await {
            self.batch.is_refused(cause);
            return fail(batch, &error);
        }
        if batch.len() == 1 && !is_locked(&error) {
            return fail(batch, &error);
        }
        let mut rest = self.blocked.refuse(batch).into_iter();
        while let Some(waiting) = rest.next() {
            let Err((mut failed, error)) = self.try_commit(vec![waiting]).await else { continue };
            if let Some(cause) = self.stops_all(&failed, &error).await {
                self.batch.is_refused(cause);
                failed.extend(rest.by_ref());
            } else if is_locked(&error) {
                // Many rows may be locked, and each command would wait for its own.
                self.blocked.add_all();
                failed.extend(rest.by_ref());
            }
            fail(failed, &error);
        }
    }

    /// Returns why no command can be written after this error of a batch, or `None` if another
    /// command may succeed. Also blocks what somebody else has locked.
    async fn stops_all(&mut self, batch: &[Waiting], error: &DbErr) -> Option<Cause> {
        if is_outage(error) {
            return Some(Cause::Away);
        }
        if self.database.is_sqlite() && is_conflict(error) {
            // SQLite has one lock, that of the file.
            self.blocked.add_all();
            return Some(Cause::Locked);
        }
        if !is_locked(error) {
            return None;
        }
        let requests: Vec<_> = batch.iter().map(|(request, _)| request.clone()).collect();
        // All connections of the pool may be waiting for the same lock.
        let found = match &self.line {
            Some(line) => blocked::find_locked(line, &requests).await,
            None => blocked::find_locked(self.database.writer(), &requests).await,
        };
        match found {
            Ok(Locked::Accounts(accounts)) => {
                // Whichever row is locked: a command that was alone needs it.
                let alone = (batch.len() == 1).then(|| batch[0].0.account.clone());
                self.blocked.add(alone.map_or(accounts, |account| vec![account]));
                return None;
            }
            Ok(Locked::Table(table)) => tracing::warn!(table, "somebody else has locked a table"),
            Err(error) => tracing::warn!(%error, "the lock could not be identified"),
        }
        self.blocked.add_all();
        Some(Cause::Locked)
    }

    /// Commits a batch. If another process was faster with one of its keys or accounts, its row
    /// stops the batch, and the batch reads everything again.
    async fn try_commit(&mut self, batch: Vec<Waiting>) -> Result<(), (Vec<Waiting>, DbErr)> {
        let (requests, senders): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let requests: Arc<[Request]> = requests.into();
        let mut races = 0;
        loop {
            // A panic fails the batch, but must not end its writer. The accounts of the batch are
            // no longer kept: the batch has taken them out.
            match unbroken(self.post(&requests)).await {
                Ok(answers) => {
                    self.batch.is_taken();
                    self.acknowledged.remember(&requests, &answers);
                    for (answer, sender) in answers.into_iter().zip(senders) {
                        // A caller that went away has changed nothing.
                        sender.send(answer.map_err(LedgerError::from)).ok();
                    }
                    return Ok(());
                }
                Err(error) if races < RACES && is_overtaken(&error) => {
                    (races, self.locked) = (races + 1, LOCKED);
                }
                Err(error) => {
                    return Err((requests.iter().cloned().zip(senders).collect(), error));
                }
            }
        }
    }

    async fn post(&mut self, requests: &Arc<[Request]>) -> Result<Vec<Answer>, DbErr> {
        if self.database.is_sqlite() {
            let (requests, clock) = (Arc::clone(requests), self.clock.clone());
            let posted = self.database.write(move |transaction| {
                let (requests, now) = (Arc::clone(&requests), clock.now());
                Box::pin(async move { post::post(transaction, &requests, now).await })
            });
            return posted.await.map(|posted| posted.answers);
        }
        let mut attempt = 1;
        loop {
            // A kept connection may have ended with a restart of the database. The batch is tried
            // once more, on a new one; its keys say whether the database has carried it out before.
            let was_kept = self.line.is_some();
            match self.post_on_line(requests).await {
                Err(error)
                    if is_broken(&error)
                        && !is_silent(&error)
                        && was_kept
                        && self.line.is_none() => {}
                Err(error) if is_conflict(&error) && attempt < ATTEMPTS => {
                    let spread = Duration::from_millis(rand::random_range(0..=10));
                    tokio::time::sleep(spread * attempt).await;
                    attempt += 1;
                }
                posted => return posted,
            }
        }
    }

    async fn post_on_line(&mut self, requests: &[Request]) -> Result<Vec<Answer>, DbErr> {
        let line = match self.line.take() {
            Some(line) => line,
            None => self.database.line().await?,
        };
        let posted = if self.locked > 0 {
            self.locked -= 1;
            self.post_locked(&line, requests).await
        } else {
            self.post_unlocked(&line, requests).await
        };
        let posted = match posted {
            // The entries that it read may not be on a standby yet. A batch that writes has waited.
            Ok(posted) if posted.tells_what_it_read => line.await_standby().await.map(|()| posted),
            posted => posted,
        };
        match posted {
            Ok(posted) => {
                self.line = Some(line);
                self.kept.keep(posted.accounts);
                Ok(posted.answers)
            }
            Err(error) => {
                if line.is_sound().await {
                    self.line = Some(line);
                }
                // The database may be another one when it is back.
                if !is_overtaken(&error) && !is_conflict(&error) {
                    self.kept.clear();
                }
                Err(error)
            }
        }
    }

    async fn post_unlocked(&mut self, line: &Line, requests: &[Request]) -> Result<Posted, DbErr> {
        let kept = self.kept.take(requests);
        if !kept.is_empty() {
            match post::post_on_kept(line, kept, requests, self.clock.now()).await {
                Ok(Some(posted)) => return Ok(posted),
                Ok(None) => {}
                Err(error) if is_overtaken(&error) => self.kept.pause(),
                Err(error) => return Err(error),
            }
        }
        post::post(line, requests, self.clock.now()).await
    }

    async fn post_locked(&self, line: &Line, requests: &[Request]) -> Result<Posted, DbErr> {
        line.begin().await?;
        let posted = async {
            post::lock(line, requests).await?;
            let posted = post::post(line, requests, self.clock.now()).await?;
            line.commit().await?;
            Ok(posted)
        };
        match posted.await {
            Ok(posted) => Ok(posted),
            Err(error) => {
                // The first error is the one to tell.
                line.roll_back().await.ok();
                Err(error)
            }
        }
    }
}

fn fail(batch: Vec<Waiting>, error: &DbErr) {
    tracing::error!(%error, commands = batch.len(), "writing the ledger failed");
    for (_, sender) in batch {
        sender.send(Err(LedgerError::Unavailable)).ok();
    }
}

//! The only writer of credits.
//!
//! # Shape
//! A verb puts a [`Command`] with its idempotency key into the [`queue`]; a [`writer`] takes all
//! that waits, and [`post`] reads what the batch needs ([`gather`]), asks the state machine for
//! each command in turn, and writes all rows together in one transaction: [`writes`] are its
//! statements, [`rowset`] what they carry, and [`telling`] what somebody should be told of.
//!
//! A batch is written only if the account rows that it read (their zone, level and threshold
//! included) have not changed since: the condition of [`write`] compares the version of each row.
//!
//! [`acknowledged`] remembers acknowledged commands outside the database, and reports those that
//! the database has lost.
//!
//! [`overview`] and [`history`] show what was written, and [`verify`] proves that it adds up:
//! [`replay`] recomputes an account from its entries, and [`compare`] and [`replay_holds`] compare
//! every other row with the result.
//!
//! # What must hold
//! - A balance never changes without an entry, written in the same transaction.
//! - The same key with the same content is carried out once; later requests get the first outcome.
//! - A refused command changes nothing and keeps its key free, so it succeeds after a top-up.
//! - A caller that goes away changes nothing: the writer is a task of its own.

mod acknowledged;
mod billing_cycle;
mod blocked;
mod book;
mod caps;
mod compare;
mod detail;
mod gather;
mod history;
mod holds;
mod kept;
mod known;
mod load;
mod mismatch;
mod outcome;
mod overview;
mod post;
mod queue;
mod replay;
mod replay_holds;
mod rows;
mod rowset;
mod runs;
mod search;
mod telling;
mod verify;
mod write;
mod writer;
mod writes;

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};

use acknowledged::Acknowledged;
pub use acknowledged::{COMPARE_EVERY, FilesCompared, FilesError, Forgotten, Line, Place};
pub use billing_cycle::BillingCycle;
pub use caps::SpendCaps;
pub use known::RequestKey;
pub use mismatch::Mismatch;
pub use outcome::Outcome;
pub use queue::Cause;
pub use verify::{Verified, VerifyError};
pub use write::try_to_write;

use super::{
    clock::{Clock, to_millis},
    database::Database,
    entity::account,
};
use crate::credits::{AccountId, Command, Level, Refusal};
use queue::Queue;

/// The ledger: clones share one queue.
#[derive(Clone, Debug)]
pub struct Ledger {
    database: Database,
    clock: Clock,
    queue: Queue,
    acknowledged: Acknowledged,
}

/// Why a command has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The rules refuse it; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More is asked than can be written at once. Nothing was done; try again in a moment.
    #[error("the ledger has too much to write")]
    Busy,
    /// The database can't be written to now. The command may have been carried out: to find out,
    /// send it again with the same key.
    #[error("the ledger can't be reached")]
    Unavailable,
}

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// The database can't be read now.
    #[error("the ledger can't be reached")]
    Unavailable,
}

impl From<DbErr> for ReadError {
    fn from(error: DbErr) -> Self {
        tracing::error!(%error, "reading the ledger failed");
        Self::Unavailable
    }
}

impl Ledger {
    /// Starts the writers.
    #[must_use]
    pub fn start(database: Database, clock: Clock) -> Self {
        let acknowledged = Acknowledged::default();
        let queue = Queue::start(&database, &clock, &acknowledged);
        Self { database, clock, queue, acknowledged }
    }

    /// Carries out a command once, whoever asks how often.
    ///
    /// # Errors
    /// A refusal, or that the ledger can't be reached.
    pub async fn execute(
        &self,
        account: &AccountId,
        key: &str,
        command: Command,
    ) -> Result<Outcome, LedgerError> {
        let key = RequestKey::new(key, &command);
        self.queue.execute(account, key, command, None).await
    }

    /// Carries out a command for a request that says in its own words what is asked: the words,
    /// not the command, tell whether its key is used for something else. So a request that would
    /// be priced differently today still has its first outcome.
    ///
    /// # Errors
    /// A refusal, or that the ledger can't be reached.
    pub async fn execute_request(
        &self,
        account: &AccountId,
        key: RequestKey,
        command: Command,
    ) -> Result<Outcome, LedgerError> {
        self.queue.execute(account, key, command, None).await
    }

    /// Returns what a request has led to before, or `None` if it is new.
    ///
    /// # Errors
    /// Where its key was used for something else, or the ledger can't be reached.
    pub async fn known(
        &self,
        account: &AccountId,
        key: &RequestKey,
    ) -> Result<Option<Outcome>, LedgerError> {
        let known = known::find_one(self.database.finder(), account, key).await?;
        if known.is_some() {
            self.database.await_standby().await.map_err(|error| {
                tracing::error!(%error, "the standby may lack what a request has led to");
                LedgerError::Unavailable
            })?;
        }
        Ok(known)
    }

    /// Whether any of some requests' keys was used for something else.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn is_any_reused(
        &self,
        requests: impl Iterator<Item = (&AccountId, &RequestKey)>,
    ) -> Result<bool, ReadError> {
        Ok(known::is_any_reused(self.database.finder(), requests).await?)
    }

    /// Carries out a command in its own time, for seeds and imports of history. An instant
    /// before the account's latest entry counts as that entry's.
    ///
    /// # Errors
    /// A refusal, or that the ledger can't be reached.
    pub async fn execute_at(
        &self,
        account: &AccountId,
        key: &str,
        command: Command,
        at: DateTime<Utc>,
    ) -> Result<Outcome, LedgerError> {
        let key = RequestKey::new(key, &command);
        self.queue.execute(account, key, command, Some(at)).await
    }

    /// Writes down what time has already done to an account: expired lots.
    ///
    /// # Errors
    /// Where the ledger can't be reached, or there is no such account.
    pub async fn advance(&self, account: &AccountId) -> Result<(), LedgerError> {
        self.queue.advance(account).await
    }

    /// Returns the age of the oldest batch that is not committed yet. Returns `None` if there is
    /// none.
    #[must_use]
    pub fn age_of_batch(&self) -> Option<Duration> {
        self.queue.age_of_batch()
    }

    /// Returns how long ago the database last refused a batch, and why. Returns `None` if it has
    /// taken a later batch of the same writer.
    #[must_use]
    pub fn refused(&self) -> Option<(Duration, Cause)> {
        self.queue.refused()
    }

    /// Takes nothing new, and writes what waits. Returns when all is on disk and what was
    /// acknowledged has been compared with the database once more.
    pub async fn close(&self) {
        self.queue.close().await;
        self.acknowledged.close(&self.database).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Opens an account without credits.
///
/// # Errors
/// Where the statement fails.
pub async fn open_account(
    connection: &impl ConnectionTrait,
    zone: Tz,
    cycle_anchor_day: u32,
    at: DateTime<Utc>,
) -> Result<AccountId, DbErr> {
    let id = format!("acc_{}", uuid::Uuid::now_v7().simple());
    let row = account::Model {
        id: id.clone(),
        zone: zone.name().to_owned(),
        cycle_anchor_day: i32::try_from(cycle_anchor_day.clamp(1, 31)).unwrap_or(1),
        available: 0,
        held: 0,
        seq: 0,
        granted: 0,
        spent: 0,
        expired: 0,
        latest_at: to_millis(at),
        created_at: to_millis(at),
        cap_all: None,
        cap_inference: None,
        cap_strategy: None,
        cap_backtest: None,
        cap_analysis: None,
        low_at: None,
        level: Level::default().id().to_owned(),
    };
    account::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(connection)
        .await?;
    Ok(AccountId(id))
}

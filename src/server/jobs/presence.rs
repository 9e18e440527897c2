//! Shows other processes that this one lives: on PostgreSQL it holds a session lock on a number of
//! its own, and its claims name the number. If the lock is free, the process is gone.
//!
//! # What must hold
//! - The lock only shortens claims. A claim whose lease has ended may be taken over although its
//!   lock is held: the process may hang, or its machine be cut off.
//! - A claim names the number only if the lock was held when it was made or last renewed: the
//!   statement that writes the claim looks for the lock itself, in the database where others will
//!   look. A claim without a number ends with its lease: on SQLite, behind a pooler, and if a
//!   process dies while it renews and loses the lock first.
//! - A process that loses its lock takes it again, under the same number, within [`CHECK`]. If it
//!   can't, the next renewal takes the number out of its claim. Until then the process looks dead,
//!   and another one may do the same slot at the same time. That is rare, and it is allowed.

use std::time::Duration;

use super::super::database::{Database, LockName, SessionLock};

/// The class of these locks: "jobs" in ASCII.
const CLASS: i32 = 0x6a6f_6273;
/// Digits of an id that each claim begins with; a dash and the number may replace the other nine.
const HEAD: usize = 23;
/// How often a process checks that it holds its lock. That also keeps the session from being idle:
/// an `idle_session_timeout` of less makes no sense.
const CHECK: Duration = Duration::from_secs(1);

/// The number of a process. If two processes have the same, one of them gets no lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence(i32);

impl Presence {
    /// Chooses a number.
    pub fn new() -> Self {
        Self(rand::random_range(0..=i32::MAX))
    }

    /// Takes the lock. Returns `None` if it can't be had now.
    pub async fn take(self, database: &Database) -> Option<SessionLock> {
        let name: LockName = (CLASS, self.0);
        database.session_lock(name).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "there is no session lock");
            None
        })
    }

    /// Holds the lock, and takes it again whenever it is lost. Never returns.
    pub async fn keep(self, database: &Database, mut lock: Option<SessionLock>) {
        loop {
            tokio::time::sleep(CHECK).await;
            if let Some(held) = &mut lock {
                let Err(error) = held.ping().await else { continue };
                tracing::warn!(%error, "the session lock is lost; claims live by their lease");
            }
            // Close the old session first: as long as the database sees it, the lock is not free.
            drop(lock.take());
            lock = self.take(database).await;
        }
    }

    /// Returns the SQL of a claim, with two parameters: its id of 32 digits, and what
    /// [`Self::numbered`] makes of it. The claim is the second one if the lock is held.
    pub fn claim(is_sqlite: bool, id: &str, numbered: &str) -> String {
        if is_sqlite {
            return id.to_owned();
        }
        let (id, numbered) = (format!("CAST({id} AS TEXT)"), format!("CAST({numbered} AS TEXT)"));
        let is_held = SessionLock::is_held(CLASS, &format!("right({numbered}, 8)"));
        format!("CASE WHEN {is_held} THEN {numbered} ELSE {id} END")
    }

    /// Returns the claim with this id that names the number. The number replaces the last digits,
    /// so that the claim has the same length for every release.
    pub fn numbered(self, id: &str) -> String {
        format!("{}-{:08x}", Self::head(id), self.0)
    }

    /// Returns what a claim with this id begins with, whether or not it names a number.
    pub fn head(id: &str) -> &str {
        id.split_at_checked(HEAD).map_or(id, |(head, _)| head)
    }

    /// Returns a condition in SQL on a row of `jobs`: its claim names no number, or one whose lock
    /// is held.
    pub fn is_there(is_sqlite: bool) -> String {
        if is_sqlite {
            return "TRUE".to_owned();
        }
        let is_held = SessionLock::is_held(CLASS, "right(claim, 8)");
        format!("(claim NOT LIKE '%-%' OR {is_held})")
    }
}

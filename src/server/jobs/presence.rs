//! Shows other processes that this one lives: on PostgreSQL it holds a session lock on a number of
//! its own, and its claims name the number. Who finds the lock free knows that the process is gone.
//!
//! # What must hold
//! - The lock only shortens claims. A claim whose lease has ended may be taken over although its
//!   lock is held: the process may hang, or its machine be cut off.
//! - A claim names the number only if the lock was held when it was made or last renewed: the
//!   statement that writes the claim looks for the lock itself, in the database where others will
//!   look. A claim without a number ends with its lease, as on SQLite and behind a pooler; also
//!   that of a process which died just as it renewed, if the lock was gone first.
//! - A process that loses its lock takes it again, under the same number, within [`CHECK`]. If it
//!   can't, the next renewal takes the number out of its claim. Until then the process looks dead,
//!   and another one may do the same slot at the same time. That is rare, and it is allowed.

use std::time::Duration;

use super::super::database::{Database, LockName, SessionLock};

/// The class of these locks: "jobs" in ASCII.
const CLASS: i32 = 0x6a6f_6273;
/// Digits of an id that stand in each claim: all but those that a dash and the number replace.
const HEAD: usize = 23;
/// How often a process makes sure that its lock is held: no shorter `idle_session_timeout` of the
/// database makes sense.
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

    /// Never returns: holds the lock, and takes it again whenever it is lost.
    pub async fn keep(self, database: &Database, mut lock: Option<SessionLock>) {
        loop {
            tokio::time::sleep(CHECK).await;
            if let Some(held) = &mut lock {
                let Err(error) = held.ping().await else { continue };
                tracing::warn!(%error, "the session lock is lost; claims live by their lease");
            }
            // Closed first: as long as the database sees the old session, the lock is not free.
            drop(lock.take());
            lock = self.take(database).await;
        }
    }

    /// Returns an expression in SQL for a claim, of two parameters: its id, which has 32 digits, and
    /// what [`Self::numbered`] makes of it. That is taken if the lock is held.
    pub fn claim(is_sqlite: bool, id: &str, numbered: &str) -> String {
        if is_sqlite {
            return id.to_owned();
        }
        let (id, numbered) = (format!("CAST({id} AS TEXT)"), format!("CAST({numbered} AS TEXT)"));
        let is_held = SessionLock::is_held(CLASS, &format!("right({numbered}, 8)"));
        format!("CASE WHEN {is_held} THEN {numbered} ELSE {id} END")
    }

    /// Returns the claim with this id that names the number. The number takes the place of the last
    /// digits: releases take no longer claims.
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

//! A lock that ends with its process: PostgreSQL keeps it for as long as its session lives, and the
//! session of a killed process ends.

use std::{fmt, time::Duration};

use sea_orm::{DbErr, RuntimeErr};
use tokio::time::timeout;

use super::{Database, own_connection::OwnConnection};

/// The name of a lock: its class, and its number in the class.
pub type LockName = (i32, i32);

/// A lock with the connection that holds it. Dropping it releases the lock. No statement and no
/// transaction stays open on the connection.
pub struct SessionLock {
    connection: OwnConnection,
    deadline: Duration,
}

impl fmt::Debug for SessionLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLock").finish_non_exhaustive()
    }
}

impl Database {
    /// Takes a lock on a connection of its own. Returns `None` if another session holds it. Returns
    /// `None` on SQLite, too, and behind a pooler without a known address past it, because clients
    /// share sessions there.
    ///
    /// # Errors
    /// If the database does not answer in time, or refuses the connection.
    pub async fn session_lock(
        &self,
        (class, number): LockName,
    ) -> Result<Option<SessionLock>, DbErr> {
        if self.is_sqlite() || self.direct.is_pooled() {
            return Ok(None);
        }
        let deadline = self.writers.limits().connection;
        let taken = within(deadline, async {
            let mut connection = self.own_connection().await?;
            let lock = format!("SELECT CAST(pg_try_advisory_lock({class}, {number}) AS TEXT)");
            let answer = connection.texts(&lock).await?;
            Ok((answer == ["true"]).then_some(connection))
        });
        let connection = taken.await?;
        Ok(connection.map(|connection| SessionLock { connection, deadline }))
    }
}

impl SessionLock {
    /// Checks that its session lives.
    ///
    /// # Errors
    /// If the session is gone, or doesn't answer in time.
    pub async fn ping(&mut self) -> Result<(), DbErr> {
        within(self.deadline, self.connection.execute("SELECT 1")).await
    }

    /// Returns a condition in SQL that is true while some session holds a lock of this class.
    /// `number` is an expression in SQL: the lock's number as a text of eight hexadecimal digits.
    #[must_use]
    pub fn is_held(class: i32, number: &str) -> String {
        format!(
            "EXISTS (SELECT 1 FROM pg_locks
                     WHERE locktype = 'advisory' AND granted AND objsubid = 2
                           AND database = (SELECT oid FROM pg_database
                                           WHERE datname = current_database())
                           AND classid = {class}
                           AND lpad(to_hex(CAST(objid AS BIGINT)), 8, '0') = {number})"
        )
    }
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let silent = |_| DbErr::Conn(RuntimeErr::Internal(format!("no answer within {deadline:?}")));
    timeout(deadline, work).await.map_err(silent)?
}

//! A connection to PostgreSQL for a task that writes all the time: nobody else waits for it, and
//! it isn't lent again after each statement.

use sea_orm::{DbBackend, DbErr};
use tokio::sync::Mutex;

use super::{
    Database,
    ask::{Ask, Told, connection_by_asking},
    session::{Purpose, Session},
};

/// A connection of one's own. Each statement is a transaction of its own, but for those between
/// [`Line::begin`] and [`Line::commit`].
#[derive(Debug)]
pub struct Line {
    session: Mutex<Session>,
}

impl Database {
    /// Returns a connection of one's own, which the pool doesn't count.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn line(&self) -> Result<Line, DbErr> {
        Ok(Line { session: Mutex::new(self.writers.take().await?) })
    }

    /// Returns once a synchronous standby, if there is one, has all that can be read now.
    ///
    /// # Errors
    /// If the standby doesn't have it in time, or the database can't be reached.
    pub async fn await_standby(&self) -> Result<(), DbErr> {
        if self.is_sqlite() { Ok(()) } else { self.writers.await_standby().await }
    }
}

impl Line {
    /// Returns whether it can be used again: after silence, a broken connection, or an error of
    /// COMMIT or ROLLBACK it can't.
    pub async fn is_sound(&self) -> bool {
        self.session.lock().await.is_sound()
    }

    /// Begins a transaction of several statements.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn begin(&self) -> Result<(), DbErr> {
        self.session.lock().await.begin(Purpose::Write).await
    }

    /// Ends a transaction, and says whether it was kept.
    ///
    /// # Errors
    /// If the database can't be reached or refuses.
    pub async fn commit(&self) -> Result<(), DbErr> {
        self.session.lock().await.commit().await
    }

    /// Ends a transaction as if it had never begun.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn roll_back(&self) -> Result<(), DbErr> {
        self.session.lock().await.roll_back().await
    }

    /// Returns once a synchronous standby, if there is one, has all that can be read now.
    ///
    /// # Errors
    /// If the standby doesn't have it in time, or the database can't be reached.
    pub async fn await_standby(&self) -> Result<(), DbErr> {
        self.session.lock().await.await_standby().await
    }

    #[expect(clippy::unused_self, reason = "as every connection says it")]
    const fn backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn ask(&self, ask: Ask) -> Result<Told, DbErr> {
        self.session.lock().await.ask(ask).await
    }
}

connection_by_asking!(Line);

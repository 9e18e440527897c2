//! A connection to PostgreSQL that one task keeps because it writes all the time. The pool doesn't
//! lend it to others between statements.

use sea_orm::{DbBackend, DbErr};
use tokio::sync::Mutex;

use super::{
    Database,
    ask::{Ask, Told, connection_by_asking},
    pool::Pool,
    session::{Purpose, Session},
};

/// A connection that only one task uses. Each statement is a transaction of its own, except those
/// between [`Line::begin`] and [`Line::commit`].
#[derive(Debug)]
pub struct Line {
    session: Mutex<Session>,
    /// The connections among which the next one is found if this one is lost.
    pool: Pool,
}

impl Database {
    /// Takes a connection out of the pool, which no longer counts it.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn line(&self) -> Result<Line, DbErr> {
        let pool = self.writers.clone();
        Ok(Line { session: Mutex::new(pool.take().await?), pool })
    }

    /// Waits until a synchronous standby, if there is one, has everything that can be read now.
    ///
    /// # Errors
    /// If the standby doesn't have it in time, or the database can't be reached.
    pub async fn await_standby(&self) -> Result<(), DbErr> {
        if self.is_sqlite() {
            return Ok(());
        }
        // On the heap: every request could need it, so its future would be a part of theirs.
        Box::pin(self.writers.await_standby()).await
    }
}

impl Line {
    /// Returns whether the connection can be used again. It can't after silence, after a break, or
    /// after an error of COMMIT or ROLLBACK.
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

    /// Commits the transaction.
    ///
    /// # Errors
    /// If the database can't be reached or refuses.
    pub async fn commit(&self) -> Result<(), DbErr> {
        self.session.lock().await.commit().await
    }

    /// Rolls the transaction back.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn roll_back(&self) -> Result<(), DbErr> {
        self.session.lock().await.roll_back().await
    }

    /// Waits until a synchronous standby, if there is one, has everything that can be read now.
    ///
    /// # Errors
    /// If the standby doesn't have it in time, or the database can't be reached.
    pub async fn await_standby(&self) -> Result<(), DbErr> {
        self.session.lock().await.await_standby().await
    }

    #[expect(clippy::unused_self, reason = "the macro calls it on every type")]
    const fn backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn ask(&self, ask: Ask) -> Result<Told, DbErr> {
        let told = self.session.lock().await.ask(ask).await;
        if let Err(error) = &told {
            self.pool.forget_stale(error);
        }
        told
    }
}

connection_by_asking!(Line);

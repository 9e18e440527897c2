//! Lends connections: one for each statement, or one for a whole transaction.

use std::{fmt, sync::Arc};

use deadpool::{
    Runtime,
    managed::{Object, Pool as Sessions, PoolError, TimeoutType, Timeouts},
};
use sea_orm::{ConnAcquireErr, DbBackend, DbErr, RuntimeErr, Statement};
use tokio::time::timeout;

use super::{
    ask::{Ask, Told, connection_by_asking},
    connector::{Connector, Opening},
    errors::{SILENCE, is_broken, is_stale_plan},
    faults::Faults,
    limits::Limits,
    session::{Purpose, Session, silent},
    transaction::Transaction,
};

/// A callback that gets every prepared statement.
pub(super) type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// Connections for single statements. Clones share them.
#[derive(Clone)]
pub struct Pool {
    sessions: Sessions<Connector>,
    /// True if its statements only read, and can run again when their connection breaks.
    only_reads: bool,
    pub(super) listener: Option<Listener>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("only_reads", &self.only_reads).finish_non_exhaustive()
    }
}

impl Pool {
    /// Returns a pool that has opened no connection yet.
    pub(super) fn new(
        opening: Opening,
        limits: Limits,
        most: usize,
        only_reads: bool,
        faults: &Faults,
    ) -> Result<Self, DbErr> {
        let patience = Some(limits.connection);
        let sessions = Sessions::builder(Connector::new(opening, limits, faults.clone()))
            .max_size(most)
            .timeouts(Timeouts { wait: patience, create: patience, recycle: patience })
            .runtime(Runtime::Tokio1)
            .build();
        let sessions = sessions.map_err(|error| DbErr::Custom(error.to_string()))?;
        Ok(Self { sessions, only_reads, listener: None })
    }

    /// Returns the same connections, for statements that only read.
    pub(super) fn for_reading(&self) -> Self {
        Self { only_reads: true, ..self.clone() }
    }

    /// Finds out whether the database answers.
    ///
    /// # Errors
    /// If it doesn't, or no connection is free.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let one = Statement::from_string(self.backend(), "SELECT 1");
        self.ask(Ask::Query(one)).await.map(drop)
    }

    /// Closes all connections and opens none again.
    pub fn close(&self) {
        self.sessions.close();
    }

    /// Closes all connections that are not lent, waits until they are closed, and opens none again.
    pub(super) async fn end(&self) -> Result<(), DbErr> {
        let (idle, limit) = (self.sessions.retain(|_, _| false).removed, self.limits().whole);
        self.close();
        for session in idle {
            timeout(limit, session.close()).await.map_err(|_| silent(limit))??;
        }
        Ok(())
    }

    /// Takes a connection out of the pool for good; the pool may open another one.
    pub(super) async fn take(&self) -> Result<Session, DbErr> {
        let mut lent = self.lend().await?;
        lent.session
            .take()
            .map(Object::take)
            .ok_or_else(|| closed(ConnAcquireErr::ConnectionClosed))
    }

    /// Begins a transaction, on another connection if the first one is broken.
    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, DbErr> {
        let backend = self.backend();
        let mut lent = self.lend().await?;
        let begun = lent.session()?.begin(purpose).await;
        match begun {
            Err(error) if lent.was_used() && is_broken(&error) => {
                // Give it back first: SQLite has only one connection that writes.
                drop(lent);
                self.forget_idle();
                lent = self.lend().await?;
                lent.session()?.begin(purpose).await?;
            }
            begun => begun?,
        }
        Ok(Transaction::new(lent, backend, self.listener.clone()))
    }

    pub(super) async fn await_standby(&self) -> Result<(), DbErr> {
        self.lend().await?.session()?.await_standby().await
    }

    pub(super) fn limits(&self) -> Limits {
        self.sessions.manager().limits
    }

    pub(super) fn backend(&self) -> DbBackend {
        if self.sessions.manager().is_sqlite() { DbBackend::Sqlite } else { DbBackend::Postgres }
    }

    async fn lend(&self) -> Result<Lent, DbErr> {
        // The pool pings one idle connection after another. If all are silent, that must not take
        // many times as long as one wait. The extra tenth lets a single wait end first and say why.
        let patience = self.limits().connection.mul_f32(1.1);
        let Ok(lent) = timeout(patience, self.sessions.get()).await else {
            self.forget_idle();
            return Err(self.explain(TimeoutType::Recycle));
        };
        match lent {
            Ok(session) => Ok(Lent { session: Some(session), is_for_us_alone: false }),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Closed) => Err(closed(ConnAcquireErr::ConnectionClosed)),
            Err(PoolError::Timeout(kind)) => Err(self.explain(kind)),
            Err(error) => Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))),
        }
    }

    /// Says why there was no connection in time: all are in use, or the database is silent.
    fn explain(&self, kind: TimeoutType) -> DbErr {
        let within = self.limits().connection;
        let words = if matches!(kind, TimeoutType::Wait) {
            let most = self.sessions.status().max_size;
            format!("no connection to the database became free within {within:?} (of {most})")
        } else {
            format!("{SILENCE} {within:?} from {}", self.sessions.manager().shown())
        };
        tracing::warn!("{words}");
        DbErr::Conn(RuntimeErr::Internal(words))
    }

    /// Closes the idle connections if this error says that the plan of a connection was stale: the
    /// others have prepared the same statements before the same change of a table.
    pub(super) fn forget_stale(&self, error: &DbErr) {
        if is_stale_plan(error) {
            self.forget_idle();
        }
    }

    /// Closes the idle connections, after one was silent, broken, or had a stale plan.
    fn forget_idle(&self) {
        self.sessions.retain(|_, _| false);
    }

    async fn ask(&self, ask: Ask) -> Result<Told, DbErr> {
        if let (Some(listener), Some(sql)) = (&self.listener, ask.prepared()) {
            listener(sql);
        }
        let mut lent = self.lend().await?;
        if matches!(ask, Ask::Plain(_)) {
            // It may leave something behind, such as a transaction: nobody else gets the connection.
            lent.is_for_us_alone = true;
            return lent.session()?.ask(ask).await;
        }
        if !lent.was_used() {
            return lent.session()?.ask(ask).await;
        }
        match lent.session()?.ask(ask.clone()).await {
            Err(error) if is_stale_plan(&error) || self.only_reads && is_broken(&error) => {
                drop(lent);
                self.forget_idle();
                self.lend().await?.session()?.ask(ask).await
            }
            told => told,
        }
    }
}

const fn closed(why: ConnAcquireErr) -> DbErr {
    DbErr::ConnectionAcquire(why)
}

connection_by_asking!(Pool);

/// A lent connection. Dropping it gives it back to the pool, or closes it if it is doubtful or
/// still in a transaction.
#[derive(Debug)]
pub(super) struct Lent {
    session: Option<Object<Connector>>,
    /// True if it must be closed in any case.
    is_for_us_alone: bool,
}

impl Lent {
    pub fn session(&mut self) -> Result<&mut Session, DbErr> {
        self.session.as_deref_mut().ok_or_else(|| closed(ConnAcquireErr::ConnectionClosed))
    }

    /// Returns whether somebody has used it before: then it may have broken meanwhile.
    fn was_used(&self) -> bool {
        self.session.as_ref().is_some_and(|session| Object::metrics(session).recycle_count > 0)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && (self.is_for_us_alone || !session.is_sound())
        {
            drop(Object::take(session));
        }
    }
}

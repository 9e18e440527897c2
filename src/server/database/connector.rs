//! Opens connections, and says which of those that were used may be used again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        AssertSqlSafe, ConnectOptions, Connection, Error, Executor, PgConnection, Row,
        postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
    },
};
use tokio::time::timeout;

use super::{faults::Faults, limits::Limits, session::Session};

/// A connection that rested for this long is asked whether it still lives.
const RESTED: Duration = Duration::from_secs(1);
/// How long that answer may take.
const PONG: Duration = Duration::from_secs(1);
/// How old a connection may become: plans and memory of a session don't grow for ever.
const OLDEST: Duration = Duration::from_mins(30);
/// How long one of several hosts may take to let us in.
const HOST: Duration = Duration::from_secs(2);

/// How connections are opened.
#[derive(Debug)]
pub(super) enum Opening {
    /// A file.
    Sqlite(Box<SqliteConnectOptions>),
    /// One of several hosts: the one that can be written to.
    Postgres {
        /// The hosts, in the order in which they are tried.
        hosts: Vec<PgConnectOptions>,
        /// What each session, or behind a pooler each transaction, begins with.
        settings: Arc<str>,
        /// Whether a pooler gives each transaction another connection.
        is_pooled: bool,
    },
}

/// Opens connections.
#[derive(Debug)]
pub(super) struct Connector {
    opening: Opening,
    pub limits: Limits,
    /// The host that was writable last.
    host: AtomicUsize,
    faults: Faults,
}

impl Connector {
    pub fn new(opening: Opening, limits: Limits, faults: Faults) -> Self {
        Self { opening, limits, host: AtomicUsize::new(0), faults }
    }

    /// Returns whether it opens SQLite.
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.opening, Opening::Sqlite(_))
    }

    async fn open(&self) -> Result<Session, Error> {
        match &self.opening {
            Opening::Sqlite(options) => {
                Session::sqlite(options.connect().await?, self.limits.statement).await
            }
            Opening::Postgres { hosts, settings, is_pooled } => {
                let mut raw = self.writable(hosts).await?;
                let prologue = is_pooled.then(|| Arc::clone(settings));
                if !is_pooled {
                    raw.execute(AssertSqlSafe(settings.to_string())).await?;
                }
                Ok(Session::postgres(raw, self.limits.statement, prologue))
            }
        }
    }

    /// Connects to the host that can be written to, beginning with the last that could.
    async fn writable(&self, hosts: &[PgConnectOptions]) -> Result<PgConnection, Error> {
        let (raw, index) = writable(hosts, self.host.load(Ordering::Relaxed)).await?;
        self.host.store(index, Ordering::Relaxed);
        Ok(raw)
    }
}

/// Connects to the first host that can be written to, beginning with this one, and says which it
/// was. A single host is taken as it is: reading from a standby is better than nothing.
pub(super) async fn writable(
    hosts: &[PgConnectOptions],
    first: usize,
) -> Result<(PgConnection, usize), Error> {
    if let [host] = hosts {
        return Ok((host.connect().await?, 0));
    }
    let mut last = Error::Configuration("the URL names no host".into());
    for turn in 0..hosts.len() {
        let index = (first + turn) % hosts.len();
        match timeout(HOST, connect_to_writable(&hosts[index])).await {
            Ok(Ok(raw)) => return Ok((raw, index)),
            Ok(Err(error)) => last = error,
            Err(_) => last = Error::Protocol("a host did not answer within 2 s".to_owned()),
        }
    }
    Err(last)
}

async fn connect_to_writable(host: &PgConnectOptions) -> Result<PgConnection, Error> {
    const IS_READ_ONLY: &str =
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'";
    let mut raw = host.connect().await?;
    if raw.fetch_one(IS_READ_ONLY).await?.try_get(0)? {
        raw.close().await.ok();
        return Err(Error::Protocol("none of the hosts can be written to".to_owned()));
    }
    Ok(raw)
}

impl Manager for Connector {
    type Type = Session;
    type Error = DbErr;

    async fn create(&self) -> Result<Session, DbErr> {
        let number = self.faults.next_connection();
        let opened = async {
            self.open().await.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
        };
        let session = self.faults.around(number, "open", opened).await?;
        Ok(session.with_faults(self.faults.clone(), number))
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<DbErr> {
        if !session.is_sound() {
            return Err(RecycleError::message("it is doubtful"));
        }
        if self.is_sqlite() {
            return Ok(());
        }
        if metrics.age() > OLDEST {
            return Err(RecycleError::message("it is old"));
        }
        if session.last_used.elapsed() >= RESTED {
            session.ping(PONG).await?;
        }
        Ok(())
    }
}

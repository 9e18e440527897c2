//! Opens connections, and decides which used ones may be lent again.

use std::{
    io, slice,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use futures::{StreamExt, stream::FuturesUnordered};
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        AssertSqlSafe, ConnectOptions, Connection, Error, Executor, PgConnection, Row,
        postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
    },
};
use tokio::time::{sleep, timeout};

use super::{
    address::named,
    errors::{SILENCE, is_silent},
    faults::Faults,
    limits::Limits,
    session::{Place, Session},
};

/// Ping a connection before it is lent if it has been idle for this long.
const RESTED: Duration = Duration::from_secs(1);
/// How long the answer to that ping may take.
const PONG: Duration = Duration::from_secs(1);
/// How old a connection may become. This bounds the plans and the memory of its session.
const OLDEST: Duration = Duration::from_mins(30);
/// How long one of several hosts may take to let us in.
const HOST: Duration = Duration::from_secs(2);
/// How long to wait for a host before trying the next one beside it.
const HEAD_START: Duration = Duration::from_millis(300);

/// How connections are opened.
#[derive(Debug)]
pub(super) enum Opening {
    /// A file.
    Sqlite(Box<SqliteConnectOptions>, Arc<Place>),
    /// One of several hosts: the one that takes writes.
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
    /// When an idle connection last gave no answer: those that were idle then are silent, too.
    silent_at: Mutex<Option<Instant>>,
    faults: Faults,
}

impl Connector {
    pub fn new(opening: Opening, limits: Limits, faults: Faults) -> Self {
        let (host, silent_at) = (AtomicUsize::new(0), Mutex::default());
        Self { opening, limits, host, silent_at, faults }
    }

    /// Returns whether it opens SQLite.
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.opening, Opening::Sqlite(..))
    }

    async fn open(&self) -> Result<Session, Error> {
        match &self.opening {
            Opening::Sqlite(options, place) => {
                place.check()?;
                let raw = options.connect().await?;
                place.remember()?;
                Session::sqlite(raw, self.limits.statement, Arc::clone(place)).await
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

    /// Returns what it opens, for messages: without user, password and options.
    pub fn shown(&self) -> String {
        match &self.opening {
            Opening::Sqlite(options, _) => options.get_filename().display().to_string(),
            Opening::Postgres { hosts, .. } => named(hosts),
        }
    }

    /// Connects to the host that takes writes, and tries the last such host first.
    async fn writable(&self, hosts: &[PgConnectOptions]) -> Result<PgConnection, Error> {
        let (raw, index) = writable(hosts, self.host.load(Ordering::Relaxed)).await?;
        self.host.store(index, Ordering::Relaxed);
        Ok(raw)
    }

    /// Returns whether another connection failed to answer a ping since this one was last used. To
    /// ping each of them would take as long as a whole failover may take.
    fn is_suspect(&self, session: &Session) -> bool {
        let silent_at = *self.silent_at.lock().unwrap_or_else(PoisonError::into_inner);
        silent_at.is_some_and(|at| session.last_used < at)
    }
}

/// Connects to a host that takes writes, and returns its index. Begins with `first`. If there is no
/// answer soon, tries the others beside it, because a machine that is gone doesn't say so. Takes a
/// single host even if it is a standby: reading is better than nothing.
pub(super) async fn writable(
    hosts: &[PgConnectOptions],
    first: usize,
) -> Result<(PgConnection, usize), Error> {
    if let [host] = hosts {
        return Ok((host.connect().await?, 0));
    }
    let attempt = |turn: usize| async move {
        let index = (first + turn) % hosts.len();
        sleep(HEAD_START * u32::try_from(turn).unwrap_or(u32::MAX)).await;
        (index, timeout(HOST, connect_to_writable(&hosts[index])).await)
    };
    let mut attempts: FuturesUnordered<_> = (0..hosts.len()).map(attempt).collect();
    let mut refusals = Vec::new();
    while let Some((index, attempted)) = attempts.next().await {
        let refusal = match attempted {
            Ok(Ok(raw)) => return Ok((raw, index)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{SILENCE} {HOST:?}"),
        };
        refusals.push(format!("{}: {refusal}", named(slice::from_ref(&hosts[index]))));
    }
    Err(Error::Io(io::Error::other(refusals.join("; "))))
}

async fn connect_to_writable(host: &PgConnectOptions) -> Result<PgConnection, Error> {
    const IS_READ_ONLY: &str =
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'";
    let mut raw = host.connect().await?;
    if raw.fetch_one(IS_READ_ONLY).await?.try_get(0)? {
        raw.close().await.ok();
        return Err(Error::Io(io::Error::other("it can only be read")));
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
        if self.is_suspect(session) {
            return Err(RecycleError::message("one like it was silent"));
        }
        if session.last_used.elapsed() >= RESTED {
            let pong = session.ping(PONG).await;
            if pong.as_ref().is_err_and(is_silent) {
                let mut silent_at = self.silent_at.lock().unwrap_or_else(PoisonError::into_inner);
                *silent_at = Some(Instant::now());
            }
            pong?;
        }
        Ok(())
    }
}

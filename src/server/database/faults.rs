//! Lets a test fail any statement. A release build can't.
//!
//! Every statement, and the opening of every connection, passes through here. A test decides what
//! happens before the database gets the statement, and what happens after the database has executed
//! it and before its answer arrives. `FAULT_AT=17:before` ends the process before its 17th
//! statement that writes, `17:after` after it. `17:open` makes SQLite forget each commit from the
//! 17th such statement on: SQLite reports success, and the transaction stays open.

#[cfg(debug_assertions)]
use std::{
    borrow::Cow,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

#[cfg(debug_assertions)]
use futures::future::BoxFuture;
use sea_orm::DbErr;
#[cfg(debug_assertions)]
use sea_orm::{
    RuntimeErr,
    sqlx::{
        Error,
        error::{DatabaseError, ErrorKind},
    },
};

use super::ask::Ask;
#[cfg(debug_assertions)]
use super::errors::SILENCE;

/// The faults of a database's connections. There are none unless a test asks for them.
#[derive(Clone, Default)]
pub struct Faults {
    #[cfg(debug_assertions)]
    fates: Option<Arc<dyn Fates>>,
    #[cfg(debug_assertions)]
    connections: Arc<AtomicU64>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

/// Decides what happens to each statement.
#[cfg(debug_assertions)]
pub trait Fates: Send + Sync {
    /// Returns the fate of a statement, or of the opening of a connection (`"open"`), as soon as
    /// the test lets it go on. Connections of one database have different numbers.
    fn decide(&self, connection: u64, statement: &str) -> BoxFuture<'static, Fate>;

    /// Returns the statement to send instead of this one, or `None` to send this one.
    fn instead(&self, _statement: &str) -> Option<&'static str> {
        None
    }
}

/// The faults of one statement.
#[cfg(debug_assertions)]
#[derive(Default)]
pub struct Fate {
    /// Strikes before the database gets the statement.
    pub before: Option<Fault>,
    /// Strikes after the database has carried the statement out, and before it answers.
    pub after: Option<Fault>,
    /// Dropped when the statement has ended, well or not.
    pub until_it_ends: Option<Box<dyn Send + Sync>>,
}

/// One way in which a statement fails.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The connection breaks.
    Breaks,
    /// The database answers with an error of this code. The connection is whole, and nothing was
    /// carried out.
    Refuses(&'static str),
    /// No answer comes in time. The test doesn't have to wait for that.
    Hushes,
    /// The task panics.
    Panics,
    /// The process ends.
    Aborts,
}

impl Faults {
    /// True if this build can fail statements.
    pub(super) const EXIST: bool = cfg!(debug_assertions);

    /// Returns faults that `fates` decides, statement by statement.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn new(fates: Arc<dyn Fates>) -> Self {
        Self { fates: Some(fates), ..Self::default() }
    }

    /// Returns the faults that `FAULT_AT` asks for.
    pub(super) fn of_environment() -> Self {
        #[cfg(debug_assertions)]
        if let Some(end) = &*END {
            return Self::new(Arc::clone(end) as Arc<dyn Fates>);
        }
        Self::default()
    }

    /// Returns what to send to the database: the statement, or what a test puts in its place.
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "there are none"))]
    pub(super) fn sent(&self, ask: Ask) -> Ask {
        #[cfg(debug_assertions)]
        if let Some(instead) = self.fates.as_ref().and_then(|fates| fates.instead(ask.sql())) {
            return Ask::Plain(instead.to_owned());
        }
        ask
    }

    /// Returns the number of the next connection.
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "there are none"))]
    pub(super) fn next_connection(&self) -> u64 {
        #[cfg(debug_assertions)]
        return self.connections.fetch_add(1, Ordering::Relaxed);
        #[cfg(not(debug_assertions))]
        0
    }

    /// Runs a statement, with the faults that a test wants before and after it.
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "there are none"))]
    pub(super) async fn around<T>(
        &self,
        connection: u64,
        statement: &str,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        #[cfg(debug_assertions)]
        if let Some(fates) = &self.fates {
            let fate = fates.decide(connection, statement).await;
            happen(fate.before)?;
            let done = work.await?;
            happen(fate.after)?;
            return Ok(done);
        }
        let _ = (connection, statement);
        work.await
    }
}

#[cfg(debug_assertions)]
fn happen(fault: Option<Fault>) -> Result<(), DbErr> {
    match fault {
        None => Ok(()),
        Some(Fault::Breaks) => {
            let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            Err(DbErr::Conn(RuntimeErr::SqlxError(Error::Io(reset).into())))
        }
        Some(Fault::Refuses(code)) => {
            let refused = Error::Database(Box::new(Refused(code)));
            Err(DbErr::Exec(RuntimeErr::SqlxError(refused.into())))
        }
        Some(Fault::Hushes) => Err(DbErr::Conn(RuntimeErr::Internal(format!("{SILENCE} a test")))),
        Some(Fault::Panics) => std::panic::resume_unwind(Box::new("a test wants a panic")),
        Some(Fault::Aborts) => std::process::abort(),
    }
}

/// An error that a database answers with, known by its code.
#[cfg(debug_assertions)]
#[derive(Debug, thiserror::Error)]
#[error("a test refuses this statement: {0}")]
struct Refused(&'static str);

#[cfg(debug_assertions)]
impl DatabaseError for Refused {
    fn message(&self) -> &str {
        "a test refuses this statement"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }
}

/// Ends the process at one of its writing statements, or makes it end itself by forgetting commits.
#[cfg(debug_assertions)]
struct EndOfProcess {
    at: u64,
    how: End,
    seen: AtomicU64,
}

#[cfg(debug_assertions)]
#[derive(PartialEq, Eq)]
enum End {
    Before,
    After,
    /// Commits leave the transaction open.
    Open,
}

#[cfg(debug_assertions)]
static END: LazyLock<Option<Arc<EndOfProcess>>> = LazyLock::new(|| {
    let asked = std::env::var("FAULT_AT").ok()?;
    let (at, how) = asked.split_once(':')?;
    let how = match how {
        "before" => End::Before,
        "after" => End::After,
        "open" => End::Open,
        _ => return None,
    };
    Some(Arc::new(EndOfProcess { at: at.parse().ok()?, how, seen: AtomicU64::new(0) }))
});

#[cfg(debug_assertions)]
impl Fates for EndOfProcess {
    fn decide(&self, _: u64, statement: &str) -> BoxFuture<'static, Fate> {
        let mut fate = Fate::default();
        if writes(statement) && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            match self.how {
                End::Before => fate.before = Some(Fault::Aborts),
                End::After => fate.after = Some(Fault::Aborts),
                End::Open => {}
            }
        }
        Box::pin(std::future::ready(fate))
    }

    fn instead(&self, statement: &str) -> Option<&'static str> {
        let is_open = self.how == End::Open && self.seen.load(Ordering::SeqCst) >= self.at;
        (is_open && statement == "COMMIT").then_some("SELECT 1")
    }
}

/// Returns whether a statement changes rows, takes SQLite's lock to do so, or commits what other
/// statements have changed.
#[cfg(debug_assertions)]
#[must_use]
pub fn writes(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default();
    statement.starts_with("BEGIN IMMEDIATE")
        || ["INSERT", "UPDATE", "DELETE", "WITH", "COMMIT"].contains(&word)
}

//! One connection to a database, and whether it can still be trusted.
//!
//! # What must hold: stop at the first doubt
//! - A session is doubtful from the moment a statement is sent until its answer is complete, and
//!   for ever after an error of COMMIT or ROLLBACK, after silence, and after an error that says
//!   more than "this statement was refused". A doubtful session is closed, never lent again.
//! - A transaction begins and ends with our own BEGIN and COMMIT. The driver counts transactions
//!   and turns the second BEGIN into a SAVEPOINT; after a COMMIT that failed, its "commits" would
//!   be releases of savepoints inside a transaction that nobody commits. Our BEGIN inside an open
//!   transaction fails.
//! - On SQLite a COMMIT counts only if exactly one commit has happened since the BEGIN. Otherwise
//!   the process ends: rather dead than wrong.
//! - On SQLite a statement outside our transactions counts only if SQLite has committed the rows
//!   that it changed. If a transaction was left open, the connection is closed, which undoes them.
//! - On SQLite a commit counts only if the file is still where it was opened (`place`).
//! - A commit that PostgreSQL answered with a warning may be missing on the standby. It counts only
//!   after another commit that PostgreSQL answered without a warning (`standby`).

mod place;
mod raw;
mod standby;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{Connection, Error, PgConnection, SqliteConnection},
};
use tokio::time::timeout;

use super::{
    ask::{Ask, Told},
    errors,
    faults::Faults,
};
pub(super) use place::{Place, identity};
use raw::Raw;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It sees everything as of one moment and writes nothing.
    Read,
    /// It writes. On SQLite it takes the lock for writing when it begins: a transaction that
    /// began by reading and writes later fails at once, whatever the timeout says.
    Write,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    raw: Raw,
    deadline: Duration,
    /// The settings that each transaction begins with behind a pooler that gives each transaction
    /// another connection. Prepared statements have no names there, and each statement is a
    /// transaction of its own.
    prologue: Option<Arc<str>>,
    is_doubtful: bool,
    is_in_transaction: bool,
    purpose: Purpose,
    /// Whether a statement of the open transaction has failed on PostgreSQL, which then answers
    /// COMMIT with a rollback and no error.
    has_failed: bool,
    /// True if PostgreSQL has sent a warning, and no commit after it went without one (`standby`).
    is_warned: bool,
    /// How often SQLite has committed: until now, and until the open transaction began.
    commits: Arc<AtomicU64>,
    commits_before: u64,
    /// How many rows SQLite has changed, whether or not it has committed them.
    changes: Arc<AtomicU64>,
    /// The place of the SQLite file.
    place: Option<Arc<Place>>,
    pub last_used: Instant,
    faults: Faults,
    number: u64,
}

impl Session {
    /// Wraps a connection to SQLite, and counts its commits and the rows that it changes.
    pub async fn sqlite(
        mut raw: SqliteConnection,
        deadline: Duration,
        place: Arc<Place>,
    ) -> Result<Self, Error> {
        let (commits, changes) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (committed, changed) = (Arc::clone(&commits), Arc::clone(&changes));
        let mut handle = raw.lock_handle().await?;
        handle.set_commit_hook(move || {
            committed.fetch_add(1, Ordering::SeqCst);
            true
        });
        handle.set_update_hook(move |_| {
            changed.fetch_add(1, Ordering::SeqCst);
        });
        drop(handle);
        let session = Self::new(Raw::Sqlite(Box::new(raw)), deadline);
        Ok(Self { commits, changes, place: Some(place), ..session })
    }

    /// Wraps a connection to PostgreSQL.
    pub fn postgres(raw: PgConnection, deadline: Duration, prologue: Option<Arc<str>>) -> Self {
        Self { prologue, ..Self::new(Raw::Postgres(Box::new(raw)), deadline) }
    }

    fn new(raw: Raw, deadline: Duration) -> Self {
        Self {
            raw,
            deadline,
            prologue: None,
            is_doubtful: false,
            is_in_transaction: false,
            purpose: Purpose::Read,
            has_failed: false,
            is_warned: false,
            commits: Arc::default(),
            commits_before: 0,
            changes: Arc::default(),
            place: None,
            last_used: Instant::now(),
            faults: Faults::default(),
            number: 0,
        }
    }

    /// Lets a test decide what goes wrong with it.
    pub fn with_faults(self, faults: Faults, number: u64) -> Self {
        Self { faults, number, ..self }
    }

    /// Returns whether it may be lent again.
    pub const fn is_sound(&self) -> bool {
        !self.is_doubtful && !self.is_in_transaction
    }

    /// Finds out whether the connection lives.
    pub async fn ping(&mut self, within: Duration) -> Result<(), DbErr> {
        self.is_doubtful = true;
        let Raw::Postgres(raw) = &mut self.raw else {
            self.is_doubtful = false;
            return Ok(());
        };
        let pong = timeout(within, raw.ping()).await;
        pong.map_err(|_| silent(within))?.map_err(failed)?;
        self.is_doubtful = false;
        Ok(())
    }

    /// Asks one question. Behind a pooler it is a transaction of its own, unless one is open.
    pub async fn ask(&mut self, ask: Ask) -> Result<Told, DbErr> {
        if self.is_in_transaction {
            return self.ask_as_is(ask).await;
        }
        if self.prologue.is_none() {
            return self.ask_alone(ask).await;
        }
        self.begin(Purpose::Write).await?;
        match self.ask_as_is(ask).await {
            Ok(told) => self.commit().await.map(|()| told),
            Err(error) => {
                // The first error is the one to tell; a failed rollback closes the connection.
                self.roll_back().await.ok();
                Err(error)
            }
        }
    }

    /// Asks one question that the database commits by itself. On SQLite, fails if it has changed
    /// rows and committed nothing.
    async fn ask_alone(&mut self, ask: Ask) -> Result<Told, DbErr> {
        let counted = |it: &Self| [&it.changes, &it.commits].map(|it| it.load(Ordering::SeqCst));
        let [changes, commits] = counted(self);
        let told = self.ask_as_is(ask).await?;
        let [changes_now, commits_now] = counted(self);
        if changes_now != changes && commits_now == commits {
            self.is_doubtful = true;
            let reason = "a transaction was left open before this statement: nothing was written";
            return Err(DbErr::Conn(RuntimeErr::Internal(reason.to_owned())));
        }
        if commits_now != commits {
            self.is_in_its_place()?;
        }
        self.make_up_for_warning().await.map(|()| told)
    }

    /// Begins a transaction.
    pub async fn begin(&mut self, purpose: Purpose) -> Result<(), DbErr> {
        let how = match (&self.raw, purpose) {
            (Raw::Sqlite(_), Purpose::Write) => "BEGIN IMMEDIATE",
            (Raw::Postgres(_), Purpose::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            _ => "BEGIN",
        };
        let how = match &self.prologue {
            Some(prologue) => format!("{how}; {prologue}"),
            None => how.to_owned(),
        };
        self.purpose = purpose;
        self.commits_before = self.commits.load(Ordering::SeqCst);
        let begun = self.ask_as_is(Ask::Plain(how)).await;
        if begun.is_err() {
            // A transaction may be open, whatever the error says.
            self.is_doubtful = true;
        }
        begun?;
        (self.is_in_transaction, self.has_failed) = (true, false);
        Ok(())
    }

    /// Commits the open transaction. If one of its statements has failed, rolls it back and returns
    /// an error. After an error of COMMIT itself nobody knows whether it was kept, and the session
    /// is never used again.
    pub async fn commit(&mut self) -> Result<(), DbErr> {
        if self.has_failed {
            self.roll_back().await?;
            let reason = "a statement of this transaction had failed: nothing was written";
            return Err(DbErr::Custom(reason.to_owned()));
        }
        self.end("COMMIT").await?;
        let commits = self.commits.load(Ordering::SeqCst) - self.commits_before;
        if matches!(self.raw, Raw::Sqlite(_)) && self.purpose == Purpose::Write && commits != 1 {
            end_process(commits);
        }
        if self.purpose == Purpose::Write {
            self.is_in_its_place()?;
        }
        self.make_up_for_warning().await
    }

    /// Rolls the open transaction back.
    pub async fn roll_back(&mut self) -> Result<(), DbErr> {
        self.end("ROLLBACK").await
    }

    /// Closes the connection. When this returns, SQLite has removed its log, unless another
    /// connection is open.
    pub async fn close(self) -> Result<(), DbErr> {
        match self.raw {
            Raw::Sqlite(raw) => raw.close().await,
            Raw::Postgres(raw) => raw.close().await,
        }
        .map_err(failed)
    }

    async fn end(&mut self, how: &str) -> Result<(), DbErr> {
        let ended = self.ask_as_is(Ask::Plain(how.to_owned())).await;
        match ended {
            Ok(_) => self.is_in_transaction = false,
            Err(_) => self.is_doubtful = true,
        }
        ended.map(drop)
    }

    async fn ask_as_is(&mut self, ask: Ask) -> Result<Told, DbErr> {
        if self.is_doubtful {
            return Err(DbErr::Conn(RuntimeErr::Internal("the connection was lost".to_owned())));
        }
        // If the caller goes away while it waits, the session stays doubtful.
        self.is_doubtful = true;
        let sql = if Faults::EXIST { ask.sql().to_owned() } else { String::new() };
        let ask = self.faults.sent(ask);
        let asking = self.raw.ask(ask, self.prologue.is_none(), &mut self.is_warned);
        let asking = self.faults.around(self.number, &sql, asking);
        let answer = timeout(self.deadline, asking).await;
        self.last_used = Instant::now();
        let error = match answer {
            Err(_) => return Err(silent(self.deadline)),
            Ok(Ok(told)) => {
                self.is_doubtful = false;
                return Ok(told);
            }
            Ok(Err(error)) => error,
        };
        self.is_doubtful = !errors::refuses_only_the_statement(&error);
        self.has_failed |= matches!(self.raw, Raw::Postgres(_));
        Err(error)
    }
}

/// Ends the process: what it would acknowledge from here on may be in no database.
fn end_process(commits: u64) -> ! {
    tracing::error!(commits, "ALERT: SQLite did not commit what it said; the process ends");
    std::process::abort()
}

pub(super) fn silent(deadline: Duration) -> DbErr {
    let words = format!("{} {deadline:?}", errors::SILENCE);
    DbErr::Conn(RuntimeErr::Internal(words))
}

pub(super) fn failed(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

//! Tells the failures of the database apart: an outage, another writer that was quicker, or a
//! conflict that a retry resolves.

use std::borrow::Cow;

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// PostgreSQL's codes that don't end a connection, although their class does.
const ONLY_THE_STATEMENT: [&str; 1] = ["57014"];
/// PostgreSQL's classes of codes after which a connection isn't used again: connection exception,
/// system error, operator intervention, internal error, invalid transaction state.
const ENDS_CONNECTION: [&str; 5] = ["08", "58", "57", "XX", "25"];
/// PostgreSQL's code for a prepared statement whose table has changed since.
const STALE_PLAN: &str = "0A000";
/// The first words of the error when a wait ends without an answer.
pub(super) const SILENCE: &str = "no answer within";
/// PostgreSQL's code for a prepared statement that it doesn't know: a pooler has swapped connections.
const NO_SUCH_STATEMENT: &str = "26000";
/// PostgreSQL's codes for a statement, and for a wait for a lock, that took too long.
const STATEMENT_TIMEOUT: &str = "57014";
const LOCK_TIMEOUT: &str = "55P03";
/// SQLite's primary codes for a disk that is full, fails, can't be opened or can't be written to.
const SQLITE_DISK: [i32; 4] = [13, 10, 14, 8];
/// SQLite's primary codes that refuse a statement and change nothing else: error, busy, locked,
/// schema, constraint, mismatch, range.
const SQLITE_REFUSES: [i32; 7] = [1, 5, 6, 17, 19, 20, 25];

/// Returns whether the database can't be used now: it is away, silent, read-only or full, or went
/// away during a statement.
#[must_use]
pub fn is_outage(error: &DbErr) -> bool {
    if is_broken(error) {
        return true;
    }
    let Some(code) = code(error) else { return false };
    match sqlite_code(error) {
        Some(primary) => SQLITE_DISK.contains(&primary),
        // Class 57P: shut down, crashed, not yet started. 53: no disk, memory or connections.
        None => {
            code.starts_with("57P")
                || code.starts_with("53")
                || code.starts_with("08")
                || [STATEMENT_TIMEOUT, "25006"].contains(&&*code)
        }
    }
}

/// Returns whether the connection is gone or gave no answer, so that nobody knows what became of
/// the statement.
#[must_use]
pub fn is_broken(error: &DbErr) -> bool {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(RuntimeErr::Internal(_)) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) => match &**cause {
            Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_) | WorkerCrashed => true,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                code.starts_with("57P") || code.starts_with("08")
            }
            _ => false,
        },
        _ => false,
    }
}

/// Returns whether the database gave no answer in time: another connection would hardly get one
/// sooner.
#[must_use]
pub fn is_silent(error: &DbErr) -> bool {
    matches!(error, DbErr::Conn(RuntimeErr::Internal(words)) if words.starts_with(SILENCE))
}

/// Returns whether a statement failed because a row that must be unique exists already.
#[must_use]
pub fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Returns whether another writer was quicker: it inserted a unique row, or changed a row since we
/// read it. A statement that finds such a change stops itself by dividing by zero.
#[must_use]
pub fn is_overtaken(error: &DbErr) -> bool {
    is_taken(error) || code(error).as_deref() == Some("22012")
}

/// Returns whether the work lost a conflict and can simply run again. On PostgreSQL that is a
/// serialization failure, a deadlock, or a plan from before a migration; on SQLite a busy database
/// or a stale snapshot.
#[must_use]
pub fn is_conflict(error: &DbErr) -> bool {
    is_stale_plan(error)
        || matches!(code(error).as_deref(), Some("40001" | "40P01" | "5" | "261" | "517"))
}

/// Returns whether PostgreSQL refused a prepared statement because its table has changed since, or
/// because a pooler has given us another connection. The statement has done nothing.
#[must_use]
pub fn is_stale_plan(error: &DbErr) -> bool {
    matches!(code(error).as_deref(), Some(STALE_PLAN | NO_SUCH_STATEMENT))
}

/// Returns whether another transaction held a lock for longer than we wait.
#[must_use]
pub fn is_locked(error: &DbErr) -> bool {
    code(error).as_deref() == Some(LOCK_TIMEOUT)
}

/// Returns whether a statement names a table that isn't there.
#[must_use]
pub fn lacks_table(error: &DbErr) -> bool {
    match code(error).as_deref() {
        Some("42P01") => true,
        Some("1") => error.to_string().contains("no such table"),
        _ => false,
    }
}

/// Returns whether the error concerns only this one statement, so that its connection can still be
/// used.
pub(super) fn refuses_only_the_statement(error: &DbErr) -> bool {
    let Some(code) = code(error) else {
        // A statement that was never sent leaves the connection as it was.
        return matches!(error, DbErr::TryIntoErr { .. });
    };
    match sqlite_code(error) {
        Some(primary) => SQLITE_REFUSES.contains(&primary),
        None => {
            ONLY_THE_STATEMENT.contains(&&*code)
                || !is_stale_plan(error) && !ENDS_CONNECTION.iter().any(|it| code.starts_with(it))
        }
    }
}

/// Returns SQLite's primary code, or `None` if the error is PostgreSQL's, whose codes have five
/// characters.
fn sqlite_code(error: &DbErr) -> Option<i32> {
    let code = code(error)?;
    if code.len() == 5 { None } else { code.parse::<i32>().ok().map(|code| code & 0xff) }
}

/// Returns the database's code for an error, or `None` if it didn't answer.
#[must_use]
pub fn code(error: &DbErr) -> Option<Cow<'_, str>> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))
    | DbErr::Conn(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    cause.as_database_error()?.code()
}

//! What a failure of the database means: away, overtaken by another writer, or a conflict that is
//! over when the work is run again.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Whether the database can't be spoken with: it is away, or went away under a statement.
#[must_use]
pub fn is_outage(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            let code = cause.as_database_error().and_then(|error| error.code());
            // PostgreSQL's class 57P: shut down, crashed, not yet started.
            code.map_or_else(|| is_broken_connection(cause), |code| code.starts_with("57P"))
        }
        _ => false,
    }
}

fn is_broken_connection(cause: &sqlx::Error) -> bool {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
    matches!(cause, Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_) | WorkerCrashed)
}

/// Whether a row is there already that may be there only once.
#[must_use]
pub fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether another writer was quicker: a row is there already, or a row that was to be as it was
/// read is not, and dividing by nothing has stopped the statement.
#[must_use]
pub fn is_overtaken(error: &DbErr) -> bool {
    is_taken(error) || code(error).as_deref() == Some("22012")
}

/// Whether the work lost against other work and can simply be run again: serialization failure
/// and deadlock on PostgreSQL, a busy or stale database on SQLite.
#[must_use]
pub fn is_conflict(error: &DbErr) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "5" | "261" | "517"))
}

/// What the database calls an error.
fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))
    | DbErr::Conn(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    cause.as_database_error()?.code().map(String::from)
}

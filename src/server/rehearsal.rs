//! A rehearsal runs ahead of time (`CLOCK_AHEAD_DAYS`), and its database is marked: its rows are of
//! the future, and a server without the option would take them for today's.

use chrono::TimeDelta;
use sea_orm::DbErr;

use super::{clock::Clock, config::Config, database::Database, marks};

/// The mark with the most days that the database has been ahead.
const MARK: &str = "rehearsal_days";

/// Why a server doesn't start on a database, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// It was used for a rehearsal.
    #[error(
        "DATABASE_URL: the database belongs to a rehearsal that ran {0} days ahead, and its rows are \
         dated in the future: set CLOCK_AHEAD_DAYS={0} to go on with it, or name another database."
    )]
    Marked(i64),
    /// It can't be read or written.
    #[error("DATABASE_URL: the mark of rehearsals can't be read: {0}.")]
    Database(#[from] DbErr),
}

/// Marks the database of a rehearsal. Refuses a marked database if the server runs no rehearsal.
///
/// # Errors
/// See [`RehearsalError`].
pub async fn enter(
    config: &Config,
    database: &Database,
    clock: &Clock,
) -> Result<(), RehearsalError> {
    let (ahead, marked) = (config.clock_ahead.num_days(), marked(database).await?.num_days());
    if ahead == 0 {
        return if marked == 0 { Ok(()) } else { Err(RehearsalError::Marked(marked)) };
    }
    if ahead > marked {
        marks::write(database.writer(), MARK, &ahead.to_string(), clock.now()).await?;
    }
    Ok(())
}

/// Returns how far ahead rehearsals on this database have been; zero where there was none.
///
/// # Errors
/// Database errors.
pub async fn marked(database: &Database) -> Result<TimeDelta, DbErr> {
    let kept = marks::read(database.reader(), MARK).await?;
    let days = kept.and_then(|kept| kept.parse().ok()).unwrap_or(0);
    Ok(TimeDelta::try_days(days).unwrap_or_default())
}

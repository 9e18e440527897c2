//! Checks that the tables of a database still carry this release.
//!
//! A newer release only adds to the tables, and this release goes on beside it. Once no process of
//! this release is left, a contract step may take away what it used: that step writes the level it
//! needs as `oldest_release` into `marks`, and a release of a lower level refuses to work.

use std::time::Duration;

use migration::LEVEL;
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

use super::{
    database::Database,
    marks,
    readiness::{Readiness, Trouble},
};

/// The mark with the lowest level that a release must have.
pub const OLDEST_RELEASE: &str = "oldest_release";
/// How often a running process looks whether a contract step has been taken.
pub const EVERY: Duration = Duration::from_secs(5);

/// Why this release can't work with the tables, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A contract step has taken away what this release uses.
    #[error(
        "the tables no longer carry this release: they need schema level {needed}, this release \
         has {LEVEL}; start a newer release"
    )]
    TooNew {
        /// The level as it stands in the database.
        needed: String,
    },
    /// Migrations are missing.
    #[error("the tables are not up to date: run recharge migrate ({0} is missing)")]
    TooOld(&'static str),
    /// The database can't be read.
    #[error("the level of the tables can't be read: {0}")]
    Database(#[from] DbErr),
}

/// Checks that no contract step has left this release behind.
///
/// # Errors
/// Fails if one has, or the database can't be read.
pub async fn carries_this_release(database: &Database) -> Result<(), SchemaError> {
    let needed = marks::read(database.reader(), OLDEST_RELEASE).await?;
    match needed {
        Some(needed) if needed.parse::<i64>().map_or(true, |level| level > LEVEL) => {
            Err(SchemaError::TooNew { needed })
        }
        _ => Ok(()),
    }
}

/// Checks that this release can work with the tables as they are, without changing them.
///
/// # Errors
/// Fails if they are too old or too new, or the database can't be read.
pub async fn fits(database: &Database) -> Result<(), SchemaError> {
    if let Some(missing) = database.pending_migrations().await?.first() {
        return Err(SchemaError::TooOld(missing));
    }
    carries_this_release(database).await
}

/// Looks again and again whether the tables still carry this release, until the process ends.
/// A database that can't be read says nothing about its tables: others report that.
pub async fn watch(
    database: Database,
    readiness: Readiness,
    shutdown: CancellationToken,
    every: Duration,
) {
    loop {
        match carries_this_release(&database).await {
            Ok(()) => readiness.clear(Trouble::Schema),
            Err(error @ (SchemaError::TooNew { .. } | SchemaError::TooOld(_))) => {
                readiness.report(Trouble::Schema, error.to_string());
            }
            Err(SchemaError::Database(_)) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

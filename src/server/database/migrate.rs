//! Brings the tables up to date.
//!
//! - A migration and the row that records it are one transaction: a process that dies in the midst
//!   of it leaves the tables as they were.
//! - One process at a time: on SQLite it holds the lock of a file beside the database, on
//!   PostgreSQL an advisory lock in the transaction. Both end with the process.
//! - The statements of a waiting process have deadlines of their own, not those of requests.
//! - A database may have migrations that this release doesn't know: a newer release has added to
//!   the tables, and this release goes on with what it knows.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chrono::Utc;
use migration::{MIGRATIONS, Migration};
use sea_orm::DbErr;

use super::{
    BackupError, Database,
    change::{PATIENCE, applied, apply},
    is_conflict, is_locked,
    own_connection::OwnConnection,
};

/// How long a process pauses before it retries what another one held up. It blocks nobody
/// meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the tables are not up to date, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database failed.
    #[error("{0}")]
    Database(#[from] DbErr),
    /// A change can't be made. The tables are as they were before it.
    #[error("the change {migration} can't be made: {source}")]
    Change {
        /// The name of the migration.
        migration: &'static str,
        /// The answer of the database.
        source: DbErr,
    },
    /// A release before this one was killed while it changed a SQLite database, and left the
    /// change half made.
    #[error(
        "the change {migration} was begun by an older release that was ended in the midst of it \
         ({source}); restore a backup from before that, or remove the file if it holds nothing yet"
    )]
    HalfMade {
        /// The name of the migration.
        migration: &'static str,
        /// The answer of the database.
        source: DbErr,
    },
    /// A pooler gives each transaction another connection.
    #[error("behind a pooler they need DATABASE_DIRECT_URL, the way past it")]
    Pooled,
    /// Another process holds the lock.
    #[error("another process has been changing them, or using them, for over a minute")]
    Busy,
    /// The file beside the database can't be locked.
    #[error("{path} can't be locked: {source}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// The answer of the system.
        source: std::io::Error,
    },
    /// There is no backup, so nothing was changed.
    #[error("nothing was changed, because the backup before it failed: {0}")]
    Backup(#[from] BackupError),
}

impl Database {
    /// Brings the tables up to date, one process at a time. Backs up a SQLite file first if it has
    /// older tables.
    ///
    /// # Errors
    /// Fails if a statement fails, or another process migrates for over a minute.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        self.migrate_after(true).await
    }

    /// Brings the tables of a copy up to date: the original is the backup.
    ///
    /// # Errors
    /// Fails if a statement fails, or another process migrates for over a minute.
    pub async fn migrate_copy(&self) -> Result<(), MigrateError> {
        self.migrate_after(false).await
    }

    async fn migrate_after(&self, backs_up: bool) -> Result<(), MigrateError> {
        if self.direct.is_pooled() {
            return Err(MigrateError::Pooled);
        }
        let mut connection = self.own_connection().await?;
        if pending(&applied(&mut connection).await?).is_empty() {
            return Ok(connection.close().await?);
        }
        let file = self.sqlite_file();
        let _lock = match &file {
            Some(file) => Some(lock_beside(file).await?),
            None => None,
        };
        let applied = applied(&mut connection).await?;
        let pending = pending(&applied);
        let mut backup = None;
        if let (Some(last), false) = (applied.last(), pending.is_empty()) {
            if let (Some(file), true) = (&file, backs_up) {
                let path = backup_name(file, last);
                self.back_up(&path).await?;
                tracing::info!(path = %path.display(), "made a backup before the tables change");
                backup = Some(path);
            }
            tracing::info!(changes = pending.len(), "changing the tables");
        }
        for migration in pending {
            match self.apply_patiently(connection, migration).await {
                Ok(next) => connection = next,
                Err(error) => {
                    if let Some(backup) = backup {
                        self.remove_if_unchanged(&backup, &applied).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(connection.close().await?)
    }

    /// Removes the backup of a database that still has only these migrations. A supervisor may
    /// start a program that fails again and again, and each start makes a backup.
    async fn remove_if_unchanged(&self, backup: &Path, before: &[String]) {
        let Ok(mut connection) = self.own_connection().await else { return };
        if applied(&mut connection).await.is_ok_and(|now| now == before)
            && std::fs::remove_file(backup).is_ok()
        {
            tracing::info!(path = %backup.display(), "removed the backup: nothing was changed");
        }
        connection.close().await.ok();
    }

    /// Returns the names of the migrations that the database doesn't have yet.
    ///
    /// # Errors
    /// Fails if the database can't be read.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, DbErr> {
        let mut connection = self.own_connection().await?;
        let applied = applied(&mut connection).await?;
        connection.close().await?;
        Ok(pending(&applied).into_iter().map(|migration| migration.name).collect())
    }

    /// Applies one migration, and retries for a minute while another process is in the way. Each
    /// retry has a new connection.
    async fn apply_patiently(
        &self,
        mut connection: OwnConnection,
        migration: &Migration,
    ) -> Result<OwnConnection, MigrateError> {
        let begun = Instant::now();
        loop {
            let Err(error) = apply(&mut connection, migration, begun).await else {
                return Ok(connection);
            };
            drop(connection);
            if !is_in_the_way(&error) {
                return Err(explain(error, migration, self.is_sqlite()));
            }
            if begun.elapsed() > PATIENCE {
                return Err(MigrateError::Busy);
            }
            tokio::time::sleep(PAUSE).await;
            connection = self.own_connection().await?;
        }
    }
}

fn pending(applied: &[String]) -> Vec<&'static Migration> {
    let is_new = |migration: &&Migration| applied.iter().all(|name| name != migration.name);
    MIGRATIONS.iter().filter(is_new).collect()
}

/// Waits for the lock of the file beside a SQLite database. The kernel releases it when the
/// process ends, however it ends.
async fn lock_beside(database: &Path) -> Result<File, MigrateError> {
    let path = beside(database, "migration-lock");
    let failed = |source| MigrateError::Lock { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                return Err(MigrateError::Busy);
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Returns the path of the backup before a change: it has the date and the last migration.
fn backup_name(database: &Path, last: &str) -> PathBuf {
    let at = Utc::now().format("%Y%m%dT%H%M%S%3fZ");
    beside(database, &format!("backup-{at}-{last}"))
}

/// Returns the path of a file in the same folder, with a longer name.
fn beside(database: &Path, addition: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(addition);
    database.with_file_name(name)
}

/// Returns whether an attempt failed only because another process uses what it needs.
fn is_in_the_way(error: &DbErr) -> bool {
    is_conflict(error) || is_locked(error)
}

fn explain(source: DbErr, migration: &Migration, is_sqlite: bool) -> MigrateError {
    let words = source.to_string();
    let signs = ["already exists", "duplicate column name", "no such table"];
    let migration = migration.name;
    if is_sqlite && signs.iter().any(|sign| words.contains(sign)) {
        MigrateError::HalfMade { migration, source }
    } else {
        MigrateError::Change { migration, source }
    }
}

//! Copies a SQLite database while processes write to it, and restores such a copy.
//!
//! PostgreSQL has its own tools for that, which know more than a client can: `pg_dump` and the
//! archive of its log.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    DbErr,
    sqlx::{
        AssertSqlSafe, Connection, Row, SqliteConnection, raw_sql, sqlite::SqliteConnectOptions,
    },
};

use super::{
    Database,
    address::Address,
    code,
    session::{failed, identity},
};

/// SQLite's codes for a full disk, and for a statement that we ended because it took too long.
const FULL: &str = "13";
const INTERRUPTED: &str = "9";

/// Why there is no backup, or nothing was restored, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL is backed up by PostgreSQL.
    #[error(
        "PostgreSQL is backed up by its own tools: pg_dump --format=custom for one moment, \
         pg_basebackup with an archive of the WAL for every moment (see docs/operate/backup.md)"
    )]
    Postgres,
    /// There is nothing to back up.
    #[error("there is no database {}", .0.display())]
    Missing(PathBuf),
    /// A file is in the way.
    #[error("{} exists already: move it aside first", .0.display())]
    Exists(PathBuf),
    /// Another process writes the same backup.
    #[error("another process is writing {}", .0.display())]
    Busy(PathBuf),
    /// A file can't be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The answer of the system.
        source: io::Error,
    },
    /// The disk is full.
    #[error("there is no room for {}", .0.display())]
    NoRoom(PathBuf),
    /// The copy was not complete by its deadline.
    #[error("it was not complete after {0:?}")]
    Slow(Duration),
    /// The database can't be read or the copy can't be written.
    #[error("{0}")]
    Database(DbErr),
    /// A copy that is complete is still open.
    #[error("{} is in use", .0.display())]
    InUse(PathBuf),
    /// The copy is damaged.
    #[error("{} is damaged: {finding}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's description of the damage.
        finding: String,
    },
}

impl Database {
    /// Returns the path of the SQLite file that a URL names. Returns `None` for another database.
    #[must_use]
    pub fn file_of(url: &str) -> Option<PathBuf> {
        match Address::parse(url) {
            Ok(Address::Sqlite(path)) => Some(path),
            _ => None,
        }
    }

    /// Copies the database into a new file while others write to it. The copy holds everything that
    /// was committed before the call. The file gets its name once it is complete and on disk.
    ///
    /// # Errors
    /// Fails on PostgreSQL, if the file exists, or if it can't be written.
    pub async fn back_up(&self, path: &Path) -> Result<(), BackupError> {
        if !self.is_sqlite() {
            return Err(BackupError::Postgres);
        }
        if path.exists() {
            return Err(BackupError::Exists(path.to_owned()));
        }
        let part = with_addition(path, ".part");
        let _lock = lock_part(&part)?;
        let made = self.copy_into(&part).await.map_err(|error| match code(&error).as_deref() {
            Some(FULL) => BackupError::NoRoom(path.to_owned()),
            Some(INTERRUPTED) => BackupError::Slow(self.writers.limits().whole),
            _ => BackupError::Database(error),
        });
        let made = made.and_then(|()| put_in_place(&part, path));
        if made.is_err() {
            remove(&part).ok();
        }
        made
    }

    async fn copy_into(&self, part: &Path) -> Result<(), DbErr> {
        let mut connection = self.own_connection().await?;
        connection.execute_long(&format!("VACUUM INTO {}", quoted(part))).await?;
        connection.close().await
    }
}

/// Makes an incomplete file, or empties one that its writer has left. SQLite accepts an empty file.
/// Only its owner may read the file, because it has secrets.
fn lock_part(part: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(part).map_err(at(part))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => BackupError::Busy(part.to_owned()),
        TryLockError::Error(error) => at(part)(error),
    })?;
    // Its writer may have finished, and removed the name, before we had the lock.
    let locked = file.metadata().map(|found| identity(&found)).map_err(at(part))?;
    if fs::metadata(part).map(|found| identity(&found)).ok() != Some(locked) {
        return Err(BackupError::Busy(part.to_owned()));
    }
    file.set_len(0).map_err(at(part))?;
    Ok(file)
}

/// Copies a backup beside the path of a database that doesn't exist or is empty, and returns the
/// path of the copy, which no server uses. SQLite has found it sound. It includes a log that stands
/// beside the backup.
///
/// # Errors
/// Fails if the database exists, or the backup can't be read or is damaged.
pub async fn copy_backup(backup: &Path, database: &Path) -> Result<PathBuf, BackupError> {
    for side in ["", "-wal", "-journal"] {
        let path = with_addition(database, side);
        if fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
            return Err(BackupError::Exists(path));
        }
    }
    if let Some(folder) = database.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let part = with_addition(database, ".restoring");
    for side in ["", "-wal", "-shm"] {
        remove(&with_addition(&part, side))?;
    }
    fs::copy(backup, &part).map_err(at(backup))?;
    // Only its owner may read a database, whoever may read the backup.
    fs::set_permissions(&part, Permissions::from_mode(0o600)).map_err(at(&part))?;
    let log = with_addition(backup, "-wal");
    if log.exists() {
        fs::copy(&log, with_addition(&part, "-wal")).map_err(at(&log))?;
    }
    check(&part, backup).await?;
    Ok(part)
}

/// Gives the copy of a backup the name of its database. Nobody has it open any more.
///
/// # Errors
/// Fails if somebody has, if the database exists meanwhile, or if the copy can't be renamed.
pub async fn put_copy_in_place(copy: &Path, database: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::Database(failed(error));
    let mut connection = open(copy).await.map_err(failed)?;
    let is_complete = merge_log(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if !is_complete {
        return Err(BackupError::InUse(copy.to_owned()));
    }
    for side in ["", "-wal", "-shm", "-journal"] {
        remove(&with_addition(database, side))?;
    }
    put_in_place(copy, database)?;
    // The file that kept other processes away while the tables of the copy were changed.
    remove(&with_addition(copy, ".migration-lock"))
}

/// Gives the copy of a backup a name that no server uses, and returns its new path. Replaces a copy
/// that was set aside before.
///
/// # Errors
/// Fails if it can't be renamed.
pub fn set_aside(copy: &Path, database: &Path) -> Result<PathBuf, BackupError> {
    let aside = with_addition(database, ".refused");
    for side in ["", "-wal", "-shm"] {
        let (from, to) = (with_addition(copy, side), with_addition(&aside, side));
        remove(&to)?;
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&from)(error)),
            _ => {}
        }
    }
    Ok(aside)
}

/// Merges the log of a SQLite file into it, and lets SQLite check every page.
async fn check(file: &Path, named: &Path) -> Result<(), BackupError> {
    // SQLite's findings have several lines.
    let damaged = |finding: &str| BackupError::Damaged {
        path: named.to_owned(),
        finding: finding.lines().collect::<Vec<_>>().join(" "),
    };
    let failed = |error: sea_orm::sqlx::Error| damaged(&error.to_string());
    let mut connection = open(file).await.map_err(failed)?;
    merge_log(&mut connection).await.map_err(failed)?;
    let integrity = raw_sql(AssertSqlSafe("PRAGMA integrity_check(1)".to_owned()));
    let found = integrity.fetch_one(&mut connection).await.map_err(failed)?;
    let finding: String = found.try_get(0).map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if finding == "ok" { Ok(()) } else { Err(damaged(&finding)) }
}

async fn open(file: &Path) -> Result<SqliteConnection, sea_orm::sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file);
    SqliteConnection::connect_with(&options).await
}

/// Merges the log of a SQLite file into it. Returns false if somebody has the file open.
async fn merge_log(connection: &mut SqliteConnection) -> Result<bool, sea_orm::sqlx::Error> {
    let checkpoint = raw_sql(AssertSqlSafe("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()));
    let is_busy: i64 = checkpoint.fetch_one(connection).await?.try_get(0)?;
    Ok(is_busy == 0)
}

/// Flushes a complete file to disk and gives it its name. Fails if the name is taken meanwhile.
fn put_in_place(part: &Path, path: &Path) -> Result<(), BackupError> {
    File::open(part).and_then(|file| file.sync_all()).map_err(at(part))?;
    fs::hard_link(part, path).map_err(at(path))?;
    remove(part)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    |source| match source.kind() {
        io::ErrorKind::StorageFull => BackupError::NoRoom(path),
        _ => BackupError::File { path, source },
    }
}

fn with_addition(path: &Path, addition: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(addition);
    name.into()
}

/// Returns a path as a string literal of SQL.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}

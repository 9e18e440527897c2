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
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chrono::Utc;
use migration::{MIGRATIONS, Migration};
use sea_orm::DbErr;

use super::{BackupError, Database, is_conflict, is_locked, own_connection::OwnConnection};

/// Names the lock under which only one process migrates: "recharge" in ASCII.
const MIGRATION_LOCK: i64 = 0x7265_6368_6172_6765;
/// How long a process waits for another one that migrates, or for tables that are in use.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it pauses between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// The table in which a database records its migrations. Its name and columns are those of SeaORM,
/// with which earlier releases migrated.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS seaql_migrations (
    version    TEXT   NOT NULL PRIMARY KEY,
    applied_at BIGINT NOT NULL
)";

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
    #[error("the backup before it failed: {0}")]
    Backup(#[from] BackupError),
}

impl Database {
    /// Brings the tables up to date; of several processes one at a time. A SQLite file that has
    /// older tables is backed up first.
    ///
    /// # Errors
    /// Fails if a statement fails, or another process migrates for over a minute.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
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
        if let (Some(last), false) = (applied.last(), pending.is_empty()) {
            if let Some(file) = &file {
                let backup = backup_name(file, last);
                self.back_up(&backup).await?;
                tracing::info!(path = %backup.display(), "made a backup before the tables change");
            }
            tracing::info!(changes = pending.len(), "changing the tables");
        }
        for migration in pending {
            connection = self.apply_patiently(connection, migration).await?;
        }
        Ok(connection.close().await?)
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

    /// Applies one migration, again and again while another process is in the way. A connection on
    /// which something failed is not used again.
    async fn apply_patiently(
        &self,
        mut connection: OwnConnection,
        migration: &Migration,
    ) -> Result<OwnConnection, MigrateError> {
        let begun = Instant::now();
        loop {
            let Err(error) = apply(&mut connection, migration).await else {
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

/// Makes one change and records it, in one transaction. Does nothing if another process was quicker.
async fn apply(connection: &mut OwnConnection, migration: &Migration) -> Result<(), DbErr> {
    let begin = match connection {
        OwnConnection::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
        OwnConnection::Postgres(_) => format!(
            "BEGIN; SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '5s';
             SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        ),
    };
    step(connection, &begin).await?;
    let applied = applied(connection).await?;
    if applied.iter().any(|name| name == migration.name) {
        return step(connection, "ROLLBACK").await;
    }
    if applied.is_empty() {
        step(connection, RECORDS).await?;
    }
    for statement in migration.statements {
        step(connection, statement).await?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let record = format!("INSERT INTO seaql_migrations VALUES ('{}', {now})", migration.name);
    step(connection, &record).await?;
    step(connection, "COMMIT").await
}

/// Returns the names of the migrations that a database has, in their order.
///
/// On PostgreSQL the table is looked for with a query: `to_regclass` answers from a cache, which
/// misses a table that another process has made since this transaction began.
async fn applied(connection: &mut OwnConnection) -> Result<Vec<String>, DbErr> {
    let table = match connection {
        OwnConnection::Sqlite(_) => {
            "SELECT name FROM sqlite_master WHERE name = 'seaql_migrations'"
        }
        OwnConnection::Postgres(_) => {
            "SELECT CAST(tablename AS TEXT) FROM pg_tables
             WHERE tablename = 'seaql_migrations' AND schemaname = ANY (current_schemas(FALSE))"
        }
    };
    if connection.texts(table).await?.is_empty() {
        return Ok(Vec::new());
    }
    connection.texts("SELECT version FROM seaql_migrations ORDER BY version").await
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

/// Names the backup before a change: with the date and the last migration that it has.
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

/// Whether an attempt failed only because another process uses what it needs.
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

/// Runs one statement of a migration.
async fn step(connection: &mut OwnConnection, statement: &str) -> Result<(), DbErr> {
    if cfg!(debug_assertions) {
        abort_if_asked();
    }
    connection.execute(statement).await
}

/// Kills the process before the statement whose number a test has put into the environment, as a
/// power cut would. Release builds don't call it.
fn abort_if_asked() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    let number = STATEMENTS.fetch_add(1, Ordering::SeqCst) + 1;
    let asked = std::env::var("RECHARGE_ABORT_AT_STATEMENT");
    if asked.is_ok_and(|asked| asked.parse() == Ok(number)) {
        std::process::abort();
    }
}

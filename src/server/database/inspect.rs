//! Opens a database for inspection, and leaves it as it is.
//!
//! A server that connects to SQLite makes a missing file and switches its journal to WAL. An
//! inspection opens only an existing file, with a single connection that may write, so that it can
//! try whether writes work. If this were the last connection, closing it would move a log that a
//! killed process has left into the file. So if there is a log, a read-only connection stays open
//! until the writing one is closed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use migration::MIGRATIONS;
use sea_orm::{
    ConnectionTrait, DbErr, RuntimeErr, Statement,
    sqlx::{ConnectOptions, Connection, Executor, SqliteConnection},
};

use super::{
    Database, Limits, MigrateError, Pool,
    address::Address,
    connector::Opening,
    errors::lacks_table,
    faults::Faults,
    session::{Place, failed},
    settings::existing_sqlite,
};

/// Reads the first page of a SQLite file.
const FIRST_PAGE: &str = "SELECT COUNT(*) FROM sqlite_master";

/// A database that stays as it is.
#[derive(Debug)]
pub struct Inspected {
    /// The open database.
    pub database: Database,
    /// Keeps the log of a SQLite file in its place.
    keeps_log: Option<SqliteConnection>,
}

/// How the tables of a database differ from those of this release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// True if the database has no tables.
    pub is_empty: bool,
    /// The migrations that the database doesn't have yet.
    pub pending: Vec<&'static str>,
    /// The migrations that this release doesn't know.
    pub newer: Vec<String>,
}

impl Inspected {
    /// Opens an existing database.
    ///
    /// # Errors
    /// If a URL is of neither kind, the file is missing, or the database can't be reached.
    pub async fn open(url: &str, direct: Option<&str>, limits: Limits) -> Result<Self, DbErr> {
        let address = Address::parse(url)?;
        let Address::Sqlite(path) = &address else {
            let database = Database::connect_with(url, direct, limits).await?;
            return Ok(Self { database, keeps_log: None });
        };
        let keeps_log = if log_of(path).exists() { Some(reader_of(path).await?) } else { None };
        let place = Arc::new(Place::new(path.clone()));
        let opening = Opening::Sqlite(Box::new(existing_sqlite(path, true)), place);
        let writers = Pool::new(opening, limits, 1, false, &Faults::default())?;
        let readers = writers.for_reading();
        let first_page = Statement::from_string(readers.backend(), FIRST_PAGE);
        readers.query_one_raw(first_page).await?;
        let lookups = readers.clone();
        let database = Database { readers, writers, lookups, direct: Arc::new(address) };
        Ok(Self { database, keeps_log })
    }

    /// Closes a SQLite file, and leaves no new files beside it.
    ///
    /// # Errors
    /// If the file can't be closed.
    pub async fn close(self) -> Result<(), DbErr> {
        if !self.database.is_sqlite() {
            return Ok(());
        }
        self.database.writers.take().await?.close().await?;
        self.database.writers.close();
        match self.keeps_log {
            Some(reader) => reader.close().await.map_err(failed),
            None => Ok(()),
        }
    }
}

impl Database {
    /// Compares the migrations of the database with those of this release.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn changes(&self) -> Result<Changes, DbErr> {
        let applied = "SELECT version FROM seaql_migrations ORDER BY version";
        let applied = Statement::from_string(self.readers.backend(), applied);
        let applied: Vec<String> = match self.readers.query_all_raw(applied).await {
            Ok(rows) => rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?,
            Err(error) if lacks_table(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        let names = || MIGRATIONS.iter().map(|migration| migration.name);
        let pending = names().filter(|name| applied.iter().all(|it| it != name)).collect();
        let is_empty = applied.is_empty();
        let newer = applied.into_iter().filter(|it| names().all(|name| name != it)).collect();
        Ok(Changes { is_empty, pending, newer })
    }

    /// Checks that migrations can connect to PostgreSQL, past a pooler if there is one.
    ///
    /// # Errors
    /// If the address past the pooler is unknown or can't be reached.
    pub async fn ping_directly(&self) -> Result<(), MigrateError> {
        if self.direct.is_pooled() {
            return Err(MigrateError::Pooled);
        }
        if self.is_sqlite() {
            return Ok(());
        }
        Ok(self.own_connection().await?.close().await?)
    }
}

/// Opens a file for reading, with its log.
async fn reader_of(path: &Path) -> Result<SqliteConnection, DbErr> {
    let open = async {
        let mut reader = existing_sqlite(path, false).read_only(true).connect().await?;
        reader.execute(FIRST_PAGE).await?;
        Ok(reader)
    };
    open.await
        .map_err(|error: sea_orm::sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

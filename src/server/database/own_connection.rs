//! A connection for one piece of work that doesn't fit the pools, such as a migration or a backup.
//! It has the deadlines of that work and ends with it, even if the work fails.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        AssertSqlSafe, Connection, Error, PgConnection, Row, SqliteConnection,
        postgres::PgConnectOptions, raw_sql,
    },
};
use tokio::time::timeout;

use super::{
    Database, Limits,
    address::Address,
    connector::writable,
    errors::SILENCE,
    session::{failed, silent},
    settings::{noticing_our_end, sqlite_options},
};

/// How many steps SQLite makes before it checks whether a statement has taken too long.
const STEPS: i32 = 1_000;

/// A connection that nobody else uses. Statements go unprepared and one by one.
pub(super) struct OwnConnection {
    raw: Raw,
    pub limits: Limits,
}

enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    /// Returns the path of the SQLite file. Returns `None` on PostgreSQL.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match &*self.direct {
            Address::Sqlite(path) => Some(path.clone()),
            Address::Postgres { .. } => None,
        }
    }

    /// Opens a connection that may write, past a pooler.
    pub(super) async fn own_connection(&self) -> Result<OwnConnection, DbErr> {
        let limits = self.writers.limits();
        let opening = async {
            match &*self.direct {
                Address::Sqlite(path) => {
                    let options = sqlite_options(path, true);
                    SqliteConnection::connect_with(&options).await.map(Raw::Sqlite)
                }
                Address::Postgres { hosts, .. } => own_postgres(hosts).await.map(Raw::Postgres),
            }
        };
        let Ok(opened) = timeout(limits.connection, opening).await else {
            let (within, place) = (limits.connection, self.direct.shown());
            let words = format!("{SILENCE} {within:?} from {place}");
            return Err(DbErr::Conn(RuntimeErr::Internal(words)));
        };
        let raw = opened.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(OwnConnection { raw, limits })
    }
}

/// Connects to PostgreSQL, and lets it notice soon if our end is gone: the locks of a migration last
/// as long as its connection.
async fn own_postgres(hosts: &[PgConnectOptions]) -> Result<PgConnection, Error> {
    let (mut connection, _) = writable(hosts, 0).await?;
    raw_sql(AssertSqlSafe(noticing_our_end())).execute(&mut connection).await?;
    Ok(connection)
}

impl OwnConnection {
    /// Returns whether it is a connection to SQLite.
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.raw, Raw::Sqlite(_))
    }

    /// Runs a statement that the database answers soon.
    pub async fn execute(&mut self, sql: &str) -> Result<(), DbErr> {
        self.execute_within(self.limits.connection, sql).await
    }

    /// Runs a statement that may work on whole tables. The database itself ends one that takes too
    /// long: SQLite here, PostgreSQL by the settings of the transaction. If it doesn't say so, the
    /// wait ends soon after that.
    pub async fn execute_long(&mut self, sql: &str) -> Result<(), DbErr> {
        let (limit, begun) = (self.limits.whole, Instant::now());
        if let Raw::Sqlite(raw) = &mut self.raw {
            let mut raw = raw.lock_handle().await.map_err(failed)?;
            raw.set_progress_handler(STEPS, move || begun.elapsed() < limit);
        }
        self.execute_within(limit + self.limits.connection, sql).await
    }

    /// Runs a statement that the database answers soon, after a wait of at most `wait`.
    pub async fn execute_after(&mut self, wait: Duration, sql: &str) -> Result<(), DbErr> {
        self.execute_within(wait + self.limits.connection, sql).await
    }

    async fn execute_within(&mut self, limit: Duration, sql: &str) -> Result<(), DbErr> {
        let statement = raw_sql(AssertSqlSafe(sql.to_owned()));
        let executing = async {
            match &mut self.raw {
                Raw::Sqlite(raw) => statement.execute(raw).await.map(drop),
                Raw::Postgres(raw) => statement.execute(raw).await.map(drop),
            }
        };
        answered(limit, executing).await
    }

    /// Returns the first column of every row that a query finds. It must be a text.
    pub async fn texts(&mut self, sql: &str) -> Result<Vec<String>, DbErr> {
        let query = raw_sql(AssertSqlSafe(sql.to_owned()));
        let asking = async {
            match &mut self.raw {
                Raw::Sqlite(raw) => {
                    let rows = query.fetch_all(raw).await?;
                    rows.iter().map(|row| row.try_get(0)).collect()
                }
                Raw::Postgres(raw) => {
                    let rows = query.fetch_all(raw).await?;
                    rows.iter().map(|row| row.try_get(0)).collect()
                }
            }
        };
        answered(self.limits.connection, asking).await
    }

    /// Closes the connection, so that a SQLite file is left without a lock. SQLite may move its log
    /// into the file before that.
    pub async fn close(self) -> Result<(), DbErr> {
        let closing = async {
            match self.raw {
                Raw::Sqlite(raw) => raw.close().await,
                Raw::Postgres(raw) => raw.close().await,
            }
        };
        answered(self.limits.whole, closing).await
    }
}

/// Waits for an answer for `limit` at most.
async fn answered<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, DbErr> {
    timeout(limit, asking).await.map_err(|_| silent(limit))?.map_err(failed)
}

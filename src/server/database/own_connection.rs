//! A connection for one piece of work that the pools don't fit: migrations and backups. It obeys
//! the deadlines of its work, and it ends with it, whatever becomes of the work.

use std::path::PathBuf;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{
        AssertSqlSafe, Connection, Error, PgConnection, Row, SqliteConnection,
        postgres::PgConnectOptions, raw_sql,
    },
};

use super::{
    Database,
    address::Address,
    connector::writable,
    settings::{noticing_our_end, sqlite_options},
};

/// A connection that nobody else uses. Statements go unprepared and one by one.
pub(super) enum OwnConnection {
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
        let opened = match &*self.direct {
            Address::Sqlite(path) => {
                let options = sqlite_options(path, true);
                SqliteConnection::connect_with(&options).await.map(OwnConnection::Sqlite)
            }
            Address::Postgres { hosts, .. } => own_postgres(hosts).await,
        };
        opened.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }
}

/// The locks of a migration end with its connection, so PostgreSQL must notice its end.
async fn own_postgres(hosts: &[PgConnectOptions]) -> Result<OwnConnection, Error> {
    let (mut connection, _) = writable(hosts, 0).await?;
    raw_sql(AssertSqlSafe(noticing_our_end())).execute(&mut connection).await?;
    Ok(OwnConnection::Postgres(connection))
}

impl OwnConnection {
    /// Runs a statement.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), DbErr> {
        let statement = raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => statement.execute(connection).await.map(drop),
            Self::Postgres(connection) => statement.execute(connection).await.map(drop),
        }
        .map_err(failed)
    }

    /// Returns the first column of every row that a query finds. It must be a text.
    pub(super) async fn texts(&mut self, sql: &str) -> Result<Vec<String>, DbErr> {
        let query = raw_sql(AssertSqlSafe(sql.to_owned()));
        let texts: Result<_, Error> = match self {
            Self::Sqlite(connection) => {
                let rows = query.fetch_all(connection).await.map_err(failed)?;
                rows.iter().map(|row| row.try_get(0)).collect()
            }
            Self::Postgres(connection) => {
                let rows = query.fetch_all(connection).await.map_err(failed)?;
                rows.iter().map(|row| row.try_get(0)).collect()
            }
        };
        texts.map_err(failed)
    }

    /// Closes the connection, so that a SQLite file is left without a lock.
    pub(super) async fn close(self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
        .map_err(failed)
    }
}

fn failed(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

//! The driver's connection, and how statements go over it.

use sea_orm::{
    DbErr, QueryResult, Statement,
    sqlx::{AssertSqlSafe, Executor, PgConnection, SqliteConnection, query_with},
};

use super::{
    super::{
        arguments,
        ask::{Ask, Told},
    },
    failed,
    standby::heeding,
};

#[derive(Debug)]
pub(super) enum Raw {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Raw {
    /// Asks one question, and sets `is_warned` if PostgreSQL sends a warning meanwhile.
    pub async fn ask(
        &mut self,
        ask: Ask,
        is_named: bool,
        is_warned: &mut bool,
    ) -> Result<Told, DbErr> {
        match self {
            Self::Sqlite(raw) => ask_sqlite(raw, ask).await,
            Self::Postgres(raw) => heeding(is_warned, ask_postgres(raw, ask, is_named)).await,
        }
    }
}

async fn ask_sqlite(raw: &mut SqliteConnection, ask: Ask) -> Result<Told, DbErr> {
    match ask {
        Ask::Plain(sql) => {
            let done = raw.execute(AssertSqlSafe(sql)).await.map_err(failed)?;
            Ok(Told::Done(done.into()))
        }
        Ask::Execute(Statement { sql, values, .. }) => {
            let query = query_with(AssertSqlSafe(sql), arguments::for_sqlite(values)?);
            Ok(Told::Done(raw.execute(query).await.map_err(failed)?.into()))
        }
        Ask::Query(Statement { sql, values, .. }) => {
            let query = query_with(AssertSqlSafe(sql), arguments::for_sqlite(values)?);
            let rows = raw.fetch_all(query).await.map_err(failed)?;
            Ok(Told::Rows(rows.into_iter().map(QueryResult::from).collect()))
        }
    }
}

async fn ask_postgres(raw: &mut PgConnection, ask: Ask, is_named: bool) -> Result<Told, DbErr> {
    match ask {
        Ask::Plain(sql) => {
            let done = raw.execute(AssertSqlSafe(sql)).await.map_err(failed)?;
            Ok(Told::Done(done.into()))
        }
        Ask::Execute(Statement { sql, values, .. }) => {
            let query = query_with(AssertSqlSafe(sql), arguments::for_postgres(values)?);
            Ok(Told::Done(raw.execute(query.persistent(is_named)).await.map_err(failed)?.into()))
        }
        Ask::Query(Statement { sql, values, .. }) => {
            let query = query_with(AssertSqlSafe(sql), arguments::for_postgres(values)?);
            let rows = raw.fetch_all(query.persistent(is_named)).await.map_err(failed)?;
            Ok(Told::Rows(rows.into_iter().map(QueryResult::from).collect()))
        }
    }
}

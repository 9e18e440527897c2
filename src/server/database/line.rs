//! A connection to PostgreSQL for somebody who writes all the time.
//!
//! The pool asks at each checkout and at each return whether a connection still lives: two round
//! trips for each statement. Who keeps a connection asks once, and takes another when it breaks.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value,
    sea_query::ArrayType,
    sqlx::{
        Arguments, AssertSqlSafe, Error, Executor, PgConnection, postgres::PgArguments, query_with,
    },
};
use tokio::sync::Mutex;

use super::Database;

/// A connection that is nobody else's. Each statement is a transaction of its own, but for those
/// between [`Line::begin`] and [`Line::commit`].
#[derive(Debug)]
pub struct Line {
    connection: Mutex<PgConnection>,
}

impl Database {
    /// A connection of one's own, which the pool neither counts nor waits for when it closes. Only
    /// a task that nobody cancels may use it, and it lets it go after an error that says nothing
    /// about rows.
    ///
    /// # Errors
    /// Where the database can't be reached.
    ///
    /// # Panics
    /// On SQLite, where there is one connection that writes.
    pub async fn line(&self) -> Result<Line, DbErr> {
        let pool = self.writers.get_postgres_connection_pool();
        let connection = pool.acquire().await.map_err(unreachable)?;
        Ok(Line { connection: Mutex::new(connection.detach()) })
    }
}

impl Line {
    /// Begins a transaction of several statements.
    ///
    /// # Errors
    /// Where the database can't be reached.
    pub async fn begin(&self) -> Result<(), DbErr> {
        self.execute_unprepared("BEGIN").await.map(drop)
    }

    /// Ends a transaction, and says whether it was kept.
    ///
    /// # Errors
    /// Where the database can't be reached or refuses.
    pub async fn commit(&self) -> Result<(), DbErr> {
        self.execute_unprepared("COMMIT").await.map(drop)
    }

    /// Ends a transaction as if it had never begun.
    ///
    /// # Errors
    /// Where the database can't be reached.
    pub async fn roll_back(&self) -> Result<(), DbErr> {
        self.execute_unprepared("ROLLBACK").await.map(drop)
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Line {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (sql, arguments) = parts(statement)?;
        let mut connection = self.connection.lock().await;
        let done = connection.execute(query_with(AssertSqlSafe(sql), arguments)).await;
        done.map(ExecResult::from).map_err(failed)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
        done.map(ExecResult::from).map_err(failed)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let found = self.query_all_raw(statement).await?;
        Ok(found.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, arguments) = parts(statement)?;
        let mut connection = self.connection.lock().await;
        let found = connection.fetch_all(query_with(AssertSqlSafe(sql), arguments)).await;
        Ok(found.map_err(failed)?.into_iter().map(QueryResult::from).collect())
    }
}

fn parts(statement: Statement) -> Result<(String, PgArguments), DbErr> {
    let mut arguments = PgArguments::default();
    for value in statement.values.into_iter().flat_map(|values| values.0) {
        add(&mut arguments, value).map_err(|error| DbErr::TryIntoErr {
            from: "a value of a statement",
            into: "a parameter of PostgreSQL",
            source: error.into(),
        })?;
    }
    Ok((statement.sql, arguments))
}

/// Adds a parameter. Arrays may have NULLs.
fn add(arguments: &mut PgArguments, value: Value) -> Result<(), sea_orm::sqlx::error::BoxDynError> {
    match value {
        Value::String(text) => arguments.add(text),
        Value::BigInt(number) => arguments.add(number),
        Value::Int(number) => arguments.add(number),
        Value::Bool(truth) => arguments.add(truth),
        Value::Array(ArrayType::String, Some(values)) => {
            let text = |value| if let Value::String(text) = value { text } else { None };
            arguments.add(values.into_iter().map(text).collect::<Vec<_>>())
        }
        Value::Array(ArrayType::BigInt, Some(values)) => {
            let number = |value| if let Value::BigInt(number) = value { number } else { None };
            arguments.add(values.into_iter().map(number).collect::<Vec<_>>())
        }
        Value::Array(ArrayType::Bool, Some(values)) => {
            let truth = |value| if let Value::Bool(truth) = value { truth } else { None };
            arguments.add(values.into_iter().map(truth).collect::<Vec<_>>())
        }
        other => Err(format!("nobody has said how to send {other:?}").into()),
    }
}

fn unreachable(error: Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

fn failed(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

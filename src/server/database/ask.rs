//! A question to the database, and its answer.

use sea_orm::{DbErr, ExecResult, QueryResult, Statement};

/// A statement, with the kind of its answer.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// The answer is the number of rows that it changed.
    Execute(Statement),
    /// The answer is rows.
    Query(Statement),
    /// One or several statements without parameters, sent unprepared.
    Plain(String),
}

impl Ask {
    /// Returns the statement.
    pub fn sql(&self) -> &str {
        match self {
            Self::Execute(statement) | Self::Query(statement) => &statement.sql,
            Self::Plain(sql) => sql,
        }
    }

    /// Returns the statement, or `None` if it is sent unprepared.
    pub fn prepared(&self) -> Option<&str> {
        (!matches!(self, Self::Plain(_))).then(|| self.sql())
    }
}

/// An answer.
pub(super) enum Told {
    Done(ExecResult),
    Rows(Vec<QueryResult>),
}

impl Told {
    /// Returns how many rows were changed.
    pub fn done(self) -> Result<ExecResult, DbErr> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Rows(_) => Err(DbErr::Custom("rows came instead of their number".to_owned())),
        }
    }

    /// Returns the rows.
    pub fn rows(self) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Done(_) => Err(DbErr::Custom("a number came instead of rows".to_owned())),
        }
    }
}

/// Lets a type with `ask` and `backend` be used for SeaORM's statements.
macro_rules! connection_by_asking {
    ($type:ty) => {
        #[async_trait::async_trait]
        impl sea_orm::ConnectionTrait for $type {
            fn get_database_backend(&self) -> sea_orm::DbBackend {
                self.backend()
            }

            async fn execute_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<sea_orm::ExecResult, sea_orm::DbErr> {
                self.ask($crate::server::database::ask::Ask::Execute(statement)).await?.done()
            }

            async fn execute_unprepared(
                &self,
                sql: &str,
            ) -> Result<sea_orm::ExecResult, sea_orm::DbErr> {
                self.ask($crate::server::database::ask::Ask::Plain(sql.to_owned())).await?.done()
            }

            async fn query_one_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<Option<sea_orm::QueryResult>, sea_orm::DbErr> {
                Ok(self.query_all_raw(statement).await?.into_iter().next())
            }

            async fn query_all_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<Vec<sea_orm::QueryResult>, sea_orm::DbErr> {
                self.ask($crate::server::database::ask::Ask::Query(statement)).await?.rows()
            }
        }
    };
}
pub(super) use connection_by_asking;

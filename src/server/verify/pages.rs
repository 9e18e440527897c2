//! Reads a table page by page, by its key.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::Findings;
use crate::server::database::Pool;

/// Rows that are read at a time.
const PAGE: i64 = 500;

/// Where the reading of a table is.
pub(super) struct Pages<'p> {
    reader: &'p Pool,
    sql: String,
    after: String,
    is_over: bool,
}

impl<'p> Pages<'p> {
    /// Begins to read. `select` ends before its `WHERE`; the rows come in the order of `key`.
    pub fn new(reader: &'p Pool, select: &str, key: &str) -> Self {
        Self::only(reader, select, key, "TRUE")
    }

    /// The same for rows for which a condition holds.
    pub fn only(reader: &'p Pool, select: &str, key: &str, which: &str) -> Self {
        let sql = format!("{select} WHERE {which} AND {key} > $1 ORDER BY {key} LIMIT $2");
        Self { reader, sql, after: String::new(), is_over: false }
    }

    /// Reads all rows, and adds to what was found each of which `judge` says something.
    pub async fn judge<Row: FromQueryResult, Says: Into<String>>(
        mut self,
        table: &'static str,
        key: impl Fn(&Row) -> &str,
        judge: impl Fn(&Row) -> Option<Says>,
    ) -> Result<Findings, DbErr> {
        let mut findings = Findings::default();
        loop {
            let page = self.next(&key).await?;
            if page.is_empty() {
                return Ok(findings);
            }
            for row in &page {
                if let Some(says) = judge(row) {
                    findings.add(table, key(row), says);
                }
            }
        }
    }

    /// Returns the next rows; none at the end. `key` tells where the page after them begins.
    pub async fn next<Row: FromQueryResult>(
        &mut self,
        key: impl Fn(&Row) -> &str,
    ) -> Result<Vec<Row>, DbErr> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let values: [Value; 2] = [self.after.clone().into(), PAGE.into()];
        let backend = self.reader.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, &self.sql, values);
        let rows = Row::find_by_statement(statement).all(self.reader).await?;
        self.is_over = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        if let Some(last) = rows.last() {
            key(last).clone_into(&mut self.after);
        }
        Ok(rows)
    }
}

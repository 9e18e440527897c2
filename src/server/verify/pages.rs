//! Reads a table page by page, by its key.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::Findings;
use crate::server::database::Pool;

/// Rows that are read at a time.
const PAGE: i64 = 500;
/// Stands for the comparison with the last key.
const AFTER: &str = "{after}";

/// How far a table has been read.
pub(super) struct Pages<'p> {
    reader: &'p Pool,
    sql: String,
    /// The last key that was read. It is `None` before the first page: a key may be empty.
    after: Option<String>,
    is_over: bool,
}

impl<'p> Pages<'p> {
    /// Begins to read. `select` ends before its `WHERE`; the rows come in the order of `key`.
    pub fn new(reader: &'p Pool, select: &str, key: &str) -> Self {
        Self::only(reader, select, key, "TRUE")
    }

    /// Begins to read only the rows for which the condition `which` holds.
    pub fn only(reader: &'p Pool, select: &str, key: &str, which: &str) -> Self {
        let sql = format!("{select} WHERE {which} AND {key} {AFTER} $1 ORDER BY {key} LIMIT $2");
        Self { reader, sql, after: None, is_over: false }
    }

    /// Reads all rows, and returns those that `judge` finds wrong, with what it says.
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

    /// Returns the next rows, or no rows at the end. `key` returns the key of a row.
    pub async fn next<Row: FromQueryResult>(
        &mut self,
        key: impl Fn(&Row) -> &str,
    ) -> Result<Vec<Row>, DbErr> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let comparison = if self.after.is_some() { ">" } else { ">=" };
        let sql = self.sql.replace(AFTER, comparison);
        let values: [Value; 2] = [self.after.clone().unwrap_or_default().into(), PAGE.into()];
        let backend = self.reader.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let rows = Row::find_by_statement(statement).all(self.reader).await?;
        self.is_over = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        if let Some(last) = rows.last() {
            self.after = Some(key(last).to_owned());
        }
        Ok(rows)
    }
}

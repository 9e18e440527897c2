//! Finds the acknowledged lines that the database has lost.

use std::fmt;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::{super::rowset::Rowset, line::Line};
use crate::server::database::Database;

/// Lines that one statement looks up.
const TOGETHER: usize = 512;
/// The most accounts that a sentence names, and the most entries of each.
const ACCOUNTS_NAMED: usize = 5;
const NUMBERS_NAMED: usize = 12;

/// The database has a line if it has its entry. It also has it if its key was carried out again:
/// for the same amount, even with other content, or with the same content under another number.
const NOT_FOUND: &str = "
    WHERE NOT EXISTS (
        SELECT 1 FROM entries
        WHERE entries.account_id = new.account AND entries.seq = new.number
          AND entries.request_key = new.name AND entries.request_digest = new.digest
          AND entries.available_change = new.available AND entries.held_change = new.held)
    AND NOT EXISTS (
        SELECT 1 FROM entries
        WHERE entries.account_id = new.account AND entries.request_key = new.name
          AND entries.request_key IS NOT NULL
          AND (entries.available_change + entries.held_change = new.available + new.held
               OR entries.request_digest = new.digest AND entries.seq <> new.number))";

/// An acknowledged command that the database has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The acknowledged line.
    pub line: Line,
    /// Whether another entry has its number now.
    pub is_given_again: bool,
}

/// Returns the lines that the database doesn't have, in their order.
pub async fn forgotten(
    database: &Database,
    lines: impl IntoIterator<Item = Line>,
) -> Result<Vec<Forgotten>, DbErr> {
    let (mut lines, mut forgotten) = (lines.into_iter(), Vec::new());
    loop {
        let some: Vec<_> = lines.by_ref().take(TOGETHER).collect();
        if some.is_empty() {
            return Ok(forgotten);
        }
        look_up(database, &some, &mut forgotten).await?;
    }
}

async fn look_up(
    database: &Database,
    lines: &[Line],
    forgotten: &mut Vec<Forgotten>,
) -> Result<(), DbErr> {
    let columns = [
        ("place", "bigint"),
        ("account", "text"),
        ("number", "bigint"),
        ("name", "text"),
        ("digest", "text"),
        ("available", "bigint"),
        ("held", "bigint"),
    ];
    let row = |(line, place): (&Line, i64)| -> Vec<Value> {
        vec![
            place.into(),
            line.account.clone().into(),
            line.seq.into(),
            line.key.clone().into(),
            line.digest.clone().into(),
            line.available_change.into(),
            line.held_change.into(),
        ]
    };
    let rows = Rowset::new(columns.to_vec(), lines.iter().zip(0..).map(row).collect());
    // These connections find rows by their keys, whatever the planner believes about the tables.
    let (connection, mut values) = (database.finder(), Vec::new());
    let backend = connection.get_database_backend();
    let sql = format!(
        "SELECT new.place, (SELECT COUNT(*) FROM entries WHERE entries.account_id = new.account
                            AND entries.seq = new.number) AS given_again
         FROM {} {NOT_FOUND} ORDER BY new.place",
        rows.source(backend, &mut values),
    );
    let statement = Statement::from_sql_and_values(backend, sql, values);
    for row in connection.query_all_raw(statement).await? {
        let place: i64 = row.try_get_by_index(0)?;
        let given_again: i64 = row.try_get_by_index(1)?;
        let line = usize::try_from(place).ok().and_then(|place| lines.get(place));
        let is_given_again = given_again > 0;
        forgotten.extend(line.map(|line| Forgotten { line: line.clone(), is_given_again }));
    }
    Ok(())
}

/// Names accounts and entries in few words: `acc_1: 12, 13 (given again); acc_2: 7; …`.
pub struct Named<'a>(pub &'a [Forgotten]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.0.chunk_by(|one, next| one.line.account == next.line.account);
        for (index, entries) in accounts.enumerate() {
            if index == ACCOUNTS_NAMED {
                return f.write_str("; …");
            }
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{}: ", entries[0].line.account)?;
            for (index, entry) in entries.iter().take(NUMBERS_NAMED).enumerate() {
                let separator = if index > 0 { ", " } else { "" };
                let again = if entry.is_given_again { " (given again)" } else { "" };
                write!(f, "{separator}{}{again}", entry.line.seq)?;
            }
            if entries.len() > NUMBERS_NAMED {
                f.write_str(", …")?;
            }
        }
        Ok(())
    }
}

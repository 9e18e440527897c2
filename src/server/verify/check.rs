//! One promise, as the SQL that finds the rows that break it.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Findings, MOST_NAMED, SLACK, Wrong};
use crate::server::database::Pool;

/// A promise about the rows of a table.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub table: &'static str,
    /// A condition in SQL that holds for the rows that break it. `{latest}` stands for the latest
    /// instant that a row may have, `{slack}` for how far clocks may differ, in milliseconds.
    pub wrong: String,
    /// What is wrong with such a row.
    pub says: String,
}

/// A promise as it is written down: table, condition and message, as in [`Check`].
pub(super) type Promise = (&'static str, &'static str, &'static str);

/// The SQL that names a row, for tables without a column `id`.
const KEYS: &[(&str, &str)] = &[
    ("lots", "account_id || '/' || number"),
    ("entries", "account_id || '/' || seq"),
    ("auto_recharges", "account_id"),
    ("auto_recharge_claims", "account_id || '/' || slot"),
    ("discarded_cards", "method"),
    ("notice_preferences", "account_id || '/' || topic"),
    ("notice_latches", "account_id || '/' || kind"),
    ("sessions", "id_hash"),
    ("sign_in_links", "token_hash"),
    ("external_accounts", "external_id"),
    ("platform_requests", "key"),
    ("jobs", "name || '/' || slot"),
    ("marks", "name"),
    ("catalogues", "version"),
];

const LATEST: &str = "{latest}";

#[derive(FromQueryResult)]
struct WrongRow {
    row_key: String,
    /// How many there are in all.
    wrong_rows: i64,
}

impl Check {
    /// Finds the rows that break the promise.
    pub async fn run(&self, reader: &Pool, latest: i64) -> Result<Findings, DbErr> {
        let key = KEYS.iter().find(|(table, _)| *table == self.table).map_or("id", |(_, key)| *key);
        let wrong = self.wrong.replace("{slack}", &SLACK.num_milliseconds().to_string());
        let asks_for_latest = wrong.contains(LATEST);
        // A parameter, so that the statement is the same in each run.
        let wrong = wrong.replace(LATEST, "CAST($1 AS BIGINT)");
        let sql = format!(
            "SELECT {key} AS row_key, COUNT(*) OVER () AS wrong_rows FROM {} WHERE {wrong}
             ORDER BY row_key LIMIT {MOST_NAMED}",
            self.table,
        );
        let values = asks_for_latest.then(|| Value::from(latest));
        let backend = reader.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let rows = WrongRow::find_by_statement(statement).all(reader).await?;
        let all = rows.first().map_or(0, |row| u64::try_from(row.wrong_rows).unwrap_or(0));
        let named: Vec<_> = rows.into_iter().map(|row| self.named(row.row_key)).collect();
        let unnamed = all.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
        Ok(Findings { named, unnamed })
    }

    fn named(&self, row: String) -> Wrong {
        Wrong { table: self.table, row, message: self.says.clone() }
    }
}

impl From<&Promise> for Check {
    fn from((table, wrong, says): &Promise) -> Self {
        Self { table, wrong: (*wrong).to_owned(), says: (*says).to_owned() }
    }
}

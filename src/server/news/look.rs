//! How far accounts are, in one statement.

use std::{collections::HashMap, fmt};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::server::database::Database;

/// How far an account is: whatever a page shows of it has changed when this has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Its latest entry: a balance never changes without one.
    pub seq: i64,
    /// Its unread notices.
    pub unread: i64,
    /// When the latest notice was written.
    pub noticed_at: i64,
    /// When all of its purchases changed, summed up: of several processes the clocks differ.
    pub purchases: i64,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, unread, noticed_at, purchases } = self;
        write!(f, "{seq}.{unread}.{noticed_at}.{purchases}")
    }
}

/// What was found of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub version: Version,
    /// When it came there, in milliseconds.
    pub latest_at: i64,
}

#[derive(FromQueryResult)]
struct FoundRow {
    id: String,
    seq: i64,
    latest_at: i64,
    unread: i64,
    noticed_at: i64,
    purchases: i64,
    purchased_at: i64,
}

const COLUMNS: &str = "
    accounts.id, accounts.seq, accounts.latest_at,
    (SELECT COUNT(*) FROM notices
     WHERE notices.account_id = accounts.id AND notices.read_at IS NULL) AS unread,
    COALESCE((SELECT notices.at FROM notices WHERE notices.account_id = accounts.id
              ORDER BY notices.id DESC LIMIT 1), 0) AS noticed_at,
    (SELECT CAST(COALESCE(SUM(updated_at), 0) AS BIGINT) FROM purchases
     WHERE purchases.account_id = accounts.id) AS purchases,
    (SELECT COALESCE(MAX(updated_at), 0) FROM purchases
     WHERE purchases.account_id = accounts.id) AS purchased_at";

/// How far these accounts are.
pub(super) async fn look(
    database: &Database,
    accounts: &[String],
) -> Result<HashMap<String, Found>, DbErr> {
    let reader = database.finder();
    let listed = database.listed();
    let sql = format!("SELECT {COLUMNS} FROM {listed} JOIN accounts ON accounts.id = listed.id");
    let accounts = serde_json::Value::from(accounts).to_string();
    let statement =
        Statement::from_sql_and_values(reader.get_database_backend(), sql, [accounts.into()]);
    let rows = FoundRow::find_by_statement(statement).all(reader).await?;
    let found = |row: FoundRow| {
        let FoundRow { id, seq, latest_at, unread, noticed_at, purchases, purchased_at } = row;
        let version = Version { seq, unread, noticed_at, purchases };
        (id, Found { version, latest_at: latest_at.max(noticed_at).max(purchased_at) })
    };
    Ok(rows.into_iter().map(found).collect())
}

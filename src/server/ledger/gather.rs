//! Reads what a batch needs to be decided: its accounts with their open lots, and what its keys
//! have led to. One statement, so that all of it is of one moment, and takes one round trip.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use super::{kept::Standing, known::Known, queue::Request, rows, rowset::Rowset};
use crate::{
    credits::{AccountId, Lot},
    server::entity::{account, entry, lot},
};

/// What a batch needs.
#[derive(Default)]
pub(super) struct Gathered {
    pub accounts: Vec<Standing>,
    pub known: Known,
}

/// The rows, sorted by what they are.
#[derive(Default)]
struct Sorted {
    accounts: Vec<(account::Model, i64)>,
    /// Those of each account.
    lots: HashMap<String, Vec<Lot>>,
    known: Known,
}

/// What the rows are: the first column of each says it.
const ACCOUNT: i32 = 0;
const LOT: i32 = 1;
const KNOWN: i32 = 2;

/// Columns of text and of numbers that each row has, behind what it is and its account.
const TEXTS: usize = 3;
const NUMBERS: usize = 16;

const ACCOUNT_TEXTS: [&str; 2] = ["zone", "level"];
const ACCOUNT_NUMBERS: [&str; 15] = [
    "available",
    "held",
    "seq",
    "granted",
    "spent",
    "expired",
    "latest_at",
    "created_at",
    "CAST(cycle_anchor_day AS BIGINT)",
    "low_at",
    "cap_all",
    "cap_inference",
    "cap_strategy",
    "cap_backtest",
    "cap_analysis",
];
const VERSION: usize = ACCOUNT_NUMBERS.len();
const LOT_TEXTS: [&str; 2] = ["source", "purchase_id"];
const LOT_NUMBERS: [&str; 5] = ["number", "granted", "remaining", "held", "expires_at"];
const KNOWN_TEXTS: [&str; 3] = ["request_key", "request_digest", "kind"];
const KNOWN_NUMBERS: [&str; 7] =
    ["seq", "hold", "available_change", "held_change", "available_after", "held_after", "at"];

/// Reads it. One query.
pub(super) async fn gather(
    connection: &impl ConnectionTrait,
    requests: &[Request],
) -> Result<Gathered, DbErr> {
    read(connection, ids(requests), keys(requests)).await
}

/// Reads the accounts of a batch that are not kept; of its keys, nothing. One query, or none.
pub(super) async fn complete(
    connection: &impl ConnectionTrait,
    kept: Vec<Standing>,
    requests: &[Request],
) -> Result<Gathered, DbErr> {
    let mut missing: BTreeSet<_> = requests.iter().map(|request| &request.account).collect();
    for standing in &kept {
        missing.remove(&standing.account.id);
    }
    let mut gathered = Gathered::default();
    if !missing.is_empty() {
        gathered = read(connection, rowset(missing), Rowset::of_texts(&[], Vec::new())).await?;
    }
    gathered.accounts.extend(kept);
    Ok(gathered)
}

async fn read(
    connection: &impl ConnectionTrait,
    ids: Rowset<'_>,
    keys: Rowset<'_>,
) -> Result<Gathered, DbErr> {
    let statement = statement(connection.get_database_backend(), ids, keys);
    let mut sorted = Sorted::default();
    for row in connection.query_all_raw(statement).await? {
        sorted.take(&Row(row))?;
    }
    sorted.put_together()
}

fn statement(backend: DbBackend, ids: Rowset<'_>, keys: Rowset<'_>) -> Statement {
    let mut values = Vec::<Value>::new();
    let asks_for_keys = !keys.is_empty();
    let ids = ids.source(backend, &mut values);
    let mut sql = format!("WITH ids AS (SELECT id FROM {ids})");
    if asks_for_keys {
        sql +=
            &format!(", keys AS (SELECT account, key FROM {})", keys.source(backend, &mut values));
    }
    let mut numbers = ACCOUNT_NUMBERS.to_vec();
    numbers.push(version(backend));
    sql += &select(ACCOUNT, "accounts.id", &ACCOUNT_TEXTS, &numbers);
    sql += " FROM ids JOIN accounts ON accounts.id = ids.id UNION ALL";
    sql += &select(LOT, "account_id", &LOT_TEXTS, &LOT_NUMBERS);
    sql += " FROM ids JOIN lots ON lots.account_id = ids.id AND lots.is_open";
    if asks_for_keys {
        sql += " UNION ALL";
        sql += &select(KNOWN, "account_id", &KNOWN_TEXTS, &KNOWN_NUMBERS);
        sql += " FROM keys JOIN entries ON entries.account_id = keys.account
                 AND entries.request_key = keys.key AND entries.request_key IS NOT NULL";
    }
    Statement::from_sql_and_values(backend, sql, values)
}

/// The keys of a batch; one that is asked for twice is there once.
pub(super) fn keys(requests: &[Request]) -> Rowset<'static> {
    let keys = requests.iter().filter_map(Request::key);
    let keys: BTreeSet<_> = keys.map(|(account, key)| (&account.0, &key.key)).collect();
    let row = |(account, key): &(&String, &String)| {
        vec![(*account).clone().into(), (*key).clone().into()]
    };
    Rowset::of_texts(&["account", "key"], keys.iter().map(row).collect())
}

/// The version of an account's row.
pub(super) fn version(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Sqlite { "0" } else { "CAST(CAST(accounts.xmin AS TEXT) AS BIGINT)" }
}

/// The accounts of a batch, in the order of their ids.
pub(super) fn ids(requests: &[Request]) -> Rowset<'static> {
    rowset(requests.iter().map(|request| &request.account).collect())
}

fn rowset(ids: BTreeSet<&AccountId>) -> Rowset<'static> {
    Rowset::of_texts(&["id"], ids.into_iter().map(|id| vec![id.0.clone().into()]).collect())
}

/// `SELECT 1, account_id, source, …`, with NULLs where a row of this kind has nothing.
fn select(what: i32, account: &str, texts: &[&str], numbers: &[&str]) -> String {
    let missing = |kind: &'static str, count| std::iter::repeat_n(kind, count);
    let texts = texts.iter().copied().chain(missing("CAST(NULL AS TEXT)", TEXTS - texts.len()));
    let numbers =
        numbers.iter().copied().chain(missing("CAST(NULL AS BIGINT)", NUMBERS - numbers.len()));
    let columns: Vec<_> = texts.chain(numbers).collect();
    format!(" SELECT {what}, {account}, {}", columns.join(", "))
}

/// A row, read by the places of its columns.
struct Row(QueryResult);

impl Row {
    fn account(&self) -> Result<String, DbErr> {
        self.0.try_get_by_index(1)
    }

    fn text(&self, place: usize) -> Result<Option<String>, DbErr> {
        self.0.try_get_by_index(2 + place)
    }

    fn number(&self, place: usize) -> Result<Option<i64>, DbErr> {
        self.0.try_get_by_index(2 + TEXTS + place)
    }

    /// A text that is never NULL.
    fn some_text(&self, place: usize) -> Result<String, DbErr> {
        self.0.try_get_by_index(2 + place)
    }

    /// A number that is never NULL.
    fn some_number(&self, place: usize) -> Result<i64, DbErr> {
        self.0.try_get_by_index(2 + TEXTS + place)
    }
}

impl Sorted {
    fn take(&mut self, row: &Row) -> Result<(), DbErr> {
        match row.0.try_get_by_index(0)? {
            ACCOUNT => self.accounts.push((account_row(row)?, row.some_number(VERSION)?)),
            LOT => {
                let lot = rows::lot(lot_row(row)?)?;
                self.lots.entry(row.account()?).or_default().push(lot);
            }
            _ => self.known.take(known_row(row)?)?,
        }
        Ok(())
    }

    fn put_together(mut self) -> Result<Gathered, DbErr> {
        let standing = |(row, version): (account::Model, i64)| {
            let lots = self.lots.remove(&row.id).unwrap_or_default();
            Ok(Standing {
                zone: rows::parse("accounts.zone", &row.zone)?,
                cycle_anchor_day: u32::try_from(row.cycle_anchor_day).unwrap_or(1),
                account: rows::account(&row, lots),
                version,
            })
        };
        let accounts = self.accounts.into_iter().map(standing).collect::<Result<_, DbErr>>()?;
        Ok(Gathered { accounts, known: self.known })
    }
}

fn account_row(row: &Row) -> Result<account::Model, DbErr> {
    Ok(account::Model {
        id: row.account()?,
        zone: row.some_text(0)?,
        level: row.some_text(1)?,
        available: row.some_number(0)?,
        held: row.some_number(1)?,
        seq: row.some_number(2)?,
        granted: row.some_number(3)?,
        spent: row.some_number(4)?,
        expired: row.some_number(5)?,
        latest_at: row.some_number(6)?,
        created_at: row.some_number(7)?,
        cycle_anchor_day: i32::try_from(row.some_number(8)?).unwrap_or(1),
        low_at: row.number(9)?,
        cap_all: row.number(10)?,
        cap_inference: row.number(11)?,
        cap_strategy: row.number(12)?,
        cap_backtest: row.number(13)?,
        cap_analysis: row.number(14)?,
    })
}

/// What names its account is read by others.
fn lot_row(row: &Row) -> Result<lot::Model, DbErr> {
    Ok(lot::Model {
        account_id: String::new(),
        number: row.some_number(0)?,
        source: row.some_text(0)?,
        granted: row.some_number(1)?,
        remaining: row.some_number(2)?,
        held: row.some_number(3)?,
        expires_at: row.some_number(4)?,
        purchase_id: row.text(1)?,
        is_open: true,
    })
}

/// Its words are not read: they aren't told again.
fn known_row(row: &Row) -> Result<entry::Model, DbErr> {
    Ok(entry::Model {
        account_id: row.account()?,
        request_key: row.text(0)?,
        request_digest: row.text(1)?,
        kind: row.some_text(2)?,
        seq: row.some_number(0)?,
        hold: row.number(1)?,
        available_change: row.some_number(2)?,
        held_change: row.some_number(3)?,
        available_after: row.some_number(4)?,
        held_after: row.some_number(5)?,
        at: row.some_number(6)?,
        operation: None,
        description: String::new(),
        detail: String::new(),
        reference: String::new(),
        rate_card: String::new(),
        run: None,
    })
}

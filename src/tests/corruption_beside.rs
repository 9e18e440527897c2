//! R13 beside the ledger: somebody changes or removes a row of any table, and `verify` names it. Each
//! column of each table is found like that, here or in `ledger_corruption`, or excused with a reason.

mod corruptions;
mod excused;
mod world;

use std::collections::BTreeSet;

use recharge::server::{
    clock::Clock,
    database::Database,
    ledger::VerifyError,
    seed,
    verify::{self, Wrong},
};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use corruptions::{CORRUPTIONS, Corruption, REMOVALS};
use excused::EXCUSED;
use world::World;

use crate::{
    app::TestApp,
    databases::{TestDatabase, on_both_databases},
    program::{fails_with, run, text},
};

on_both_databases!(
    a_row_that_somebody_changed_is_found_and_named,
    every_column_is_found_or_excused,
    demo_data_is_in_order,
    of_many_wrong_rows_some_are_named_and_all_are_counted,
);

/// What names a row, where that is not a column `id`.
const KEYS: &[(&str, &str)] = &[
    ("lots", "account_id || '/' || number"),
    ("entries", "account_id || '/' || seq"),
    ("allocations", "account_id || '/' || seq || '/' || lot"),
    ("holds", "account_id || '/' || number"),
    ("hold_allocations", "account_id || '/' || hold || '/' || lot"),
    ("usage_daily", "account_id || '/' || day || '/' || operation"),
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

/// What `ledger_corruption` changes, column by column.
const IN_THE_LEDGER: &str = include_str!("ledger_corruption.rs");

async fn column(test: &TestDatabase, sql: &str) -> Vec<String> {
    let reader = test.database.reader();
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let rows = reader.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

fn key_of(table: &str) -> &'static str {
    KEYS.iter().find(|(of, _)| *of == table).map_or("id", |(_, key)| key)
}

/// The names of a table's rows that meet a condition.
async fn names(test: &TestDatabase, table: &str, only: &str) -> Vec<String> {
    let key = key_of(table);
    column(test, &format!("SELECT {key} AS name FROM {table} WHERE {only} ORDER BY 1")).await
}

fn is_row(table: &str, name: &str) -> String {
    format!("{} = '{}'", key_of(table), name.replace('\'', "''"))
}

/// Every table and column, as `table.column`.
async fn columns(test: &TestDatabase) -> BTreeSet<String> {
    let sql = if test.database.is_sqlite() {
        "SELECT tables.name || '.' || columns.name FROM sqlite_master AS tables
         JOIN pragma_table_info(tables.name) AS columns
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%'"
    } else {
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'public'"
    };
    let all = column(test, sql).await.into_iter();
    all.filter(|name| !name.starts_with("seaql_migrations.")).collect()
}

/// The columns that `ledger_corruption` changes: `corruption("lots", "granted = granted + 1", …)`.
fn found_in_the_ledger() -> BTreeSet<String> {
    let lines = IN_THE_LEDGER.lines().filter_map(|line| line.trim().strip_prefix("corruption(\""));
    let columns = lines.flat_map(|line| {
        let mut texts = line.split('"').step_by(2);
        let (table, set) = (texts.next().unwrap(), texts.next().unwrap());
        let columns = set.split(", ").map(|set| set.split(" = ").next().unwrap());
        columns.map(|column| format!("{table}.{column}")).collect::<Vec<_>>()
    });
    columns.collect()
}

async fn every_column_is_found_or_excused(test: TestDatabase) {
    let of = |table: &str, column: &str| format!("{table}.{column}");
    let found: BTreeSet<_> = CORRUPTIONS.iter().map(|it| of(it.table, it.column)).collect();
    let found: BTreeSet<_> = found.union(&found_in_the_ledger()).cloned().collect();
    let excused: BTreeSet<_> =
        EXCUSED.iter().flat_map(|(table, names, _)| names.iter().map(|it| of(table, it))).collect();
    let both: Vec<_> = found.intersection(&excused).collect();
    assert!(both.is_empty(), "no excuse is needed for {both:?}");
    let known: BTreeSet<_> = found.union(&excused).cloned().collect();
    let all = columns(&test).await;
    let missing: Vec<_> = all.difference(&known).collect();
    assert!(missing.is_empty(), "neither found nor excused: {missing:?}");
    let gone: Vec<_> = known.difference(&all).collect();
    assert!(gone.is_empty(), "there are no such columns: {gone:?}");
}

/// What is found beside the ledger.
async fn beside(world: &World) -> Vec<Wrong> {
    let app = &world.app;
    verify::beside_the_ledger(&app.database, &app.clock).await.unwrap().named
}

/// What the ledger finds of itself: the first wrong row.
async fn in_the_ledger(world: &World) -> Option<Wrong> {
    match world.app.state.ledger.verify().await {
        Ok(_) => None,
        Err(VerifyError::Mismatch(it)) => {
            Some(Wrong { table: it.table, row: it.row, message: it.message })
        }
        Err(error) => panic!("{error}"),
    }
}

async fn nothing_is_wrong(world: &World) {
    assert_eq!((beside(world).await, in_the_ledger(world).await), (Vec::new(), None));
}

async fn change(database: &Database, sql: &str) -> u64 {
    let writer = database.writer();
    let statement = Statement::from_string(writer.get_database_backend(), sql);
    let done = writer.execute_raw(statement).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

async fn a_row_that_somebody_changed_is_found_and_named(world: World) {
    let test = &world.app.home;
    let writing = test.another_process().await;
    nothing_is_wrong(&world).await;
    let tables: BTreeSet<_> = CORRUPTIONS.iter().map(|it| it.table).collect();
    for table in tables {
        assert!(!names(test, table, "1 = 1").await.is_empty(), "{table} has no row");
        change(&writing, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    let (columns, mut missed) = (columns(test).await, Vec::new());
    for corruption in CORRUPTIONS {
        if let Err(said) = corrupt(&world, &writing, corruption, &columns).await {
            missed.push(said);
        }
    }
    for (table, only) in REMOVALS {
        let name = names(test, table, only).await.pop();
        let name = name.unwrap_or_else(|| panic!("no row of {table} meets {only}"));
        let row = is_row(table, &name);
        assert_eq!(change(&writing, &format!("DELETE FROM {table} WHERE {row}")).await, 1);
        if beside(&world).await.is_empty() {
            missed.push(format!("removed {table} {name}"));
        }
        let back = format!("INSERT INTO {table} SELECT * FROM kept_{table} WHERE {row}");
        change(&writing, &back).await;
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
    nothing_is_wrong(&world).await;
}

/// Changes a row, and puts it back. Fails with words if `verify` doesn't name it.
async fn corrupt(
    world: &World,
    writing: &Database,
    corruption: &Corruption,
    columns: &BTreeSet<String>,
) -> Result<(), String> {
    let (test, Corruption { table, column: set, value, only }) = (&world.app.home, corruption);
    let before = names(test, table, "1 = 1").await;
    let name = names(test, table, only).await.pop();
    let name = name.ok_or_else(|| format!("no row of {table} meets {only}"))?;
    let sql = format!("UPDATE {table} SET {set} = {value} WHERE {}", is_row(table, &name));
    assert_eq!(change(writing, &sql).await, 1, "{sql}");
    let after = names(test, table, "1 = 1").await;
    let new = after.iter().find(|it| !before.contains(it)).unwrap_or(&name);
    let app = &world.app;
    let mut found = verify::one_table(&app.database, &app.clock, table).await.unwrap().named;
    let is_named = |wrong: &Wrong| wrong.table == *table && [&name, new].contains(&&wrong.row);
    let mut is_found = found.iter().any(is_named);
    if !is_found && let Some(wrong) = in_the_ledger(world).await {
        // A row of the ledger that has another account is missing in its own.
        let accounts = [&name, new].map(|name| name.split('/').next().unwrap_or_default());
        let is_of_either = accounts.iter().any(|account| wrong.row.starts_with(account));
        is_found = is_named(&wrong) || *set == "account_id" && is_of_either;
        found.push(wrong);
    }
    put_back(writing, table, columns, [&name, new]).await;
    if is_found { Ok(()) } else { Err(format!("{sql}: {found:?}")) }
}

async fn put_back(
    writing: &Database,
    table: &str,
    columns: &BTreeSet<String>,
    [name, new]: [&str; 2],
) {
    let prefix = format!("{table}.");
    let all: Vec<_> = columns.iter().filter_map(|column| column.strip_prefix(&prefix)).collect();
    let all = all.join(", ");
    let kept = format!("SELECT {all} FROM kept_{table} WHERE {}", is_row(table, name));
    let back = format!("UPDATE {table} SET ({all}) = ({kept}) WHERE {}", is_row(table, new));
    assert_eq!(change(writing, &back).await, 1, "{back}");
}

async fn demo_data_is_in_order(app: TestApp) {
    let state = &app.state;
    let prices = state.catalogues.current();
    seed::run(&state.database, &state.clock, &state.ledger, &prices, 7).await.unwrap();
    let found = verify::beside_the_ledger(&app.database, &app.clock).await.unwrap();
    assert_eq!(found.named, []);
}

/// Writes down a request whose digest is none.
async fn write_wrong_request(database: &Database, number: u32) {
    let insert = format!(
        "INSERT INTO platform_requests (key, digest, led_to, at)
         VALUES ('key-{number:03}', 'none', '', 1700000000000)"
    );
    change(database, &insert).await;
}

async fn of_many_wrong_rows_some_are_named_and_all_are_counted(test: TestDatabase) {
    for number in 0..150 {
        write_wrong_request(&test.database, number).await;
    }
    let found = verify::beside_the_ledger(&test.database, &Clock::default()).await.unwrap();
    assert_eq!((found.named.len(), found.count()), (100, 150));
    assert_eq!(found.named[0].to_string(), "platform_requests key-000: its digest is not valid");
}

#[tokio::test]
async fn the_command_lists_each_wrong_row_and_fails() {
    let folder = TempDir::new().unwrap();
    assert!(run(folder.path(), &["migrate"]).status.success());
    let url = format!("sqlite://{}/data/recharge.db", folder.path().display());
    write_wrong_request(&Database::connect(&url).await.unwrap(), 7).await;
    let verified = run(folder.path(), &["verify"]);
    fails_with(&verified, "Rows beside the ledger that are wrong: 1.");
    assert_eq!(text(&verified.stdout), "platform_requests key-007: its digest is not valid\n");
}

//! The tables are brought up to date as a whole or not at all, whoever dies, and whoever else does
//! the same at that moment.

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Output,
};

use futures::future::join_all;
use migration::MIGRATIONS;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::server::{database::Database, marks};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use crate::{
    api_crash::Served,
    databases::{TestDatabase, seed},
    program::{fails_with, recharge, run, run_on, text},
};

/// The signal of `abort`.
const ABORTED: i32 = 6;
/// The last migration, which changes one name, and what it has changed.
const LAST: &str = "m20261122_000019_platform_requests";
const UNDO_LAST: &str = "ALTER TABLE platform_requests RENAME TO webhook_requests";

/// Migrates a database, and is killed before this statement of it.
fn migrate(test: &TestDatabase, killed_at: usize) -> Output {
    let folder = TempDir::new().unwrap();
    recharge(folder.path())
        .args(["migrate", "--log", "off", "--database-url", &test.url])
        .env("RECHARGE_ABORT_AT_STATEMENT", killed_at.to_string())
        .output()
        .unwrap()
}

/// The first column of what a query finds.
async fn texts(test: &TestDatabase, sql: &str) -> Vec<String> {
    let reader = test.database.reader();
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let found = reader.query_all_raw(statement).await.unwrap();
    found.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Every table, column and index, as the database describes them.
async fn shape(test: &TestDatabase) -> Vec<String> {
    let sql = if test.database.is_sqlite() {
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    } else {
        "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
         FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1"
    };
    texts(test, sql).await
}

/// Kills one start after the other, each at a statement that comes next, until one ends by itself;
/// tells how many were killed.
async fn kill_until_done(test: &TestDatabase, mut next: impl FnMut(bool) -> usize) -> usize {
    let (mut killed, mut known) = (0, BTreeSet::new());
    loop {
        let table = if test.database.is_sqlite() {
            "SELECT name FROM sqlite_master WHERE name = 'seaql_migrations'"
        } else {
            "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relname = 'seaql_migrations'"
        };
        let mut applied = BTreeSet::new();
        if !texts(test, table).await.is_empty() {
            applied.extend(texts(test, "SELECT version FROM seaql_migrations").await);
        }
        assert!(applied.is_superset(&known), "what was done stays done");
        let is_further = applied.len() > known.len();
        known = applied;
        let output = migrate(test, next(is_further));
        if output.status.success() {
            return killed;
        }
        assert_eq!(output.status.signal(), Some(ABORTED), "{}", text(&output.stderr));
        killed += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_statement_the_next_start_opens_a_sqlite_file() {
    let test = TestDatabase::empty_sqlite().await;
    let mut at = 0;
    let killed = kill_until_done(&test, |is_further| {
        // A start that follows on a commit was seen before its first statement already.
        at = if is_further { 2 } else { at + 1 };
        at
    });
    let killed = killed.await;
    let statements: usize = MIGRATIONS.iter().map(|migration| migration.statements.len()).sum();
    // Beside the statements: once the table of records; each time BEGIN, the record and COMMIT.
    assert_eq!(killed, statements + 1 + 3 * MIGRATIONS.len());
    assert_eq!(shape(&test).await, shape(&TestDatabase::sqlite().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_statement_the_next_start_opens_a_postgresql_database() {
    let test = TestDatabase::empty_postgres().await;
    let mut random = StdRng::seed_from_u64(seed());
    let most = if std::env::var_os("TEST_EVERY_STATEMENT").is_some() { 1 } else { 24 };
    let mut at = 0;
    let killed = kill_until_done(&test, |is_further| {
        at = if is_further { 1 } else { at } + random.random_range(1..=most);
        at
    });
    assert!(killed.await > 3);
    assert_eq!(shape(&test).await, shape(&TestDatabase::postgres().await).await);
}

async fn four_start_at_once_on(url: &str) {
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(Served::on(url).await);
    }
    // Each is ready, or this fails.
    join_all(processes.iter_mut().map(Served::start)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_start_at_once_on_a_new_sqlite_file() {
    let folder = TempDir::new().unwrap();
    four_start_at_once_on(&format!("sqlite://{}/recharge.db", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_start_at_once_on_a_new_postgresql_database() {
    four_start_at_once_on(&TestDatabase::empty_postgres().await.url).await;
}

#[tokio::test]
async fn a_change_that_an_older_release_left_half_made_is_named() {
    let test = TestDatabase::sqlite().await;
    // The older release had made the tables, and was killed before it recorded that.
    test.tamper("DELETE FROM seaql_migrations WHERE version LIKE '%_000009_events'").await;
    for _ in 0..2 {
        let output = run_on(&test.url, &["migrate", "--log", "off"]);
        fails_with(&output, "the change m20261122_000009_events was begun by an older release");
    }
    let backups = backups(&test.database.sqlite_file().unwrap());
    assert!(backups.is_empty(), "starts that change nothing don't fill the disk: {backups:?}");
}

/// The backups beside a SQLite file.
fn backups(file: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    // SQLite puts files of its own beside one that it opens.
    let is_backup = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.contains(".backup-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    };
    files.filter(is_backup).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_is_backed_up_before_its_tables_are_changed() {
    let test = TestDatabase::sqlite().await;
    let file = test.database.sqlite_file().unwrap();
    assert!(backups(&file).is_empty(), "a new file has nothing to back up");
    test.tamper(UNDO_LAST).await;
    test.tamper(&format!("DELETE FROM seaql_migrations WHERE version = '{LAST}'")).await;
    test.tamper("INSERT INTO marks VALUES ('kept', 'by the backup', 0)").await;

    let output = run_on(&test.url, &["migrate"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made = backups(&file);
    let [backup] = made.as_slice() else { panic!("one backup: {made:?}") };
    let name = backup.to_string_lossy();
    assert!(name.ends_with("m20261122_000018_webhook_log"), "{name}");
    assert!(text(&output.stderr).contains(name.as_ref()), "{}", text(&output.stderr));
    let old = Database::connect(&format!("sqlite://{name}")).await;
    let old = old.unwrap();
    assert_eq!(old.pending_migrations().await.unwrap(), [LAST]);
    let mark = marks::read(old.reader(), "kept").await.unwrap();
    assert_eq!(mark.as_deref(), Some("by the backup"));

    let again = run_on(&test.url, &["migrate"]);
    assert!(again.status.success());
    assert_eq!(backups(&file).len(), 1, "nothing is backed up where nothing changes");
}

#[test]
fn tables_that_are_too_old_are_not_verified() {
    let folder = TempDir::new().unwrap();
    fails_with(&run(folder.path(), &["verify"]), "run recharge migrate");
}

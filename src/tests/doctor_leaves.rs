//! `recharge doctor` changes nothing and gives nothing away.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use crate::{
    databases::{TestDatabase, on_both_databases},
    doctor::{Said, examine, examined},
    program::run,
};

on_both_databases!(no_row_is_changed);

#[test]
fn a_missing_file_is_not_made() {
    let folder = TempDir::new().unwrap();
    let said = Said::new(&run(folder.path(), &["doctor"]));
    said.finds('✗', "database", "There is no file data/recharge.db. If this installation is new");
    said.finds('!', "schema", "Not examined");
    assert_eq!(said.status, Some(1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

async fn has_no_tables_and_gets_none(test: TestDatabase) {
    let said = examine(&test.url, &[]);
    said.finds('✗', "schema", "The database has no tables. If this installation is new");
    assert!(said.lines[0].starts_with("✓ database") && !said.all.contains("takes writes"));
    assert!(test.database.changes().await.unwrap().is_empty);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_without_tables_gets_none() {
    has_no_tables_and_gets_none(TestDatabase::empty_sqlite().await).await;
    has_no_tables_and_gets_none(TestDatabase::empty_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_password_is_shown() {
    let test = TestDatabase::postgres().await;
    let mut reached = url::Url::parse(&test.url).unwrap();
    reached.set_password(Some("canary")).unwrap();
    let unreached = "postgres://recharge:canary@127.0.0.1:1/recharge";
    let pooled = format!("{reached}?pool_mode=transaction");
    let direct = format!("--database-direct-url={unreached}");
    for (url, more, mark) in [
        (reached.as_str(), vec![], '✓'),
        (unreached, vec![], '✗'),
        ("postgres://recharge:canary@127.0.0.1:1,127.0.0.1:2/recharge", vec![], '✗'),
        (&pooled, vec![], '✗'),
        (&pooled, vec![direct.as_str()], '✗'),
    ] {
        let said = examine(url, &more);
        assert!(said.lines[0].starts_with(&format!("{mark} database")), "{}", said.all);
        assert!(!said.all.contains("canary"), "{}", said.all);
    }
    examine(&pooled, &[]).finds('✗', "database", "DATABASE_DIRECT_URL");
}

/// Every file of a folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_is_left_as_it_is_with_its_journal_and_the_log_of_a_killed_process() {
    let test = TestDatabase::empty_sqlite().await;
    test.database.migrate().await.unwrap();
    let file = test.database.sqlite_file().unwrap();
    let killed = TempDir::new().unwrap();
    let copy = killed.path().join("recharge.db");
    fs::copy(&file, &copy).unwrap();
    fs::copy(file.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let is_ours = |path: &PathBuf| !path.ends_with("recharge.db-shm");
    let left = |folder: &Path| {
        let mut files = files(folder);
        files.retain(|path, _| is_ours(path));
        files
    };
    let before = left(killed.path());
    assert!(before[&copy.with_extension("db-wal")].len() > 100_000, "its log has the tables");
    let said = Said::new(&examined(killed.path(), &format!("sqlite://{}", copy.display()), &[]));
    said.finds('✓', "schema", "The tables are up to date.");
    assert!(left(killed.path()) == before, "the log was moved");

    let closed = TempDir::new().unwrap();
    let path = closed.path().join("recharge.db");
    let url = format!("sqlite://{}", path.display());
    test.database.back_up(&path).await.unwrap();
    let before = files(closed.path());
    let said = Said::new(&examined(closed.path(), &url, &[]));
    said.finds('✓', "durability", "a server switches the journal to WAL when it starts");
    assert!(files(closed.path()) == before, "the file was changed, or another was made");

    // As a process leaves it that had the time to close it.
    let connection = sea_orm::Database::connect(&url).await.unwrap();
    connection.execute_unprepared("PRAGMA journal_mode = WAL").await.unwrap();
    connection.close().await.unwrap();
    let before = files(closed.path());
    let said = Said::new(&examined(closed.path(), &url, &[]));
    said.finds('✓', "durability", "journal_mode = wal");
    assert_eq!(before.len(), 1, "the journal is WAL, and nothing is beside the file");
    assert!(files(closed.path()) == before, "the file was changed, or another was made");
}

async fn no_row_is_changed(test: TestDatabase) {
    let rows = async || {
        let all = "SELECT name || value || updated_at FROM marks
                   UNION ALL SELECT version || applied_at FROM seaql_migrations ORDER BY 1";
        let all = Statement::from_string(test.database.reader().get_database_backend(), all);
        let rows = test.database.reader().query_all_raw(all).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect::<Vec<String>>()
    };
    let before = rows().await;
    examine(&test.url, &[]).finds('✓', "database", "takes writes");
    assert_eq!(rows().await, before);
}

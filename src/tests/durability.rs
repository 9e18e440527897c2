//! A database that was told not to flush: what a connection can set it sets, and what it can't is
//! refused in production.

use std::time::{Duration, Instant};

use migration::MIGRATIONS;
use recharge::server::{clock::Clock, database::Database, ledger::Ledger};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use crate::{
    charges::{CALLERS, Charges},
    cluster::Cluster,
    databases::TestDatabase,
    program::{fails_with, run},
};

/// How often the database is stopped.
const STOPS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_commits_without_flushing_loses_nothing_acknowledged() {
    let cluster = Cluster::start_new();
    let test = TestDatabase::on_cluster(cluster.url()).await;
    let name = url::Url::parse(&test.url).unwrap().path()[1..].to_owned();
    for setting in ["synchronous_commit = off", "wal_writer_delay = '10s'"] {
        let set = if setting.starts_with("wal") {
            format!("ALTER SYSTEM SET {setting}")
        } else {
            format!("ALTER DATABASE {name} SET {setting}")
        };
        test.database.writer().execute_unprepared(&set).await.unwrap();
    }
    test.database.writer().execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
    let database = test.another_process().await;
    let show = "SELECT current_setting('synchronous_commit')";
    let show = Statement::from_string(sea_orm::DbBackend::Postgres, show);
    for connection in [database.writer(), database.finder(), database.reader()] {
        let row = connection.query_one_raw(show.clone()).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "on");
    }
    let ledger = Ledger::start(database, Clock::default());
    let charges = Charges::begin(ledger, &test.database).await;
    let mut longest = Duration::ZERO;
    for _ in 0..STOPS {
        charges.until_acknowledged(10 * CALLERS).await;
        cluster.stop_at_once();
        cluster.start();
        longest = longest.max(charges.until_acknowledged(1).await);
    }
    charges.until_acknowledged(CALLERS).await;
    charges.end(&test.database).await.report(STOPS, longest);
}

/// The cluster that the tests share doesn't flush: it lives for one run.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_production_a_database_that_does_not_flush_is_refused() {
    let test = TestDatabase::postgres().await;
    let folder = TempDir::new().unwrap();
    let port = format!("--site-addr=127.0.0.1:{}", crate::program::free_port());
    let url = format!("--database-url={}", test.url);
    let output = run(folder.path(), &[&port, &url, "--environment=PROD", "--log=off"]);
    fails_with(&output, "fsync = off");
}

/// A page that was half written when the machine stopped can't be repaired then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_flushes_and_does_not_write_whole_pages_is_refused_in_production() {
    let cluster = Cluster::start_new();
    let database = Database::connect(&cluster.url()).await.unwrap();
    assert_eq!(database.risks().await.unwrap(), Vec::<String>::new());
    for sql in ["ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"] {
        database.writer().execute_unprepared(sql).await.unwrap();
    }
    let begun = Instant::now();
    let risks = loop {
        let risks = database.risks().await.unwrap();
        if !risks.is_empty() {
            break risks;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(risks.len() == 1 && risks[0].contains("full_page_writes = off"), "{risks:?}");

    let folder = TempDir::new().unwrap();
    let port = format!("--site-addr=127.0.0.1:{}", crate::program::free_port());
    let url = format!("--database-url={}", cluster.url());
    let output = run(folder.path(), &[&port, &url, "--environment=PROD", "--log=off"]);
    fails_with(&output, "full_page_writes = off");
    // Nothing was changed before it was refused.
    assert_eq!(database.pending_migrations().await.unwrap().len(), MIGRATIONS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sqlite_file_on_this_machine_is_no_risk() {
    let test = TestDatabase::sqlite().await;
    let database = Database::connect(&test.url).await.unwrap();
    assert_eq!(database.risks().await.unwrap(), Vec::<String>::new());
}

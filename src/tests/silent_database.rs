//! A database that lets nobody in, or says nothing more: whoever opens, migrates, verifies, exports or
//! backs up is told so in time, and why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use futures::{FutureExt, TryStreamExt, future::BoxFuture, future::join_all};
use recharge::{
    credits::HistoryFilter,
    server::{
        clock::Clock,
        database::{Database, Fate, Fates, Faults, Limits},
        ledger::{Ledger, open_account},
        verify,
    },
};
use sea_orm::{ConnectionTrait, DbErr};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    commands::grant,
    databases::{TestDatabase, on_both_databases},
    logging::Logged,
    proxy::Proxy,
    somebody::{somebody, until_a_table_is_waited_for},
};

on_both_databases!(where_all_connections_are_in_use_it_is_said);

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
/// Short, so that the tests are, and long enough to connect on a busy machine.
const LIMITS: Limits = Limits {
    statement: Duration::from_secs(2),
    connection: Duration::from_secs(2),
    whole: Duration::from_secs(2),
    ..Limits::SERVING
};
const NO_ANSWER: &str = "no answer within 2s from 127.0.0.1:";
const UNDO_LAST: &str = "ALTER TABLE platform_requests RENAME TO webhook_requests";
const FORGET_LAST: &str =
    "DELETE FROM seaql_migrations WHERE version = 'm20261122_000019_platform_requests'";

async fn connect(url: &str) -> Result<Database, DbErr> {
    Database::connect_with(url, None, LIMITS).await
}

/// Connects while all is well, however busy the machine is.
async fn connected(url: &str, limits: Limits, faults: &Faults) -> Database {
    let begun = Instant::now();
    loop {
        match Database::connect_with_faults(url, None, limits, faults).await {
            Ok(database) => return database,
            Err(error) => assert!(begun.elapsed() < AT_LAST, "{error}"),
        }
    }
}

/// Holds that work ends, and soon, by saying this.
async fn fails_soon<T, E: ToString>(work: impl Future<Output = Result<T, E>>, words: &str) {
    let begun = Instant::now();
    let ended = tokio::time::timeout(AT_LAST, work).await;
    let said = ended.expect("it waits for ever").err().expect("it was not told").to_string();
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("canary"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it was told after {:?}", begun.elapsed());
}

/// Listeners that accept and stay silent, with the part of an address that names them.
async fn silent_hosts(count: usize) -> (Vec<TcpListener>, String) {
    let silent: Vec<_> = join_all((0..count).map(|_| TcpListener::bind("127.0.0.1:0"))).await;
    let silent: Vec<_> = silent.into_iter().map(Result::unwrap).collect();
    let hosts = silent.iter().map(|it| it.local_addr().unwrap().to_string());
    let hosts = hosts.collect::<Vec<_>>().join(",");
    (silent, hosts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_database_is_named_when_it_is_opened() {
    let logged = Logged::new();
    let (_silent, host) = silent_hosts(1).await;
    let url = format!("postgres://u:canary@{host}/db");
    fails_soon(connect(&url), &format!("no answer within 2s from {host}")).await;
    assert!(logged.text().contains(&host) && !logged.text().contains("canary"));
    let (_silent, hosts) = silent_hosts(2).await;
    let url = format!("postgres://u:canary@{hosts}/db");
    fails_soon(connect(&url), &hosts.replace(',', ", ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_refuses_is_told_from_a_silent_one() {
    fails_soon(connect("postgres://u:canary@127.0.0.1:1/db"), "Connection refused").await;
    let two = "postgres://u:canary@127.0.0.1:1,127.0.0.1:2/db";
    fails_soon(connect(two), "127.0.0.1:2: error communicating").await;
    let test = TestDatabase::postgres().await;
    let away = test.another_process().await;
    test.refuse_connections(true).await;
    fails_soon(connect(&test.url), "not currently accepting connections").await;
    fails_soon(away.pending_migrations(), "not currently accepting connections").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn silent_hosts_before_the_one_that_can_be_written_to_are_passed_over() {
    let test = TestDatabase::postgres().await;
    let (_silent, hosts) = silent_hosts(4).await;
    let url = test.url.replacen("127.0.0.1", &format!("{hosts},127.0.0.1"), 1);
    assert_ne!(url, test.url);
    // As a server does: each of its pools, and its migrations.
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    database.writer().ping().await.unwrap();
}

async fn where_all_connections_are_in_use_it_is_said(test: TestDatabase) {
    let database = connected(&test.url, LIMITS, &Faults::default()).await;
    let most = if database.is_sqlite() { 1 } else { 10 };
    let (held, mut holding) = tokio::sync::mpsc::channel(1);
    let holders: Vec<_> = (0..most)
        .map(|_| {
            let (database, held) = (database.clone(), held.clone());
            tokio::spawn(async move {
                let held = held.clone();
                let hold = database.write(move |_| {
                    let held = held.clone();
                    async move {
                        held.send(()).await.ok();
                        std::future::pending::<Result<(), DbErr>>().await
                    }
                    .boxed()
                });
                hold.await.ok();
            })
        })
        .collect();
    for _ in 0..most {
        tokio::time::timeout(AT_LAST, holding.recv()).await.unwrap().unwrap();
    }
    let logged = Logged::new();
    let words = format!("no connection to the database became free within 2s (of {most})");
    fails_soon(database.writer().ping(), &words).await;
    assert!(logged.text().contains(&words), "{}", logged.text());
    holders.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_opens_connections_of_its_own_is_told_that_the_database_is_silent() {
    let test = TestDatabase::postgres().await;
    let proxy = Proxy::before(&test.url).await;
    let database = connected(&proxy.url(&test.url), LIMITS, &Faults::default()).await;
    proxy.silence_for_good();
    fails_soon(database.pending_migrations(), NO_ANSWER).await;
    fails_soon(database.migrate(), NO_ANSWER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_migration_ends_when_the_database_goes_silent_while_it_reads_what_there_is() {
    a_migration_ends_when_it_hears_nothing_more_of("seaql_migrations").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_migration_ends_when_the_database_goes_silent_while_it_changes_a_table() {
    a_migration_ends_when_it_hears_nothing_more_of("webhook_requests").await;
}

async fn a_migration_ends_when_it_hears_nothing_more_of(table: &str) {
    let test = TestDatabase::postgres().await;
    test.tamper(UNDO_LAST).await;
    test.tamper(FORGET_LAST).await;
    let proxy = Proxy::before(&test.url).await;
    // A change gives up its wait for a table much later.
    let limits = Limits { table: AT_LAST, ..LIMITS };
    let database = connected(&proxy.url(&test.url), limits, &Faults::default()).await;
    let holder = somebody(&test.url, &["BEGIN", &format!("LOCK TABLE {table}")]).await;
    let migrating = tokio::spawn(async move { database.migrate().await });
    until_a_table_is_waited_for(&test).await;
    proxy.silence_for_good();
    fails_soon(async { migrating.await.unwrap() }, "no answer within").await;
    holder.execute_unprepared("ROLLBACK").await.unwrap();
    // PostgreSQL has not heard that it is gone: the network keeps that from it.
    let left = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    test.tamper(left).await;
    test.database.migrate().await.unwrap();
}

/// Silences the network before one of the statements that are sent after it was armed.
struct Hush {
    proxy: Proxy,
    left: AtomicI64,
}

impl Fates for Hush {
    fn decide(&self, _: u64, _: &str) -> BoxFuture<'static, Fate> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.proxy.silence_for_good();
        }
        Box::pin(std::future::ready(Fate::default()))
    }
}

impl Hush {
    async fn before(test: &TestDatabase) -> (Arc<Self>, Database) {
        let hush = Self { proxy: Proxy::before(&test.url).await, left: AtomicI64::new(0) };
        let (hush, url) = (Arc::new(hush), &test.url);
        let faults = Faults::new(Arc::clone(&hush) as Arc<dyn Fates>);
        let url = hush.proxy.url(url);
        let database = connected(&url, LIMITS, &faults).await;
        (hush, database)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_verification_ends_when_the_database_goes_silent_in_its_midst() {
    let test = TestDatabase::postgres().await;
    let (hush, database) = Hush::before(&test).await;
    let (other, another) = Hush::before(&test).await;
    let (clock, ledger) = (Clock::default(), Ledger::start(another, Clock::default()));
    hush.left.store(7, Ordering::SeqCst);
    other.left.store(2, Ordering::SeqCst);
    let beside = verify::beside_the_ledger(&database, &clock);
    tokio::join!(fails_soon(beside, "no answer within"), fails_soon(ledger.verify(), ""));
    assert!(other.left.load(Ordering::SeqCst) <= 0, "it ended before that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_export_ends_when_the_database_goes_silent_in_its_midst() {
    let test = TestDatabase::postgres().await;
    let clock = Clock::default();
    let account = open_account(test.database.writer(), UTC, 1, clock.now()).await.unwrap();
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    ledger.execute(&account, "grant", grant(10)).await.unwrap();
    let (hush, database) = Hush::before(&test).await;
    hush.left.store(3, Ordering::SeqCst);
    let rows = Ledger::start(database, clock).export(&account, HistoryFilter::default());
    fails_soon(rows.try_collect::<Vec<_>>(), "").await;
    assert!(hush.left.load(Ordering::SeqCst) <= 0, "it ended before that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_that_takes_too_long_ends_and_leaves_nothing() {
    let (test, folder) = (TestDatabase::sqlite().await, TempDir::new().unwrap());
    let many = "WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many LIMIT 20000)
                INSERT INTO marks SELECT n, '', 0 FROM many";
    test.tamper(many).await;
    let limits = Limits { whole: Duration::ZERO, ..LIMITS };
    let database = Database::connect_with(&test.url, None, limits).await.unwrap();
    let backup = folder.path().join("backup.db");
    fails_soon(database.back_up(&backup), "it was not complete after 0ns").await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a part was left");
}

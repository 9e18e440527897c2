//! PostgreSQL notices that a client is gone, and ends what was done for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use recharge::server::database::{Database, Limits};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use uuid::Uuid;

use crate::{
    databases::TestDatabase,
    proxy::{Fault, Proxy},
};

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
/// Within 14 s a client that vanished is noticed, and its statement ends 2 s later.
const SET: [(&str, &str); 5] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    ("client_connection_check_interval", "2s"),
];

/// How long a session works, waits for a lock, and keeps a transaction open: less than we wait.
const LIMITED: [(&str, &str); 3] = [
    ("statement_timeout", "4500ms"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "5s"),
];

/// Returns the first column of the only row.
async fn one(connection: &impl ConnectionTrait, sql: &str) -> String {
    let sql = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(sql).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Holds that a session has these settings.
async fn has(connection: &impl ConnectionTrait, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        let shown = one(connection, &format!("SELECT current_setting('{name}')")).await;
        assert_eq!(&shown, value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_session_says_how_its_end_is_noticed_and_how_long_it_works_and_waits() {
    let test = TestDatabase::postgres().await;
    // A role that may do next to nothing may do this.
    let (role, admin) = (format!("plain_{}", Uuid::new_v4().simple()), test.database.writer());
    admin.execute_unprepared(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let mut url = url::Url::parse(&test.url).unwrap();
    url.set_username(&role).unwrap();
    let database = Database::connect(url.as_str()).await.unwrap();
    let set = [&SET[..], &LIMITED].concat();
    for pool in [database.writer(), database.finder(), database.reader()] {
        has(pool, &set).await;
    }
    has(&database.line().await.unwrap(), &set).await;
    drop(database);
    admin.execute_unprepared(&format!("DROP ROLE {role}")).await.unwrap();

    // The connections of a pooler are its own.
    url.set_username("postgres").unwrap();
    url.set_query(Some("pool_mode=transaction"));
    let pooled = Database::connect(url.as_str()).await.unwrap();
    for pool in [pooled.writer(), pooled.finder(), pooled.reader()] {
        has(pool, &LIMITED).await;
        has(pool, &[("tcp_user_timeout", "0")]).await;
    }
    has(&pooled.line().await.unwrap(), &LIMITED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_over_a_socket_of_the_machine_works_as_well() {
    let test = TestDatabase::postgres().await;
    let folder = one(test.database.reader(), "SELECT current_setting('unix_socket_directories')");
    let (folder, mut url) = (folder.await, url::Url::parse(&test.url).unwrap());
    url.query_pairs_mut().append_pair("host", folder.split(',').next().unwrap());
    let database = Database::connect(url.as_str()).await.unwrap();
    let client = "SELECT coalesce(host(inet_client_addr()), 'this machine')";
    assert_eq!(one(database.writer(), client).await, "this machine");
    let check = "SELECT current_setting('client_connection_check_interval')";
    assert_eq!(one(database.writer(), check).await, "2s");
}

/// Keeps the list of migrations from everybody who reads it.
async fn locked(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url.to_owned());
    options.max_connections(1);
    let holder = sea_orm::Database::connect(options).await.unwrap();
    holder.execute_unprepared("BEGIN; LOCK TABLE seaql_migrations").await.unwrap();
    holder
}

/// The sessions that wait for a lock, one after the other.
async fn waiting(test: &TestDatabase) -> Vec<String> {
    let waiting = "SELECT coalesce(string_agg(CAST(pid AS text), ' '), '') FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let pids = one(test.database.reader(), waiting).await;
    pids.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_waits_for_a_client_that_is_gone_ends_within_seconds() {
    let test = TestDatabase::postgres().await;
    let proxy = Proxy::before(&test.url).await;
    // These wait for longer than the test.
    let limits = Limits { connection: 2 * AT_LAST, ..Limits::PATIENT };
    let patient = Database::connect_with(&proxy.url(&test.url), None, limits).await;
    let patient = Arc::new(patient.unwrap());
    let _holder = locked(&test.url).await;
    let (reads, migrates) = (Arc::clone(&patient), Arc::clone(&patient));
    let tasks = [
        tokio::spawn(async move { drop(reads.changes().await) }),
        tokio::spawn(async move { drop(migrates.pending_migrations().await) }),
    ];
    let begun = Instant::now();
    let mut pids = waiting(&test).await;
    while pids.len() < tasks.len() {
        assert!(begun.elapsed() < AT_LAST, "only {pids:?} are waiting");
        tokio::time::sleep(Duration::from_millis(10)).await;
        pids = waiting(&test).await;
    }
    proxy.strike(Fault::Cut);
    let cut = Instant::now();
    // What is read is asked for once more, by another session.
    while waiting(&test).await.iter().any(|pid| pids.contains(pid)) {
        assert!(cut.elapsed() < AT_LAST, "{pids:?} wait for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(cut.elapsed() < Duration::from_secs(5), "noticed after {:?}", cut.elapsed());
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

//! A process that stops in the middle of a transaction: PostgreSQL ends its session, and what it
//! has locked is free again.

use std::time::{Duration, Instant};

use chrono_tz::UTC;
use futures::future::join_all;
use recharge::server::{
    clock::Clock,
    database::Database,
    ledger::{Ledger, open_account},
};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::time::timeout;

use crate::{
    commands::{grant, spend},
    databases::TestDatabase,
};

/// How long a process that stopped holds up others.
const LONGEST: Duration = Duration::from_secs(6);

/// Begins a transaction, and does nothing more after its first statement.
macro_rules! stop_in {
    ($transaction:ident of $database:expr, $statement:expr) => {{
        let (database, statement): (Database, String) = ($database, $statement);
        tokio::spawn(async move {
            let stopped = database.$transaction(move |transaction| {
                let statement = Statement::from_string(DbBackend::Postgres, statement.clone());
                Box::pin(async move {
                    transaction.query_all_raw(statement).await?;
                    std::future::pending().await
                })
            });
            stopped.await.map(|()| ())
        })
    }};
}

async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let asked = Statement::from_string(DbBackend::Postgres, sql);
    connection.query_one_raw(asked).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_stops_in_a_transaction_holds_its_locks_for_six_seconds_at_most() {
    let test = TestDatabase::postgres().await;
    let (clock, ledger) =
        (Clock::default(), Ledger::start(test.database.clone(), Clock::default()));
    let mut accounts = Vec::new();
    for _ in 0..2 {
        let account = open_account(test.database.writer(), UTC, 1, clock.now()).await.unwrap();
        ledger.execute(&account, "grant", grant(10)).await.unwrap();
        accounts.push(account);
    }
    let pooled = format!("{}?pool_mode=transaction", test.url);
    let lock = |id| format!("SELECT id FROM accounts WHERE id = '{id}' FOR UPDATE");
    let all = "SELECT id FROM accounts".to_owned();
    let stopped = [
        stop_in!(write of test.another_process().await, lock(&accounts[0])),
        stop_in!(write of Database::connect(&pooled).await.unwrap(), lock(&accounts[1])),
        stop_in!(snapshot of test.another_process().await, all.clone()),
        stop_in!(snapshot of Database::connect(&pooled).await.unwrap(), all),
    ];
    let begun = Instant::now();
    // Nothing ends this one but itself.
    let mut options = ConnectOptions::new(test.url.clone());
    options.max_connections(3);
    let others = sea_orm::Database::connect(options).await.unwrap();
    let idle = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    while number(&others, idle).await < 4 {
        assert!(begun.elapsed() < LONGEST, "they don't stop in a transaction");
    }

    let locks = accounts.iter().map(|id| async { others.execute_unprepared(&lock(id)).await });
    let begun = Instant::now();
    for locked in timeout(LONGEST, join_all(locks)).await.expect("the rows stay locked") {
        locked.unwrap();
    }
    while number(&others, idle).await > 0 {
        assert!(begun.elapsed() < LONGEST, "a session stays idle in a transaction");
    }
    for account in &accounts {
        ledger.execute(account, "charge", spend(1)).await.unwrap();
    }
    for process in stopped {
        process.abort();
    }
    others.close().await.unwrap();
}

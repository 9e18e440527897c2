//! PostgreSQL that says nothing more: every wait ends, the others go on, and work is taken up again
//! as soon as it can be.

use std::{
    process::Command as Program,
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use recharge::{
    credits::{AccountId, Credits},
    server::{
        clock::Clock,
        database::Database,
        ledger::{Ledger, LedgerError, open_account},
        pulse::Pulse,
        readiness::{Readiness, Trouble},
    },
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{
    commands::{credits, grant, spend},
    databases::TestDatabase,
    proxy::{Fault, Proxy},
    survival::{Found, entries},
};

/// What everybody waits for at most.
const LONGEST: Duration = Duration::from_secs(6);
/// How long the answer may take whether a process is ready.
const ANSWERED: Duration = Duration::from_secs(3);

/// A ledger behind a network, with accounts of 1,000 credits.
struct Given {
    test: TestDatabase,
    proxy: Proxy,
    ledger: Ledger,
    pulse: Pulse,
    readiness: Readiness,
    accounts: Vec<AccountId>,
}

impl Given {
    async fn with_accounts(count: usize) -> Self {
        let test = TestDatabase::postgres().await;
        let proxy = Proxy::before(&test.url).await;
        let database = Database::connect(&proxy.url(&test.url)).await.unwrap();
        let clock = Clock::default();
        let ledger = Ledger::start(database.clone(), clock.clone());
        let readiness = Readiness::default();
        let pulse = Pulse::new(database, clock.clone(), ledger.clone(), readiness.clone());
        let mut accounts = Vec::new();
        for _ in 0..count {
            let account = open_account(test.database.writer(), UTC, 1, clock.now()).await.unwrap();
            ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
            accounts.push(account);
        }
        Self { test, proxy, ledger, pulse, readiness, accounts }
    }

    async fn charge(&self, account: &AccountId, key: &str) -> Result<(), LedgerError> {
        self.ledger.execute(account, key, spend(1)).await.map(|_| ())
    }

    /// Charges an account until it succeeds; says how long that took.
    async fn until_charged(&self, account: &AccountId, key: &str) -> Duration {
        let begun = Instant::now();
        while self.charge(account, key).await.is_err() {
            assert!(begun.elapsed() < 2 * LONGEST, "nothing is written any more");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        begun.elapsed()
    }

    /// Asks again and again whether it is ready, as a balancer does, until it is or isn't. Returns
    /// how long that took.
    async fn until_ready(&self, is_ready: bool) -> Duration {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            self.pulse.check().await;
            assert!(asked.elapsed() < ANSWERED, "it was answered after {:?}", asked.elapsed());
            if self.readiness.has(Trouble::Writing) != is_ready {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < 2 * LONGEST, "{:?}", self.readiness.all());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Holds that each account was charged once, and that the books add up.
    async fn has_charged_once(&self) -> Found {
        let mut found = Found::of(self.accounts.len(), 0);
        for account in &self.accounts {
            let entries = entries(&self.test.database, account).await;
            let done = entries.get("charge").map_or(0, Vec::len);
            found.note(&format!("the charge of {account}"), done, true);
        }
        self.ledger.verify().await.unwrap();
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_went_silent_stop_nobody_for_longer_than_six_seconds() {
    stop_nobody_for_longer_than_six_seconds(Fault::Silence).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_lose_what_is_asked_stop_nobody_for_longer_than_six_seconds() {
    stop_nobody_for_longer_than_six_seconds(Fault::LosesRequests).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_lose_the_answers_stop_nobody_for_longer_than_six_seconds() {
    stop_nobody_for_longer_than_six_seconds(Fault::LosesAnswers).await;
}

/// All go on over new connections, and each charge is made once, whatever became of its answer.
async fn stop_nobody_for_longer_than_six_seconds(fault: Fault) {
    let given = Given::with_accounts(8).await;
    let struck = given.proxy.strike(fault);
    let begun = Instant::now();
    let charges = given.accounts.iter().map(|account| given.until_charged(account, "charge"));
    let reads = given.accounts.iter().map(|account| async {
        while given.ledger.balance(account).await.is_err() {}
        begun.elapsed()
    });
    let (charged, read, ready) = tokio::join!(
        futures::future::join_all(charges),
        futures::future::join_all(reads),
        given.until_ready(true),
    );
    for wait in charged.iter().chain(&read).chain([&ready]) {
        assert!(*wait < LONGEST, "somebody waited for {wait:?}");
    }
    let longest = charged.into_iter().max().unwrap_or_default();
    given.has_charged_once().await.report(struck, longest);
    for account in &given.accounts {
        assert_eq!(given.ledger.balance(account).await.unwrap(), (credits(999), Credits::ZERO));
    }
}

/// The database says nothing at all, on new connections neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_whose_database_is_silent_is_not_ready_until_it_speaks_again() {
    let given = Given::with_accounts(1).await;
    given.proxy.silence_for_good();
    let wait = given.until_ready(false).await;
    assert!(wait < ANSWERED, "it was ready for {wait:?}");
    given.proxy.let_new_ones_pass();
    let wait = given.until_ready(true).await;
    assert!(wait < LONGEST, "it was not ready for {wait:?}");
}

/// A connection of somebody else that holds the lock of an account, and its process at the server.
async fn locked_by_somebody(url: &str, account: &AccountId) -> (DatabaseConnection, i32) {
    let mut options = sea_orm::ConnectOptions::new(url.to_owned());
    options.max_connections(1);
    let other = sea_orm::Database::connect(options).await.unwrap();
    other.execute_unprepared("BEGIN").await.unwrap();
    let lock = format!("SELECT id FROM accounts WHERE id = '{}' FOR UPDATE", account.0);
    other.execute_unprepared(&lock).await.unwrap();
    let pid = Statement::from_string(other.get_database_backend(), "SELECT pg_backend_pid()");
    let pid = other.query_one_raw(pid).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    (other, pid)
}

fn signal(name: &str, pid: i32) {
    let sent = Program::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.unwrap().success(), "kill -{name} {pid}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stopped_process_of_the_database_stops_only_the_accounts_that_it_has_locked() {
    let given = Given::with_accounts(8).await;
    let (locked, others) = given.accounts.split_first().unwrap();
    let (other, pid) = locked_by_somebody(&given.test.url, locked).await;
    signal("STOP", pid);

    // Two rounds: the first meets the lock, in the second everybody knows of it.
    for round in ["first", "second"] {
        let refused = async {
            let begun = Instant::now();
            let outcome = given.charge(locked, round).await;
            (outcome, begun.elapsed())
        };
        let going_on = others.iter().map(|account| given.until_charged(account, round));
        let ((outcome, wait), going_on) =
            tokio::join!(refused, futures::future::join_all(going_on));
        assert_eq!(outcome, Err(LedgerError::Unavailable));
        for wait in going_on.into_iter().chain([wait]) {
            assert!(wait < LONGEST, "{round}: somebody waited for {wait:?}");
        }
    }

    signal("CONT", pid);
    let end = format!("SELECT pg_terminate_backend({pid})");
    given.test.database.writer().execute_unprepared(&end).await.unwrap();
    let wait = given.until_charged(locked, "after").await;
    assert!(wait < LONGEST, "writing was taken up after {wait:?}");
    drop(other);
    given.ledger.verify().await.unwrap();
}

/// The ledger's own processes at the server are stopped while they write.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_processes_that_write_are_stopped_others_take_over() {
    let given = Given::with_accounts(8).await;
    let name = url::Url::parse(&given.test.url).unwrap().path()[1..].to_owned();
    let all = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{name}'");
    let server = sea_orm::Database::connect(std::env::var("TEST_POSTGRES_URL").unwrap());
    let server = server.await.unwrap();
    let all = Statement::from_string(server.get_database_backend(), all);
    let rows = server.query_all_raw(all).await.unwrap();
    let pids: Vec<i32> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    for pid in &pids {
        signal("STOP", *pid);
    }
    let begun = Instant::now();
    let charges = given.accounts.iter().map(|account| given.until_charged(account, "charge"));
    let waits = futures::future::join_all(charges).await;
    for wait in &waits {
        assert!(*wait < LONGEST, "somebody waited for {wait:?}");
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "nobody noticed that all were stopped");
    for pid in &pids {
        signal("CONT", *pid);
    }
    let longest = waits.into_iter().max().unwrap_or_default();
    given.has_charged_once().await.report(pids.len(), longest);
}

//! Two releases side by side: the newer one adds to the tables while the older one serves. Only
//! once the older one has gone may something be taken away, and the database says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use recharge::server::{
    database::Database,
    marks,
    readiness::{Readiness, Trouble},
    schema::{self, OLDEST_RELEASE},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    api_crash::Served,
    api_load::Worker,
    app::TestApp,
    databases::{TestDatabase, on_both_databases},
    program::{fails_with, free_port, run_on, text},
};

on_both_databases!(
    tables_that_grow_under_load_fail_no_request,
    a_release_that_the_tables_no_longer_carry_refuses_to_work,
    a_contract_step_makes_a_running_process_not_ready,
);

/// What the API's reader asks for, with the account and the hold that there are.
const ASKED: [&str; 5] = [
    "/accounts/ACCOUNT/balance",
    "/accounts/ACCOUNT/entries",
    "/accounts/ACCOUNT/usage",
    "/holds/HOLD",
    "/catalogue",
];
/// What a customer looks at.
const PAGES: [&str; 10] = [
    "/settings/credits",
    "/settings/credits/buy",
    "/settings/credits/history",
    "/settings/credits/history.csv",
    "/settings/api-keys",
    "/settings/billing-cycle",
    "/settings/spend-caps",
    "/settings/auto-recharge",
    "/settings/notices",
    "/settings/notifications",
];

/// Reads until it is told to stop.
struct Readers {
    stop: Arc<AtomicBool>,
    /// How often every page was read.
    rounds: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Readers {
    /// One task that reads the API of a process, and one that reads the pages of another.
    async fn start(app: &TestApp, worker: &Worker, address: &str) -> Self {
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut customer = app.customer().await;
        let (stopped, done) = (Arc::clone(&stop), Arc::clone(&rounds));
        let pages = tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                for page in PAGES {
                    let answer = customer.get(page).await;
                    assert_eq!(answer.status, 200, "{page}: {}", answer.body);
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
        let held = worker.send(&("/holds".to_owned(), "read".to_owned(), charge)).await.unwrap();
        let hold = held["id"].as_str().unwrap().to_owned();
        let (worker, address) = (worker.clone(), address.to_owned());
        let stopped = Arc::clone(&stop);
        let api = tokio::spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            while !stopped.load(Ordering::SeqCst) {
                for path in ASKED {
                    let path = path.replace("ACCOUNT", &worker.account.0).replace("HOLD", &hold);
                    let request = client.get(format!("http://{address}/api/v1{path}"));
                    let answer = request.header("authorization", &worker.key).send().await;
                    let answer = answer.unwrap();
                    assert_eq!(answer.status(), 200, "{path}");
                }
            }
        });
        Self { stop, rounds, tasks: vec![pages, api] }
    }

    /// Until every page was read again, from the first to the last.
    async fn have_read_all(&self) {
        let (before, started) = (self.rounds.load(Ordering::SeqCst), Instant::now());
        // One round has begun already.
        while self.rounds.load(Ordering::SeqCst) < before + 2 {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a reader has failed");
            assert!(started.elapsed() < Duration::from_secs(60), "nothing is read");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

async fn tables(database: &Database) -> Vec<String> {
    let sql = if database.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'"
    };
    let statement = Statement::from_string(database.reader().get_database_backend(), sql);
    let found = database.reader().query_all_raw(statement).await.unwrap();
    let names = found.iter().map(|row| row.try_get_by_index(0).unwrap());
    names.filter(|name: &String| name != "seaql_migrations").collect()
}

/// Does what a newer release does when it starts.
pub async fn expand(test: &TestDatabase) {
    for table in tables(&test.database).await {
        for column in ["added_later TEXT", "added_too BIGINT NOT NULL DEFAULT 0"] {
            let add = format!("ALTER TABLE {table} ADD COLUMN {column}");
            test.tamper(&add).await;
        }
    }
    let table = "CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)";
    test.tamper(table).await;
    let record = "INSERT INTO seaql_migrations VALUES ('m20990101_000001_later', 0)";
    test.tamper(record).await;
}

async fn tables_that_grow_under_load_fail_no_request(app: TestApp) {
    let test = &app.home;
    let mut served = Served::new(test).await;
    let worker = Worker::new(test, &served.address).await;
    served.start().await;
    let stop = Arc::default();
    let working: Vec<_> = (0..2).map(|number| worker.work(number.to_string(), &stop)).collect();
    let readers = Readers::start(&app, &worker, &served.address).await;
    // Every connection has prepared its statements.
    worker.has_done(10).await;
    readers.have_read_all().await;

    expand(test).await;

    worker.has_done(10).await;
    readers.have_read_all().await;
    let mut another = Served::new(test).await;
    another.start().await;
    worker.has_done(5).await;
    stop.store(true, Ordering::SeqCst);
    readers.end().await;
    let mut logs = Vec::new();
    for worker in working {
        logs.push(worker.await.unwrap());
    }
    assert!(logs.iter().all(|log| log.unknown.is_empty()), "a request failed: {logs:?}");
    worker.check(test, &logs).await.report(0, Duration::ZERO);
    let verified = run_on(&test.url, &["verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

/// Does what a contract step does, after it has taken something away.
async fn contract(test: &TestDatabase, level: &str) {
    let now = chrono::Utc::now();
    marks::write(test.database.writer(), OLDEST_RELEASE, level, now).await.unwrap();
}

async fn a_release_that_the_tables_no_longer_carry_refuses_to_work(test: TestDatabase) {
    let says = |arguments: &[&str]| run_on(&test.url, &[&["--log", "off"], arguments].concat());
    contract(&test, "1").await;
    assert!(says(&["verify"]).status.success(), "its own level");
    for level in ["2", "99", "what no release of today writes"] {
        contract(&test, level).await;
        let address = format!("127.0.0.1:{}", free_port());
        for arguments in [&["verify"][..], &["migrate"], &["serve", "--site-addr", &address]] {
            fails_with(&says(arguments), "the tables no longer carry this release");
        }
    }
}

async fn a_contract_step_makes_a_running_process_not_ready(app: TestApp) {
    let (readiness, shutdown) = (Readiness::default(), CancellationToken::new());
    let (database, every) = (app.database.clone(), Duration::from_millis(5));
    let watching =
        tokio::spawn(schema::watch(database, readiness.clone(), shutdown.clone(), every));
    for (level, is_carried) in [("1", true), ("2", false), ("1", true)] {
        contract(&app.home, level).await;
        let written = Instant::now();
        while readiness.has(Trouble::Schema) == is_carried {
            assert!(written.elapsed() < Duration::from_secs(5), "nobody has looked");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    shutdown.cancel();
    watching.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_serves_watches_for_a_contract_step() {
    let test = TestDatabase::sqlite().await;
    let mut served = Served::new(&test).await;
    served.start().await;
    contract(&test, "2").await;
    let (written, client) = (Instant::now(), reqwest::Client::builder().no_proxy());
    let client = client.build().unwrap();
    loop {
        let get = |path: &str| client.get(format!("http://{}{path}", served.address)).send();
        let ready = get("/readyz").await.unwrap();
        if ready.status() == 503 {
            assert!(ready.text().await.unwrap().contains("no longer carry this release"));
            assert_eq!(get("/healthz").await.unwrap().status(), 200, "a restart would not help");
            return;
        }
        assert!(written.elapsed() < Duration::from_secs(12), "it is still ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

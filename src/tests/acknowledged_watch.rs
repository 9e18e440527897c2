//! A process compares what it has acknowledged with the database, again and again and at its end,
//! without anybody asking. It says a loss once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use recharge::server::{
    database::{Database, Fate, Fates, Faults, Limits},
    ledger::{COMPARE_EVERY, Place},
    readiness::Trouble,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    acknowledged::{Process, compared, forget},
    api_load::Worker,
    databases::{TestDatabase, on_both_databases},
    logging::Logged,
    process,
};

on_both_databases!(
    what_the_database_forgets_is_found_without_anybody_asking,
    at_its_end_the_ledger_says_what_the_database_has_forgotten,
    a_comparison_that_gets_no_answer_delays_the_end_for_no_more_than_seconds,
    a_process_that_is_asked_to_end_says_what_the_database_has_forgotten,
);

/// How often is compared instead of every minute.
const OFTEN: Duration = Duration::from_millis(10);
/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
const ALERT: &str = "ALERT: The database has forgotten";

/// Counts the comparisons of a process, and lets them hang.
#[derive(Default)]
struct Comparisons {
    begun: AtomicUsize,
    hang: AtomicBool,
    hanging: AtomicUsize,
}

impl Fates for Comparisons {
    fn decide(&self, _: u64, statement: &str) -> BoxFuture<'static, Fate> {
        if statement.contains("given_again") {
            self.begun.fetch_add(1, Ordering::SeqCst);
            if self.hang.load(Ordering::SeqCst) {
                self.hanging.fetch_add(1, Ordering::SeqCst);
                return Box::pin(std::future::pending());
            }
        }
        Box::pin(std::future::ready(Fate::default()))
    }
}

impl Comparisons {
    /// Starts a process that remembers in a folder, and compares so often.
    async fn watch(self: &Arc<Self>, test: &TestDatabase, every: Duration) -> (TempDir, Process) {
        let faults = Faults::new(Arc::clone(self) as Arc<dyn Fates>);
        let connected =
            Database::connect_with_faults(&test.url, None, Limits::SERVING, &faults).await;
        let folder = TempDir::new().unwrap();
        let place = Place::of(&test.url, Some(folder.path()));
        let process = Process::start_on(connected.unwrap(), place, every).await;
        (folder, process)
    }

    /// Waits until so many more have begun.
    async fn go_on(&self, count: usize) {
        let before = self.begun.load(Ordering::SeqCst);
        until(|| self.begun.load(Ordering::SeqCst) >= before + count).await;
    }
}

/// Waits until something is so.
pub async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < AT_LAST, "it never happens");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn what_the_database_forgets_is_found_without_anybody_asking(test: TestDatabase) {
    let comparisons = Arc::new(Comparisons::default());
    let (_folder, process) = comparisons.watch(&test, OFTEN).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    comparisons.go_on(2).await;
    assert!(!process.readiness.has(Trouble::Forgotten), "nothing is forgotten yet");
    forget(&test, &account, 2).await;
    until(|| process.readiness.has(Trouble::Forgotten)).await;
    // It also finds what was applied again.
    process.spends(&account, "charge").await;
    until(|| !process.readiness.has(Trouble::Forgotten)).await;
    process.ledger.close().await;
}

/// On one thread, whose log is heard.
#[tokio::test]
async fn a_loss_is_said_once_for_as_long_as_it_lasts() {
    let (test, logged) = (TestDatabase::sqlite().await, Logged::new());
    let alerts = || logged.text().matches(ALERT).count();
    let comparisons = Arc::new(Comparisons::default());
    let (_folder, process) = comparisons.watch(&test, OFTEN).await;
    let account = process.account(&test).await;
    for time in 1..=2 {
        process.spends(&account, "charge").await;
        until(|| !process.readiness.has(Trouble::Forgotten)).await;
        forget(&test, &account, 2).await;
        until(|| process.readiness.has(Trouble::Forgotten)).await;
        assert_eq!(alerts(), time, "{}", logged.text());
        comparisons.go_on(5).await;
        assert_eq!(alerts(), time, "it is the same loss: {}", logged.text());
    }
    process.ledger.close().await;
    assert_eq!(alerts(), 2, "also at the end: {}", logged.text());
    assert!(logged.text().contains(&format!("{account}: 2")), "{}", logged.text());
}

async fn at_its_end_the_ledger_says_what_the_database_has_forgotten(test: TestDatabase) {
    let logged = Logged::new();
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    process.ledger.close().await;
    assert!(!logged.text().contains(ALERT), "{}", logged.text());

    let process = Process::start(&test, folder.path()).await;
    process.spends(&account, "another").await;
    forget(&test, &account, 3).await;
    process.ledger.close().await;
    let said = logged.text();
    assert!(said.contains(ALERT) && said.contains(&format!("{account}: 3")), "{said}");
    // A second end has nothing to say.
    process.ledger.close().await;
    assert_eq!(logged.text(), said);
}

async fn a_comparison_that_gets_no_answer_delays_the_end_for_no_more_than_seconds(
    test: TestDatabase,
) {
    // The last comparison gets no answer, or one that is under way when the end comes.
    let (last, under_way) =
        tokio::join!(ends_in_silence(&test, COMPARE_EVERY), ends_in_silence(&test, OFTEN),);
    for wait in [last, under_way] {
        assert!(wait < Duration::from_secs(4), "the end took {wait:?}");
    }
}

/// Ends a process whose comparisons get no answer, and returns how long that took.
async fn ends_in_silence(test: &TestDatabase, every: Duration) -> Duration {
    let comparisons = Arc::new(Comparisons::default());
    let (folder, process) = comparisons.watch(test, every).await;
    let account = process.account(test).await;
    process.spends(&account, "charge").await;
    comparisons.hang.store(true, Ordering::SeqCst);
    if every == OFTEN {
        until(|| comparisons.hanging.load(Ordering::SeqCst) > 0).await;
    }
    let (before, begun) = (comparisons.begun.load(Ordering::SeqCst), Instant::now());
    process.ledger.close().await;
    let wait = begun.elapsed();
    let is_tried = comparisons.begun.load(Ordering::SeqCst) > before;
    assert_eq!(is_tried, every != OFTEN, "the last comparison waits for the one under way");
    assert_eq!(compared(test, folder.path()).await.lines, 2, "all is written down nevertheless");
    wait
}

async fn a_process_that_is_asked_to_end_says_what_the_database_has_forgotten(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("kept");
    let settings =
        [("DATABASE_URL", test.url.as_str()), ("ACKNOWLEDGED_FOLDER", kept.to_str().unwrap())];
    let mut process = process::Process::start(folder.path(), 1_024, &settings);
    let worker = Worker::new(&test, &process.address.to_string()).await;
    let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
    let sent = ("/usage".to_owned(), "charge".to_owned(), charge);
    worker.send(&sent).await.expect("it is charged");
    forget(&test, &worker.account, 2).await;
    assert!(!process.said().contains(ALERT), "the minute is not over: {}", process.said());
    process.signal("TERM");
    process.hear(ALERT);
    process.hear(&format!("{}: 2", worker.account));
    process.ends_well();
    assert_eq!(compared(&test, &kept).await.forgotten.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_that_is_added_to_the_address_hides_no_loss() {
    let (test, folder) = (TestDatabase::postgres().await, TempDir::new().unwrap());
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    process.ledger.close().await;
    forget(&test, &account, 2).await;
    let address = url::Url::parse(&test.url).unwrap();
    let host = format!("{}:{}", address.host_str().unwrap(), address.port().unwrap());
    let both = test.url.replace(&host, &format!("{host},{host}"));
    let place = Place::of(&both, Some(folder.path()));
    let database = Database::connect(&both).await.unwrap();
    let next = Process::start_on(database, place, COMPARE_EVERY).await;
    assert!(next.readiness.has(Trouble::Forgotten));
    next.ledger.close().await;
}

#[test]
fn the_files_of_a_postgresql_database_have_its_name_however_it_is_reached() {
    let files = |url: &str| Place::of(url, None).pattern();
    for url in [
        "postgres://recharge:secret@one/credits",
        "postgresql://other:p%40ss@one:5432/credits",
        "postgres://recharge@two,one:5433/credits?sslmode=require&application_name=a",
        "postgres://recharge@one,two/credits?application_name=a&sslmode=require",
        "postgres://one/credits?pool_mode=transaction",
        "postgres:///credits?host=/run/postgresql",
    ] {
        assert_eq!(files(url), "data/postgres-credits.acknowledged.*", "{url}");
    }
    assert_eq!(files("postgres://one/credits_2"), "data/postgres-credits_2.acknowledged.*");
    // Names that no file or shell can take are replaced, and stay different.
    let odd = ["a.b", "a%2Fb", "a%20b", "a%2A", "%C3%A4"];
    let odd = odd.map(|name| files(&format!("postgres://one/{name}")));
    assert_eq!(odd.iter().collect::<BTreeSet<_>>().len(), odd.len(), "{odd:?}");
    for files in odd {
        let name = files.strip_prefix("data/postgres-").unwrap();
        let name = name.strip_suffix(".acknowledged.*").unwrap();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        assert!(name.bytes().all(is_plain), "{name}");
    }
}

//! A clock counts from the first comparison that finds it right: before that nothing expires and
//! nothing is published by it, and commands that write by it refuse to.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures::future::BoxFuture;
use recharge::server::{
    clock::Clock,
    clock_watch::{self, ClockWatch},
    database::{Database, Fate, Fates, Fault, Faults, Limits},
    entity::catalogue,
    jobs::Jobs,
    ledger::LedgerError,
    readiness::{Readiness, Trouble},
};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Statement};
use tokio_util::sync::CancellationToken;

use crate::{
    acknowledged_watch::until,
    app::TestApp,
    clocks::{account_about_to_expire, is_untouched},
    databases::{TestDatabase, on_both_databases},
    expiry::expired,
    logging::Logged,
    program::{fails_with, recharge, run_on, text},
};

on_both_databases!(
    a_process_that_could_not_compare_its_clock_lets_nothing_expire_until_it_has,
    a_catalogue_waits_for_a_clock_that_is_trusted,
    a_command_that_writes_by_the_clock_refuses_one_that_is_off,
);

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
const NOT_YET: &str = "The clock of this machine has not been compared with the database yet: ";
/// What a command writes that is refused a clock.
const TABLES: [&str; 5] = ["users", "accounts", "catalogues", "api_keys", "webhook_endpoints"];

/// Lets the comparisons of clocks fail, or take long.
#[derive(Default)]
struct Comparisons {
    fail: AtomicBool,
    take_long: AtomicBool,
}

impl Fates for Comparisons {
    fn decide(&self, _: u64, statement: &str) -> BoxFuture<'static, Fate> {
        let is_comparison =
            statement.contains("clock_timestamp()") || statement.contains("MAX(seen_at)");
        let fails = is_comparison && self.fail.load(Ordering::SeqCst);
        let takes_long = is_comparison && self.take_long.load(Ordering::SeqCst);
        Box::pin(async move {
            if takes_long {
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
            Fate { before: fails.then_some(Fault::Hushes), ..Fate::default() }
        })
    }
}

async fn connected(test: &TestDatabase, comparisons: &Arc<Comparisons>) -> Database {
    let faults = Faults::new(Arc::clone(comparisons) as Arc<dyn Fates>);
    Database::connect_with_faults(&test.url, None, Limits::SERVING, &faults).await.unwrap()
}

async fn readiness_of(app: &TestApp) -> (u16, String) {
    let answer = app.visitor().get("/readyz").await;
    (answer.status.as_u16(), answer.body)
}

async fn a_process_that_could_not_compare_its_clock_lets_nothing_expire_until_it_has(
    test: TestDatabase,
) {
    let (other, account) = account_about_to_expire(&test).await;
    let comparisons = Arc::new(Comparisons::default());
    let database = connected(&test, &comparisons).await;
    comparisons.fail.store(true, Ordering::SeqCst);
    let clock = Clock::default();
    let app = TestApp::start(Arc::new(test), database.clone(), clock.clone(), &[]).await;
    // By now the lot has ended, if this clock is right.
    clock.advance(TimeDelta::hours(1));
    let (status, words) = readiness_of(&app).await;
    assert_eq!((status, words.starts_with(NOT_YET)), (503, true), "{words}");
    assert_eq!(app.state.ledger.advance(&account).await, Err(LedgerError::Unavailable));
    let jobs = Jobs::of(&app.state);
    assert!(jobs.run("sweep").await.is_err());
    assert!(jobs.run_due().await.unwrap().is_empty());
    is_untouched(&other, &account).await;
    let refusal = clock_watch::prove(&database, &clock).await.unwrap_err();
    assert!(refusal.starts_with(NOT_YET) && !clock.is_trusted(), "{refusal}");

    let ending = CancellationToken::new();
    let readiness = app.state.readiness.clone();
    let watch = ClockWatch::resume(database, clock.clone(), readiness.clone()).await;
    watch.start(ending.clone());
    comparisons.fail.store(false, Ordering::SeqCst);
    until(|| clock.is_trusted() && !readiness.has(Trouble::Clock)).await;
    assert_eq!(readiness_of(&app).await, (200, "ready\n".to_owned()));
    app.state.ledger.advance(&account).await.unwrap();
    assert!(!expired(&other, &account).await.is_empty());
    ending.cancel();
}

/// The service has started before the machine's clock was set by the network. PostgreSQL has a clock
/// of its own to compare with.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite_a_clock_that_was_behind_at_the_start_is_trusted_once_it_is_set_right() {
    let test = TestDatabase::sqlite().await;
    let seen_now = "INSERT INTO jobs (name, slot, next_slot, claim, claimed_at, seen_at, done)
                    VALUES ('sweep', 0, 1, '', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), 0)";
    test.tamper(seen_now).await;
    let (clock, readiness) = (Clock::default(), Readiness::default());
    clock.shift_machine(-TimeDelta::hours(1));
    clock.distrust();
    ClockWatch::begin(test.database.clone(), clock.clone(), readiness.clone()).await;
    assert!(readiness.has(Trouble::Clock) && !clock.is_trusted());
    let mut watch =
        ClockWatch::resume(test.database.clone(), clock.clone(), readiness.clone()).await;
    watch.compare().await;
    assert!(readiness.has(Trouble::Clock) && !clock.is_trusted());
    clock.shift_machine(TimeDelta::hours(1));
    watch.compare().await;
    assert!(clock.is_trusted() && readiness.all().is_empty(), "{:?}", readiness.all());
    // From now on a step is one.
    clock.shift_machine(TimeDelta::hours(1));
    watch.compare().await;
    assert!(readiness.has(Trouble::Clock) && !clock.is_trusted());
}

/// SQLite has the clock of the machine: there is no answer that comes too late.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_comes_too_late_to_tell_proves_no_clock() {
    let test = TestDatabase::postgres().await;
    let comparisons = Arc::new(Comparisons::default());
    let database = connected(&test, &comparisons).await;
    let (clock, readiness) = (Clock::default(), Readiness::default());
    // Just within what is tolerated. Half a second more would be too much.
    clock.shift_machine(-TimeDelta::milliseconds(4_700));
    comparisons.take_long.store(true, Ordering::SeqCst);
    let mut watch = ClockWatch::begin(database, clock.clone(), readiness.clone()).await;
    let said = readiness.all().remove(&Trouble::Clock).unwrap();
    assert!(said.starts_with(NOT_YET) && said.contains("too long to answer"), "{said}");
    assert!(!clock.is_trusted());
    comparisons.take_long.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    while !clock.is_trusted() {
        assert!(begun.elapsed() < AT_LAST, "{:?}", readiness.all());
        watch.compare().await;
    }
    assert!(!readiness.has(Trouble::Clock));
}

/// On SQLite the machine itself shows the step.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_of_the_clock_while_the_database_is_away_is_trouble() {
    let test = TestDatabase::postgres().await;
    let comparisons = Arc::new(Comparisons::default());
    let database = connected(&test, &comparisons).await;
    let (clock, readiness) = (Clock::default(), Readiness::default());
    let mut watch = ClockWatch::begin(database, clock.clone(), readiness.clone()).await;
    comparisons.fail.store(true, Ordering::SeqCst);
    watch.compare().await;
    assert!(clock.is_trusted() && readiness.all().is_empty(), "the last verdict stands");

    let logged = Logged::new();
    clock.shift_machine(TimeDelta::hours(1));
    watch.compare().await;
    watch.compare().await;
    assert!(!clock.is_trusted() && readiness.has(Trouble::Clock));
    let (said, why) = (logged.text(), " s, and can't be compared with the database's: ");
    assert_eq!(said.matches("ALERT: The clock of this machine has stepped by 3").count(), 1);
    assert!(said.contains(why), "{said}");

    clock.shift_machine(-TimeDelta::hours(1));
    comparisons.fail.store(false, Ordering::SeqCst);
    watch.compare().await;
    assert!(clock.is_trusted() && readiness.all().is_empty());
}

async fn catalogues(database: &Database) -> u64 {
    catalogue::Entity::find().count(database.reader()).await.unwrap()
}

async fn a_catalogue_waits_for_a_clock_that_is_trusted(test: TestDatabase) {
    let comparisons = Arc::new(Comparisons::default());
    let database = connected(&test, &comparisons).await;
    comparisons.fail.store(true, Ordering::SeqCst);
    let app = TestApp::start(Arc::new(test), database, Clock::default(), &[]).await;
    let ending = CancellationToken::new();
    let watching = app.state.catalogues.watch(ending.clone());
    // It is sold already: nothing can be bought or spent by this clock.
    assert_eq!(app.state.catalogues.current().version, "2026-11");
    assert_eq!(catalogues(&app.database).await, 0);
    comparisons.fail.store(false, Ordering::SeqCst);
    let (clock, readiness) = (app.clock.clone(), app.state.readiness.clone());
    ClockWatch::begin(app.database.clone(), clock, readiness).await;
    let begun = Instant::now();
    while catalogues(&app.database).await == 0 {
        assert!(begun.elapsed() < AT_LAST, "it is never published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ending.cancel();
    watching.await.unwrap();
}

async fn rows(test: &TestDatabase) -> Vec<i64> {
    let reader = test.database.reader();
    let mut counts = Vec::new();
    for table in TABLES {
        let count = format!("SELECT COUNT(*) FROM {table}");
        let count = Statement::from_string(reader.get_database_backend(), count);
        let row = reader.query_one_raw(count).await.unwrap().unwrap();
        counts.push(row.try_get_by_index(0).unwrap());
    }
    counts
}

async fn a_command_that_writes_by_the_clock_refuses_one_that_is_off(test: TestDatabase) {
    // On SQLite nothing but a later sign of life speaks against a clock.
    let now = Clock::default().now().timestamp_millis();
    let seen = format!(
        "INSERT INTO jobs (name, slot, next_slot, claim, claimed_at, seen_at, done)
         VALUES ('sweep', 0, 1, '', {now}, {now}, 0)"
    );
    assert_eq!(test.tamper(&seen).await, 1);
    let service = ["api-key", "add", "--service", "--name", "platform", "--scope", "read"];
    let key = text(&run_on(&test.url, &service).stdout);
    let key = key.split('_').nth(1).unwrap();
    let before = rows(&test).await;

    let folder = tempfile::tempdir().unwrap();
    let embedded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/catalogue/catalogue.toml");
    let embedded = embedded.display().to_string();
    let off = |arguments: &[&str], off_ms: i64| {
        let mut command = recharge(folder.path());
        command.args(["--database-url", &test.url]).args(arguments);
        command.env("RECHARGE_MACHINE_CLOCK_MS", off_ms.to_string());
        command.env("RECHARGE_PASSWORD", "a long password").output().unwrap()
    };
    let commands: [&[&str]; 6] = [
        &["catalogue", "publish", &embedded],
        &["reconcile"],
        &["seed"],
        &["user", "add", "--name", "Ada", "--email", "ada@recharge.test"],
        &service,
        &["webhook", "add", "https://platform.example/hook"],
    ];
    let day_ms = TimeDelta::days(1).num_milliseconds();
    for arguments in commands {
        let refused = off(arguments, -day_ms);
        fails_with(&refused, "Nothing was written. The clock of this machine is 86");
    }
    if !test.database.is_sqlite() {
        let refused = off(commands[0], day_ms);
        fails_with(&refused, " s ahead of the database's: set the wrong one right.");
    }
    assert_eq!(rows(&test).await, before);
    // What must end, ends at any time.
    let revoked = off(&["api-key", "revoke", key], -day_ms);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    let published = run_on(&test.url, commands[0]);
    assert!(published.status.success(), "{}", text(&published.stderr));
}

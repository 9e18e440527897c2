//! What was acknowledged before a backup began is in it, and comes back with it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::{Arc, atomic::Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use recharge::server::{
    clock::Clock,
    database::Database,
    ledger::{Ledger, open_account},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    api_crash::Served,
    api_load::Worker,
    commands::grant,
    databases::TestDatabase,
    program::{fails_with, recharge, run_on, text},
};

/// How many backups or copies are taken under load.
fn rounds() -> usize {
    std::env::var("TEST_BACKUPS").map_or(3, |text| text.parse().unwrap())
}

fn backup(url: &str, path: &Path) -> Output {
    run_on(url, &["backup", "--log", "off", path.to_str().unwrap()])
}

/// Restores a backup, as the database of a new folder.
fn restore(backup: &Path, folder: &Path) -> Output {
    let url = format!("sqlite://{}/restored.db", folder.display());
    let path = backup.to_str().unwrap();
    run_on(&url, &["restore", "--log", "off", path])
}

/// Sends a charge of its own, and tells its entry: what was acknowledged before has a lower one.
async fn mark(worker: &Worker, name: String) -> i64 {
    let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
    let told = worker.send(&("/usage".to_owned(), name, charge)).await.unwrap();
    told["entry"].as_i64().unwrap()
}

/// A restored database.
struct Restored {
    url: String,
    /// Removes it at the end, on PostgreSQL.
    _home: Option<TestDatabase>,
}

/// Restores a copy of a SQLite file beside it, by the program, which verifies it.
fn restored(copy: &Path, folder: &Path) -> Restored {
    let output = restore(copy, folder);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("everything adds up"), "{said}");
    Restored { url: format!("sqlite://{}/restored.db", folder.display()), _home: None }
}

/// Holds that a restored database has every entry up to this one, and that all of it adds up.
async fn has_all_up_to(entry: i64, restored: &Restored, worker: &Worker) {
    let database = Database::connect(&restored.url).await.unwrap();
    let mut there: Vec<i64> = worker.entries_in(&database).await.into_values().flatten().collect();
    there.sort_unstable();
    let last = i64::try_from(there.len()).unwrap();
    assert!(there.iter().copied().eq(1..=last), "an entry is missing: {there:?}");
    assert!(last >= entry, "{entry} was acknowledged, {last} is the last in the backup");
    Ledger::start(database, Clock::default()).verify().await.unwrap();
}

/// Takes copies while a server writes, and restores each.
async fn copy_under_load(
    test: TestDatabase,
    copy: impl AsyncFn(&TestDatabase, &Served, &Path) -> Restored,
) {
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    served.start().await;
    let stop = Arc::default();
    let working: Vec<_> = (0..4).map(|number| worker.work(number.to_string(), &stop)).collect();
    for round in 0..rounds() {
        worker.has_done(30).await;
        let folder = TempDir::new().unwrap();
        let last = mark(&worker, format!("before-{round}")).await;
        let restored = copy(&test, &served, folder.path()).await;
        has_all_up_to(last, &restored, &worker).await;
    }
    stop.store(true, Ordering::SeqCst);
    for worker in working {
        assert!(worker.await.unwrap().unknown.is_empty(), "a request failed meanwhile");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_has_all_that_was_acknowledged_before() {
    copy_under_load(TestDatabase::sqlite().await, async |test, _, folder| {
        let path = folder.join("backup.db");
        let made = backup(&test.url, &path);
        assert!(made.status.success(), "{}", text(&made.stderr));
        restored(&path, folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_file_and_its_log_at_any_moment_have_all_that_was_acknowledged_before() {
    // The server stands still while both are copied, in the midst of whatever it does, as in the
    // snapshot of a volume.
    copy_under_load(TestDatabase::sqlite().await, async |test, served, folder| {
        let file = test.database.sqlite_file().unwrap();
        let (copied, log) = (folder.join("copy.db"), format!("{}-wal", file.display()));
        served.signal("STOP");
        fs::copy(&file, &copied).unwrap();
        fs::copy(log, folder.join("copy.db-wal")).unwrap();
        served.signal("CONT");
        restored(&copied, folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dump_of_postgresql_under_load_has_all_that_was_acknowledged_before() {
    copy_under_load(TestDatabase::postgres().await, async |test, _, folder| {
        let (dump, home) = (folder.join("dump"), TestDatabase::empty_postgres().await);
        succeeds(tool("pg_dump").args(["--format=custom", "--file"]).arg(&dump).arg(&test.url));
        let into = ["--exit-on-error", "--no-owner", "--dbname", &home.url];
        succeeds(tool("pg_restore").args(into).arg(&dump));
        let verified = run_on(&home.url, &["verify", "--log", "off"]);
        assert!(verified.status.success(), "{}", text(&verified.stderr));
        Restored { url: home.url.clone(), _home: Some(home) }
    })
    .await;
}

/// One of PostgreSQL's programs.
fn tool(name: &str) -> Command {
    let programs = std::env::var("POSTGRES_BIN")
        .expect("POSTGRES_BIN names PostgreSQL's programs: run `make check` or `make test`");
    Command::new(Path::new(&programs).join(name))
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_restored_over_a_database_or_from_what_is_no_sound_backup() {
    let (test, folder) = (TestDatabase::sqlite().await, TempDir::new().unwrap());
    test.tamper(&mark_at(Clock::default().now())).await;
    let path = folder.path().join("backup.db");
    assert!(backup(&test.url, &path).status.success());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it has secrets");
    fails_with(&backup(&test.url, &path), "exists already");
    let missing = format!("sqlite://{}", folder.path().join("missing.db").display());
    fails_with(&backup(&missing, &folder.path().join("other.db")), "there is no database");

    // A copy that can't be put in place leaves no file.
    fails_with(&backup(&test.url, &folder.path().join("x".repeat(260))), "x");
    let long = folder.path().join("x".repeat(252));
    fails_with(&backup(&test.url, &long), "x");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the first backup is there");

    let restored = folder.path().join("restored.db");
    fails_with(&restore(&folder.path().join("nowhere.db"), folder.path()), "nowhere.db");
    assert!(!restored.exists());
    let (sound, damaged) = (fs::read(&path).unwrap(), folder.path().join("damaged.db"));
    // The first is the header of the file, the others those of pages with tables and indexes.
    for page in [0, 1, 2, 5, 11] {
        let mut bytes = sound.clone();
        bytes[4_096 * page..][..64].fill(0xff);
        fs::write(&damaged, bytes).unwrap();
        fails_with(&restore(&damaged, folder.path()), "damaged.db is damaged");
    }
    fs::write(&damaged, "this is no database").unwrap();
    fails_with(&restore(&damaged, folder.path()), "damaged.db is damaged");
    assert!(!restored.exists(), "what is damaged is not put in place");

    assert!(restore(&path, folder.path()).status.success());
    fails_with(&restore(&path, folder.path()), "move it aside first");
    fs::remove_file(&restored).unwrap();
    fs::write(folder.path().join("restored.db-wal"), "the log of another database").unwrap();
    fails_with(&restore(&path, folder.path()), "restored.db-wal exists already");
}

/// Even if the process is killed, no server may find what was not verified.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_is_brought_up_to_date_before_it_is_put_in_place() {
    let (test, folder) = (TestDatabase::sqlite().await, TempDir::new().unwrap());
    test.tamper("ALTER TABLE platform_requests RENAME TO webhook_requests").await;
    let last = "DELETE FROM seaql_migrations WHERE version LIKE '%_000019_platform_requests'";
    test.tamper(last).await;
    let path = folder.path().join("backup.db");
    assert!(backup(&test.url, &path).status.success());
    let url = format!("sqlite://{}/restored.db", folder.path().display());
    let mut killed = recharge(folder.path());
    killed.args(["--database-url", &url, "--log", "off", "restore"]).arg(&path);
    let killed = killed.env("RECHARGE_ABORT_AT_STATEMENT", "1").output().unwrap();
    assert_eq!(killed.status.code(), None, "{}", text(&killed.stderr));
    assert!(!folder.path().join("restored.db").exists());

    let restored = restore(&path, folder.path());
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(files.collect::<BTreeSet<_>>(), ["backup.db", "restored.db"].map(Into::into).into());
    let database = Database::connect(&url).await.unwrap();
    assert!(database.pending_migrations().await.unwrap().is_empty());
}

fn mark_at(at: DateTime<Utc>) -> String {
    format!("INSERT INTO marks VALUES ('a', 'mark', {})", at.timestamp_millis())
}

/// `restore` checks what `verify` checks: also the rows beside the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_a_wrong_row_beside_the_ledger_is_not_left_in_place() {
    let (test, folder) = (TestDatabase::sqlite().await, TempDir::new().unwrap());
    test.tamper(&mark_at(Clock::default().now() + TimeDelta::days(400))).await;
    let path = folder.path().join("backup.db");
    assert!(backup(&test.url, &path).status.success());
    let refused = restore(&path, folder.path());
    fails_with(&refused, "restored.db.refused, where no server uses it: Rows beside the ledger");
    assert!(text(&refused.stdout).starts_with("marks a: "), "{}", text(&refused.stdout));
    for side in ["", "-wal", "-shm"] {
        let left = folder.path().join(format!("restored.db{side}"));
        assert!(!left.exists(), "{}", left.display());
    }
    let aside = format!("sqlite://{}/restored.db.refused", folder.path().display());
    fails_with(&run_on(&aside, &["verify", "--log", "off"]), "Rows beside the ledger");
    // The place is free for a sound one.
    fs::remove_file(&path).unwrap();
    test.tamper("DELETE FROM marks WHERE name = 'a'").await;
    assert!(backup(&test.url, &path).status.success());
    let restored = restore(&path, folder.path());
    assert!(restored.status.success(), "{}", text(&restored.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_of_a_rehearsal_is_restored_as_it_is() {
    let (test, folder) = (TestDatabase::sqlite().await, TempDir::new().unwrap());
    let (clock, now) = (Clock::ahead_by(TimeDelta::days(12)), Clock::default().now());
    let mark = now.timestamp_millis();
    test.tamper(&format!("INSERT INTO marks VALUES ('rehearsal_days', '12', {mark})")).await;
    let account = open_account(test.database.writer(), chrono_tz::UTC, 1, now).await.unwrap();
    let ledger = Ledger::start(test.another_process().await, clock);
    ledger.execute(&account, "ahead", grant(100)).await.unwrap();
    ledger.close().await;
    let path = folder.path().join("backup.db");
    assert!(backup(&test.url, &path).status.success());
    let restored = restore(&path, folder.path());
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(text(&restored.stdout).contains("everything adds up"));
}

#[test]
fn postgresql_is_left_to_its_own_tools() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("backup");
    // No database answers there, and none is asked.
    let url = "postgres://recharge:canary@127.0.0.1:1/recharge";
    for command in ["backup", "restore"] {
        let output = run_on(url, &[command, path.to_str().unwrap()]);
        fails_with(&output, "pg_dump");
        assert!(!text(&output.stderr).contains("canary"));
    }
}

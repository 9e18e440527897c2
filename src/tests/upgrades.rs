//! What a change of the tables does to others, and what there must be before it begins: a moment in
//! which the tables are free, and a backup.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use migration::MIGRATIONS;
use recharge::server::{database::Database, marks, schema::OLDEST_RELEASE};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;

use crate::{
    databases::TestDatabase,
    disks::SmallDisk,
    program::{fails_with, free_port, recharge, run_on, text},
    somebody::{somebody, until_a_table_is_waited_for},
};

/// The last migration, which changes one name, and what undoes it.
const LAST: &str = "m20261122_000019_platform_requests";
const UNDO_LAST: [&str; 2] = [
    "ALTER TABLE platform_requests RENAME TO webhook_requests",
    "DELETE FROM seaql_migrations WHERE version = 'm20261122_000019_platform_requests'",
];

/// What undoes two migrations, of which the first one changes one table and refers to another.
const UNDO_TWO_TABLES: [&str; 5] = [
    "DROP TABLE discarded_cards, auto_recharge_claims, auto_recharges",
    "DROP INDEX purchases_by_payment",
    "ALTER TABLE purchases DROP COLUMN kind",
    "DELETE FROM seaql_migrations WHERE version = 'm20261122_000013_auto_recharge'",
    "DELETE FROM seaql_migrations WHERE version = 'm20261122_000017_recharge_target'",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn others_go_on_while_a_change_waits_for_its_table() {
    let reads = "SELECT COUNT(*) FROM webhook_requests";
    others_go_on_while_a_change_waits(&UNDO_LAST, reads, reads).await;
}

/// It has the first table already, and gives it back while it waits for the second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn others_go_on_while_a_change_of_one_table_waits_for_another() {
    let writes = "LOCK TABLE accounts IN ROW EXCLUSIVE MODE";
    let reads = "SELECT COUNT(*) FROM purchases";
    others_go_on_while_a_change_waits(&UNDO_TWO_TABLES, writes, reads).await;
}

/// Two processes want to make the changes that were undone. Somebody keeps a lock that is in their
/// way, and others read.
async fn others_go_on_while_a_change_waits(undo: &[&str], lock: &str, reads: &str) {
    let test = TestDatabase::postgres().await;
    for undo in undo {
        test.tamper(undo).await;
    }
    let undone = test.database.pending_migrations().await.unwrap();
    let somebody = somebody(&test.url, &["BEGIN", lock]).await;
    let mut migrating = Vec::new();
    for _ in 0..2 {
        let database = test.another_process().await;
        migrating.push(tokio::spawn(async move { database.migrate().await }));
    }
    until_a_table_is_waited_for(&test).await;

    let other = test.another_process().await;
    let reads = Statement::from_string(other.reader().get_database_backend(), reads);
    let (begun, mut longest, mut soon) = (Instant::now(), Duration::ZERO, 0);
    while soon < 30 {
        let asked = Instant::now();
        other.reader().query_one_raw(reads.clone()).await.expect("it waits for too long");
        let wait = asked.elapsed();
        longest = longest.max(wait);
        soon += usize::from(wait < Duration::from_millis(300));
        assert!(begun.elapsed() < Duration::from_secs(10), "only {soon} were answered soon");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(longest < Duration::from_secs(2), "somebody waited for {longest:?}");
    assert_eq!(test.database.pending_migrations().await.unwrap(), undone);

    somebody.execute_unprepared("ROLLBACK").await.unwrap();
    for migrated in migrating {
        migrated.await.unwrap().unwrap();
    }
    assert!(test.database.pending_migrations().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_backup_nothing_is_changed() {
    let disk = SmallDisk::of_megabytes(16);
    let folder = disk.0.path();
    let url = format!("sqlite://{}/recharge.db", folder.display());
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    let writer = database.writer();
    let much = "INSERT INTO marks SELECT 'much', hex(zeroblob(1000000)), 0";
    for sql in [UNDO_LAST[0], UNDO_LAST[1], much, "PRAGMA wal_checkpoint(TRUNCATE)"] {
        writer.execute_unprepared(sql).await.unwrap();
    }
    // Enough for the log of SQLite, and too little for the backup.
    disk.fill();
    let ballast = fs::OpenOptions::new().write(true).open(disk.ballast()).unwrap();
    ballast.set_len(ballast.metadata().unwrap().len() - 500_000).unwrap();
    drop(ballast);
    let files = || {
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let mut files: Vec<_> = files.filter(|it| *it != "recharge.db.migration-lock").collect();
        files.sort();
        files
    };
    let before = files();

    let output = run_on(&url, &["migrate", "--log", "off"]);
    fails_with(
        &output,
        "nothing was changed, because the backup before it failed: there is no room",
    );
    assert_eq!(files(), before);
    assert_eq!(database.pending_migrations().await.unwrap(), [LAST]);

    disk.make_room();
    let output = run_on(&url, &["migrate", "--log", "off"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let is_backup = |name: &OsString| name.to_string_lossy().contains(".backup-");
    assert_eq!(files().iter().filter(|name| is_backup(name)).count(), 1);
    assert!(database.pending_migrations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_sqlite_file_is_for_its_owner_and_an_older_one_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data/recharge.db");
    let url = format!("sqlite://{}", path.display());
    let mode = |side: &str| {
        let path = path.with_file_name(format!("recharge.db{side}"));
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    for side in ["", "-wal", "-shm"] {
        assert_eq!(mode(side), 0o600, "recharge.db{side} has secrets");
    }
    drop(database);
    // An operator may let a group read it.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    Database::connect(&url).await.unwrap();
    assert_eq!(mode(""), 0o640);
}

/// The program sees a table of mounts on which everything is on a file system of this kind.
fn on_a_disk_of(kind: &str, folder: &TempDir, arguments: &[&str]) -> std::process::Output {
    let mounts = folder.path().join("mounts");
    fs::write(&mounts, format!("22 1 254:0 / / rw - {kind} x rw\n")).unwrap();
    let program = recharge(folder.path());
    let seeing = "mount --bind \"$0\" /proc/$$/mountinfo && exec \"$@\"";
    std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", seeing])
        .arg(mounts)
        .arg(program.get_program())
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_behind_a_network_is_refused_in_production_and_warned_of_elsewhere() {
    const RISK: &str = "on a network file system (nfs4)";
    let folder = TempDir::new().unwrap();
    let address = format!("--site-addr=127.0.0.1:{}", free_port());
    let refused = on_a_disk_of("nfs4", &folder, &["--environment=PROD", "--log=off", &address]);
    fails_with(&refused, RISK);
    fails_with(&refused, "In PROD the server does not start like this");

    // A server that goes on ends at once: the tables are those of a later release.
    let url = format!("sqlite://{}/data/recharge.db", folder.path().display());
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    marks::write(database.writer(), OLDEST_RELEASE, "99", chrono::Utc::now()).await.unwrap();
    let goes_on = "the tables no longer carry this release";
    for (kind, environment, is_warned) in [("nfs4", "DEV", true), ("ext4", "PROD", false)] {
        let environment = format!("--environment={environment}");
        let output = on_a_disk_of(kind, &folder, &[&environment, &address]);
        let said = text(&output.stderr);
        assert!(said.contains(goes_on), "{kind}: {said}");
        assert_eq!(said.contains(RISK), is_warned, "{kind}: {said}");
    }
}

/// Rewriting rows or rebuilding a table takes more than statements in a list (see
/// `docs/operate/upgrade.md`). These are older than that rule, and none may be added: whoever needs
/// one writes a job, or teaches the program how a table is rebuilt.
const OLDER_THAN_THE_RULE: [(&str, &str); 5] = [
    ("m20261122_000004_holds", "DROP TABLE hold_allocations"),
    ("m20261122_000004_holds", "DROP TABLE holds"),
    ("m20261122_000008_session_users", "UPDATE sessions SET user_id ="),
    ("m20261122_000009_events", "UPDATE accounts SET level = 'empty'"),
    ("m20261122_000019_platform_requests", "ALTER TABLE webhook_requests RENAME TO"),
];

/// Returns whether a statement only adds to the tables.
fn only_adds(statement: &str) -> bool {
    let words: Vec<_> = statement.split_whitespace().map(str::to_uppercase).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["CREATE", "TABLE" | "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] => true,
        ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => true,
        ["INSERT", "INTO", rest @ ..] => !rest.contains(&"SELECT"),
        _ => false,
    }
}

#[test]
fn a_migration_rebuilds_no_table_and_rewrites_no_rows() {
    let mut excused = Vec::new();
    for migration in MIGRATIONS {
        for statement in migration.statements {
            let is_old = |(name, begin): &&(&str, &str)| {
                *name == migration.name && statement.trim_start().starts_with(begin)
            };
            match OLDER_THAN_THE_RULE.iter().find(is_old) {
                Some(old) => excused.push(*old),
                None => assert!(only_adds(statement), "{}: {statement}", migration.name),
            }
        }
    }
    assert_eq!(excused, OLDER_THAN_THE_RULE, "one is excused that isn't there");
}

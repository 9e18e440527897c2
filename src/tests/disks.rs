//! Disks that are full or fail under SQLite: what was acknowledged is in the file, nothing else is
//! said, and work goes on by itself once the disk does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use chrono_tz::UTC;
use recharge::{
    credits::{AccountId, Credits},
    server::{
        clock::Clock,
        database::Database,
        entity::entry,
        ledger::{Ledger, LedgerError, open_account},
        marks,
        pulse::Pulse,
        readiness::{Readiness, Trouble},
    },
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use tempfile::TempDir;

use crate::{
    commands::{grant, spend},
    logging::Logged,
};

/// What opens a transaction.
const LEFT_OPEN: [&str; 3] = ["BEGIN IMMEDIATE", "SAVEPOINT mine", "BEGIN"];

/// A disk of a test's own: a file system in memory.
pub struct SmallDisk(pub TempDir);

impl SmallDisk {
    /// Makes one of so many megabytes.
    pub fn of_megabytes(megabytes: u32) -> Self {
        let disk = Self(TempDir::new().unwrap());
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(disk.0.path())
            .status();
        assert!(
            mounted.unwrap().success(),
            "a disk can be made by root only: run the tests as root"
        );
        disk
    }

    pub fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let dd = Command::new("dd")
            .args(["if=/dev/zero", "bs=4096"])
            .arg(format!("of={}", self.ballast().display()))
            .output();
        assert!(!dd.unwrap().status.success(), "the disk is full before dd has finished");
    }

    /// Lets it be written to, or be read alone.
    pub fn may_be_written(&self, may_be: bool) {
        let options = if may_be { "remount,rw" } else { "remount,ro" };
        let mounted = Command::new("mount").args(["-o", options]).arg(self.0.path()).status();
        assert!(mounted.unwrap().success(), "a file of it is open for writing");
    }

    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever still has a file open there loses nothing but the disk.
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

/// A ledger on a disk, with an account that has 1,000 credits.
struct Given {
    database: Database,
    ledger: Ledger,
    pulse: Pulse,
    readiness: Readiness,
    account: AccountId,
    url: String,
    /// The keys of what was acknowledged.
    acknowledged: Vec<String>,
}

impl Given {
    async fn on(disk: &SmallDisk) -> Self {
        Self::in_folder(disk.0.path()).await
    }

    async fn in_folder(folder: &Path) -> Self {
        let url = format!("sqlite://{}/recharge.db", folder.display());
        let database = Database::connect(&url).await.unwrap();
        database.migrate().await.unwrap();
        let clock = Clock::default();
        let ledger = Ledger::start(database.clone(), clock.clone());
        let account = open_account(database.writer(), UTC, 1, clock.now()).await.unwrap();
        ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
        let readiness = Readiness::default();
        let pulse = Pulse::new(database.clone(), clock, ledger.clone(), readiness.clone());
        let acknowledged = vec!["grant".to_owned()];
        Self { database, ledger, pulse, readiness, account, url, acknowledged }
    }

    async fn charge(&mut self, key: &str) -> Result<(), LedgerError> {
        self.ledger.execute(&self.account, key, spend(1)).await?;
        self.acknowledged.push(key.to_owned());
        Ok(())
    }

    /// What speaks against sending requests, as `/readyz` says it.
    async fn trouble(&self) -> Option<String> {
        self.pulse.check().await;
        self.readiness.all().remove(&Trouble::Writing)
    }

    /// What another process finds in the file: the keys of all entries, in their order.
    async fn keys_in_the_file(&self) -> Vec<String> {
        let other = Database::connect(&self.url).await.unwrap();
        let found = entry::Entity::find()
            .filter(entry::Column::AccountId.eq(&self.account.0))
            .all(other.reader())
            .await
            .unwrap();
        let mut entries: Vec<_> = found.into_iter().map(|it| (it.seq, it.request_key)).collect();
        entries.sort();
        entries.into_iter().filter_map(|(_, key)| key).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_full_disk_nothing_is_acknowledged_that_is_not_in_the_file() {
    let disk = SmallDisk::of_megabytes(8);
    let mut given = Given::on(&disk).await;
    for round in 0..5 {
        disk.fill();
        for number in 0..10 {
            let outcome = given.charge(&format!("full-{round}-{number}")).await;
            let in_the_file = given.keys_in_the_file().await;
            assert_eq!(in_the_file, given.acknowledged, "after {outcome:?}");
        }
        disk.make_room();
        for number in 0..10 {
            given.charge(&format!("room-{round}-{number}")).await.unwrap();
        }
        assert_eq!(given.keys_in_the_file().await, given.acknowledged);
    }
    assert!(given.acknowledged.len() < 101, "the disk was never full: {:?}", given.acknowledged);
    given.ledger.verify().await.unwrap();
    let keys = given.acknowledged.iter().filter(|key| key.starts_with("room")).count();
    assert_eq!(keys, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_not_ready_until_there_is_room() {
    const FULL: &str = "The disk of the database is full.";
    let disk = SmallDisk::of_megabytes(8);
    let mut given = Given::on(&disk).await;
    let logged = Logged::new();
    disk.fill();
    assert_eq!(given.trouble().await.as_deref(), Some(FULL));
    given.charge("full").await.unwrap_err();
    // Now the refused batch is the trouble.
    assert!(given.trouble().await.is_some());
    assert_eq!(logged.text().matches(&format!("ALERT: {FULL}")).count(), 1, "{}", logged.text());

    disk.make_room();
    given.charge("room").await.unwrap();
    assert_eq!(given.trouble().await, None);
    assert_eq!(given.keys_in_the_file().await, given.acknowledged);
}

/// Many wait at once: one batch after another fails, and each caller hears the truth.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_on_a_full_disk_hears_the_truth() {
    let disk = SmallDisk::of_megabytes(8);
    let mut given = Given::on(&disk).await;
    disk.fill();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..300 {
        let (ledger, account) = (given.ledger.clone(), given.account.clone());
        callers.spawn(async move {
            let key = format!("crowd-{number}");
            ledger.execute(&account, &key, spend(1)).await.is_ok().then_some(key)
        });
    }
    let told: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    disk.make_room();
    let mut kept = given.keys_in_the_file().await;
    kept.retain(|key| key != "grant");
    kept.sort();
    let mut told_in_order = told;
    told_in_order.sort();
    assert_eq!(kept, told_in_order);
    given.charge("after").await.unwrap();
    let balance: Credits = given.ledger.balance(&given.account).await.unwrap().0;
    let whole = i64::try_from(kept.len()).unwrap() + 1;
    assert_eq!(balance.thousandths(), 1_000_000 - whole * 1_000);
}

/// A transaction that somebody left open on the one connection that writes would swallow all that
/// comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_left_open_is_not_written_into() {
    let disk = SmallDisk::of_megabytes(8);
    let mut given = Given::on(&disk).await;
    for left_open in LEFT_OPEN {
        let prepared = Statement::from_string(DbBackend::Sqlite, left_open);
        for is_prepared in [false, true] {
            let writer = given.database.writer();
            if is_prepared {
                writer.execute_raw(prepared.clone()).await.ok();
            } else {
                writer.execute_unprepared(left_open).await.ok();
            }
            let key = format!("{left_open} {is_prepared}");
            let outcome = given.charge(&key).await;
            assert_eq!(given.keys_in_the_file().await, given.acknowledged, "{key}: {outcome:?}");
        }
    }
    tokio::time::timeout(Duration::from_secs(5), given.charge("after")).await.unwrap().unwrap();
    assert_eq!(given.keys_in_the_file().await, given.acknowledged);
}

/// The same for a single statement, which SQLite commits by itself unless a transaction is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_single_statement_in_a_transaction_left_open_is_not_acknowledged() {
    let disk = SmallDisk::of_megabytes(8);
    let given = Given::on(&disk).await;
    let (writer, now) = (given.database.writer(), Clock::default().now());
    let in_the_file = async |name: &str| {
        let other = Database::connect(&given.url).await.unwrap();
        marks::read(other.reader(), name).await.unwrap().is_some()
    };
    for left_open in LEFT_OPEN {
        let left_open = Statement::from_string(DbBackend::Sqlite, left_open);
        writer.execute_raw(left_open.clone()).await.unwrap();
        let outcome = marks::write(writer, "lost", "", now).await;
        assert_eq!(in_the_file("lost").await, outcome.is_ok(), "{left_open}: {outcome:?}");
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains("a transaction was left open"), "{left_open}: {said}");

        writer.execute_raw(left_open).await.unwrap();
        let returning = "INSERT INTO marks VALUES ('lost', '', 0) RETURNING name";
        let returning = Statement::from_string(DbBackend::Sqlite, returning);
        assert!(writer.query_one_raw(returning).await.is_err());

        marks::write(writer, "kept", "", now).await.unwrap();
        assert!(in_the_file("kept").await && !in_the_file("lost").await);
        marks::remove(writer, "kept").await.unwrap();
    }
}

/// Whoever moves the file of a server at work would find nothing of what is acknowledged after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_acknowledged_into_a_file_that_was_moved_or_replaced() {
    let folder = TempDir::new().unwrap();
    let mut given = Given::in_folder(folder.path()).await;
    given.charge("before").await.unwrap();
    let (file, aside) = (folder.path().join("recharge.db"), folder.path().join("aside.db"));
    fs::rename(&file, &aside).unwrap();
    for key in ["moved", "again"] {
        assert_eq!(given.charge(key).await, Err(LedgerError::Unavailable));
    }
    assert!(given.trouble().await.is_some());
    assert!(!file.exists(), "no other file is made in its place");
    fs::copy(&aside, &file).unwrap();
    assert_eq!(given.charge("replaced").await, Err(LedgerError::Unavailable));
    fs::rename(&aside, &file).unwrap();
    given.charge("put back").await.unwrap();
    // What was carried out without an acknowledgement is there as well.
    let found = given.keys_in_the_file().await;
    assert!(given.acknowledged.iter().all(|key| found.contains(key)), "{found:?}");
}

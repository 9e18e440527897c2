//! `recharge doctor` says what is wrong and what to do about it.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use recharge::server::{database::Database, schema::OLDEST_RELEASE};
use tempfile::TempDir;

use crate::{
    cluster::Cluster,
    databases::{TestDatabase, on_both_databases},
    program::{recharge, run, text},
};

on_both_databases!(
    a_healthy_database_passes,
    the_tables_of_a_newer_release_are_told_from_those_that_no_longer_carry_this_one,
    changes_that_are_pending_are_counted_and_not_made,
    a_clock_that_is_off_is_wrong,
    the_mark_of_a_rehearsal_is_found,
);

/// What it said of each thing.
pub struct Said {
    pub status: Option<i32>,
    pub lines: Vec<String>,
    /// With what it said about its end.
    pub all: String,
}

impl Said {
    pub fn new(output: &Output) -> Self {
        let lines = text(&output.stdout).lines().map(str::to_owned).collect();
        let all = text(&output.stdout) + &text(&output.stderr);
        Self { status: output.status.code(), lines, all }
    }

    /// Holds that it has found this about a thing, and said what to do where it isn't good.
    #[track_caller]
    pub fn finds(&self, mark: char, subject: &str, words: &str) {
        let begin = format!("{mark} {subject} ");
        let found = self.lines.iter().any(|it| it.starts_with(&begin) && it.contains(words));
        assert!(found, "{begin:?} with {words:?} in {}", self.all);
        let failed = self.lines.iter().any(|line| line.starts_with('✗'));
        assert_eq!(self.status, Some(i32::from(failed)), "{}", self.all);
    }
}

/// Examines the database of a test, in a folder that ends with it.
pub fn examine(url: &str, more: &[&str]) -> Said {
    let folder = TempDir::new().unwrap();
    Said::new(&examined(folder.path(), url, more))
}

/// The same in this folder.
pub fn examined(folder: &Path, url: &str, more: &[&str]) -> Output {
    run(folder, &[&["doctor", "--log=off", "--database-url", url], more].concat())
}

async fn a_healthy_database_passes(test: TestDatabase) {
    let said = examine(&test.url, &[]);
    let subject = |line: &String| line.split_whitespace().nth(1).unwrap().to_owned();
    let subjects: Vec<_> = said.lines.iter().map(subject).collect();
    let expected = ["database", "disk", "clock", "schema", "durability", "descriptors"];
    let is_sqlite = test.database.is_sqlite();
    assert_eq!(subjects, expected, "{}", said.all);
    let kind = if is_sqlite { "SQLite 3." } else { "PostgreSQL 1" };
    said.finds('✓', "database", kind);
    said.finds('✓', "database", "and takes writes.");
    said.finds('✓', "schema", "The tables are up to date.");
    said.finds('✓', "clock", "");
    assert_eq!(said.status, Some(0), "{}", said.all);
    if is_sqlite {
        said.finds('✓', "durability", "journal_mode = wal, synchronous = full.");
        assert!(said.all.contains("the database and the files of what was acknowledged"));
    } else {
        assert!(said.all.contains("the disk of PostgreSQL can't be seen from here"));
    }
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/recharge.db", folder.path().display());
    fs::write(folder.path().join("recharge.db"), "a letter".repeat(1_000)).unwrap();
    examine(&url, &[]).finds('✗', "database", "file is not a database");
    examine("postgres://nobody@127.0.0.1:1/x", &[]).finds('✗', "database", "Connection refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgres_that_can_only_be_read_is_said_to_be() {
    let test = TestDatabase::postgres().await;
    let name = url::Url::parse(&test.url).unwrap().path()[1..].to_owned();
    test.tamper(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let words = "It can only be read: default_transaction_read_only is on. Set it to off";
    examine(&test.url, &[]).finds('✗', "database", words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_is_said_to_be_one_and_its_primary_is_found() {
    let primary = Cluster::start_new();
    Database::connect(&primary.url()).await.unwrap().migrate().await.unwrap();
    let standby = primary.start_synchronous_standby();
    let words = "It is a standby: it can only be read. Promote it if the primary is dead";
    examine(&standby.url(), &[]).finds('✗', "database", words);
    let (one, two) = (standby.port(), primary.port());
    let both = format!("postgres://postgres@127.0.0.1:{one},127.0.0.1:{two}/postgres");
    let found = format!("database postgres at 127.0.0.1:{two}, answers in");
    examine(&both, &[]).finds('✓', "database", &found);
}

/// Something is mounted there until the test ends.
struct Mounted(TempDir);

impl Mounted {
    fn new(commands: &[&[&str]]) -> Self {
        let place = Self(TempDir::new().unwrap());
        for command in commands {
            let status = Command::new("mount").args(*command).arg(place.0.path()).status();
            assert!(status.unwrap().success(), "only root can mount: run the tests as root");
        }
        place
    }

    fn url(&self) -> String {
        format!("sqlite://{}/recharge.db", self.0.path().display())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sqlite_file_that_can_only_be_read_is_said_to_be() {
    let test = TestDatabase::sqlite().await;
    let file = test.database.sqlite_file().unwrap();
    let folder = file.parent().unwrap().to_str().unwrap();
    let place = Mounted::new(&[&["--bind", folder], &["-o", "remount,bind,ro"]]);
    let said = examine(&place.url(), &[]);
    said.finds('✗', "database", "recharge.db can only be read");
    said.finds('!', "disk", "This user can't write there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_disk_that_is_nearly_full_is_said_to_be() {
    let place = Mounted::new(&[&["-t", "tmpfs", "-o", "size=64m", "tmpfs"]]);
    Database::connect(&place.url()).await.unwrap().migrate().await.unwrap();
    let said = examine(&place.url(), &[]);
    said.finds('✗', "disk", "of 64.0 MiB are free");
    said.finds('✗', "disk", "Make room now");
    said.finds('✓', "database", "takes writes");
}

async fn the_tables_of_a_newer_release_are_told_from_those_that_no_longer_carry_this_one(
    test: TestDatabase,
) {
    test.tamper("INSERT INTO seaql_migrations VALUES ('m20990101_000001_later', 0)").await;
    let said = examine(&test.url, &[]);
    said.finds('!', "schema", "A newer release has made 1 change. This release works beside it");
    let mark = format!("INSERT INTO marks VALUES ('{OLDEST_RELEASE}', '99', 0)");
    test.tamper(&mark).await;
    let words = "The tables no longer carry this release: they need schema level 99";
    examine(&test.url, &[]).finds('✗', "schema", words);
}

async fn changes_that_are_pending_are_counted_and_not_made(test: TestDatabase) {
    let last = test.database.changes().await.unwrap();
    assert!(last.pending.is_empty() && last.newer.is_empty() && !last.is_empty);
    let forget = "DELETE FROM seaql_migrations
                  WHERE version = (SELECT MAX(version) FROM seaql_migrations)";
    assert_eq!(test.tamper(forget).await, 1);
    examine(&test.url, &[]).finds('!', "schema", "1 change of the tables is pending");
    assert_eq!(test.tamper(forget).await, 1);
    examine(&test.url, &[]).finds('!', "schema", "2 changes of the tables are pending");
    assert_eq!(test.database.changes().await.unwrap().pending.len(), 2);
}

async fn a_clock_that_is_off_is_wrong(test: TestDatabase) {
    let seen = "INSERT INTO jobs (name, slot, next_slot, claim, claimed_at, seen_at, done)
                VALUES ('sweep', 1, 2, '', 0, ";
    let now = chrono::Utc::now().timestamp_millis();
    test.tamper(&format!("{seen}{now}, 0)")).await;
    let words =
        if test.database.is_sqlite() { "a server was seen last at" } else { "give or take" };
    examine(&test.url, &[]).finds('✓', "clock", words);
    let folder = TempDir::new().unwrap();
    let mut behind = recharge(folder.path());
    behind.args(["doctor", "--database-url", &test.url]).env("RECHARGE_MACHINE_CLOCK_MS", "-7000");
    let said = Said::new(&behind.output().unwrap());
    let words =
        if test.database.is_sqlite() { "behind the latest row" } else { "behind the database's" };
    said.finds('✗', "clock", words);
}

async fn the_mark_of_a_rehearsal_is_found(test: TestDatabase) {
    test.tamper("INSERT INTO marks VALUES ('rehearsal_days', '40', 0)").await;
    let words = "ran 40 days ahead. A server does not start on it. Set CLOCK_AHEAD_DAYS=40";
    examine(&test.url, &[]).finds('✗', "rehearsal", words);
    let going_on = ["--clock-ahead-days=40", "--stripe-api-base=http://127.0.0.1:12111"];
    examine(&test.url, &going_on).finds('!', "rehearsal", "Let no customer use it.");
}

/// The cluster that the tests share doesn't flush: it lives for one run.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgres_that_does_not_flush_is_wrong_in_production() {
    let test = TestDatabase::postgres().await;
    let words = "fsync = off, full_page_writes = off, synchronous_commit = on";
    let said = examine(&test.url, &[]);
    said.finds('!', "durability", words);
    said.finds('!', "durability", "set it to on and restart PostgreSQL");
    examine(&test.url, &["--environment=PROD"]).finds('✗', "durability", words);
}

#[test]
fn too_few_descriptors_are_said_to_be() {
    for (limit, mark, words) in
        [(200, '✗', "too few for the server's own files"), (1_024, '!', "enough for 800")]
    {
        let folder = TempDir::new().unwrap();
        let limited =
            format!("ulimit -n {limit} && exec {} doctor", env!("CARGO_BIN_EXE_recharge"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited]).env_clear().current_dir(folder.path()).stdin(Stdio::null());
        let said = Said::new(&shell.output().unwrap());
        said.finds(mark, "descriptors", words);
        assert!(said.all.contains("LimitNOFILE"), "{}", said.all);
    }
}

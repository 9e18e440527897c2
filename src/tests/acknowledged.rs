//! What was acknowledged is remembered outside the database: where the database forgets, somebody
//! says so.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        database::{Database, Fault},
        ledger::{
            COMPARE_EVERY, FilesCompared, Forgotten, Ledger, Place, RequestKey, open_account,
        },
        readiness::{Readiness, Trouble},
    },
};
use tempfile::TempDir;

use crate::{
    commands::{grant, spend},
    databases::{TestDatabase, on_both_databases},
    fail_points::{AtWrite, connect, insist},
};

on_both_databases!(
    what_the_database_forgets_is_found_within_one_comparison_and_at_the_next_start,
    a_forgotten_number_that_was_given_again_is_found,
    what_was_applied_again_under_its_key_is_forgotten_no_more,
    what_was_acknowledged_only_when_it_was_asked_again_is_remembered_too,
    each_of_many_accounts_is_compared,
);

/// A process that remembers in this folder.
pub struct Process {
    pub ledger: Ledger,
    pub readiness: Readiness,
}

impl Process {
    pub async fn start(test: &TestDatabase, folder: &Path) -> Self {
        Self::start_at(test, Place::of(&test.url, Some(folder))).await
    }

    pub async fn start_at(test: &TestDatabase, place: Place) -> Self {
        Self::start_on(test.another_process().await, place, COMPARE_EVERY).await
    }

    pub async fn start_on(database: Database, place: Place, every: Duration) -> Self {
        let ledger = Ledger::start(database, Clock::default());
        let readiness = Readiness::default();
        ledger.keep_acknowledged(place, readiness.clone(), every).await;
        Self { ledger, readiness }
    }

    /// Opens an account with 100 credits, which are entry 1.
    pub async fn account(&self, test: &TestDatabase) -> AccountId {
        let (zone, now) = (chrono_tz::UTC, Clock::default().now());
        let account = open_account(test.database.writer(), zone, 1, now).await.unwrap();
        let granted = self.ledger.execute(&account, "grant", grant(100)).await.unwrap();
        assert_eq!(granted.seq, 1);
        account
    }

    /// Charges a credit under this key, and returns the number of the entry.
    pub async fn spends(&self, account: &AccountId, key: &str) -> i64 {
        self.ledger.execute(account, key, spend(1)).await.unwrap().seq
    }

    /// Compares now, and returns what is forgotten.
    pub async fn forgotten(&self) -> Vec<(String, i64, bool)> {
        let forgotten = self.ledger.compare_acknowledged().await.unwrap();
        let is_reported = self.readiness.has(Trouble::Forgotten);
        assert_eq!(is_reported, !forgotten.is_empty(), "what is forgotten is reported");
        names(&forgotten)
    }
}

fn names(forgotten: &[Forgotten]) -> Vec<(String, i64, bool)> {
    let name = |it: &Forgotten| (it.line.account.clone(), it.line.seq, it.is_given_again);
    forgotten.iter().map(name).collect()
}

/// Takes the entries from this number on out of the database, as commits that were never kept.
/// Each is a charge.
pub async fn forget(test: &TestDatabase, account: &AccountId, from: i64) {
    let own = format!("account_id = '{account}' AND seq >= {from}");
    let lost = format!("(SELECT SUM(-available_change) FROM entries WHERE {own})");
    let set_back = format!(
        "UPDATE accounts SET seq = {from} - 1, available = available + {lost},
         spent = spent - {lost} WHERE id = '{account}'"
    );
    assert_eq!(test.tamper(&set_back).await, 1);
    let refill =
        format!("UPDATE lots SET remaining = remaining + {lost} WHERE account_id = '{account}'");
    assert_eq!(test.tamper(&refill).await, 1);
    test.tamper(&format!("DELETE FROM allocations WHERE {own}")).await;
    test.tamper(&format!("DELETE FROM entries WHERE {own}")).await;
}

/// The files in a folder, without those that are only locks.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = all.filter(|path| path.to_string_lossy().contains(".log")).collect();
    files.sort();
    files
}

pub async fn compared(test: &TestDatabase, folder: &Path) -> FilesCompared {
    let ledger = Ledger::start(test.another_process().await, Clock::default());
    ledger.compare_files(&files(folder)).await.unwrap()
}

async fn what_the_database_forgets_is_found_within_one_comparison_and_at_the_next_start(
    test: TestDatabase,
) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    for number in 2..=6 {
        assert_eq!(process.spends(&account, &format!("charge-{number}")).await, number);
    }
    // Here each entry since the last comparison is compared, later the last one of the account.
    let found = |numbers: &[i64]| -> Vec<_> {
        numbers.iter().map(|number| (account.0.clone(), *number, false)).collect()
    };
    forget(&test, &account, 5).await;
    assert_eq!(process.forgotten().await, found(&[5, 6]));
    assert_eq!(process.forgotten().await, found(&[5, 6]), "as long as they are gone");
    process.ledger.close().await;

    let next = Process::start(&test, folder.path()).await;
    let said = next.readiness.all().remove(&Trouble::Forgotten).unwrap();
    assert!(said.contains(&format!("{account}: 5, 6")), "{said}");
    assert!(said.contains(&folder.path().display().to_string()), "{said}");
    next.ledger.close().await;

    // Who accepts the loss moves the files away.
    for file in files(folder.path()) {
        fs::remove_file(file).unwrap();
    }
    let accepted = Process::start(&test, folder.path()).await;
    assert_eq!(accepted.forgotten().await, []);
    assert_eq!(accepted.spends(&account, "later").await, 5);
    assert_eq!(accepted.forgotten().await, []);
    forget(&test, &account, 5).await;
    assert_eq!(accepted.forgotten().await, found(&[5]), "also what was compared before");
    accepted.ledger.close().await;
}

async fn a_forgotten_number_that_was_given_again_is_found(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    assert_eq!(process.spends(&account, "first").await, 2);
    assert_eq!(process.forgotten().await, []);
    forget(&test, &account, 2).await;
    // Nothing but the key tells the two entries apart.
    assert_eq!(process.spends(&account, "second").await, 2);
    let found = [(account.0.clone(), 2, true)];
    assert_eq!(process.forgotten().await, found);
    assert_eq!(process.spends(&account, "third").await, 3);
    assert_eq!(process.forgotten().await, found);
    process.ledger.close().await;
    let next = Process::start(&test, folder.path()).await;
    assert_eq!(next.forgotten().await, found);
    next.ledger.close().await;
}

async fn what_was_applied_again_under_its_key_is_forgotten_no_more(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    for key in ["one", "two", "three"] {
        process.spends(&account, key).await;
    }
    forget(&test, &account, 2).await;
    let applies = async |process: &Process, key, amount| {
        let in_other_words = RequestKey::new(key, &"other words");
        let ledger = &process.ledger;
        ledger.execute_request(&account, in_other_words, spend(amount)).await.unwrap().seq
    };
    // Under another number in its own words, and under its own number in other words.
    assert_eq!(process.spends(&account, "three").await, 2);
    assert_eq!(applies(&process, "two", 1).await, 3);
    assert_eq!(process.forgotten().await, [(account.0.clone(), 2, true)]);
    assert_eq!(process.spends(&account, "one").await, 4);
    assert_eq!(process.forgotten().await, []);
    process.ledger.close().await;
    let next = Process::start(&test, folder.path()).await;
    assert_eq!(next.forgotten().await, []);
    // Of another amount it is another command.
    forget(&test, &account, 4).await;
    assert_eq!(applies(&next, "one", 2).await, 4);
    assert_eq!(next.forgotten().await, [(account.0.clone(), 4, true)]);
    next.ledger.close().await;
}

/// More lines than one statement looks up.
async fn each_of_many_accounts_is_compared(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let mut accounts = Vec::new();
    for _ in 0..20 {
        accounts.extend(futures::future::join_all((0..10).map(|_| process.account(&test))).await);
    }
    for key in ["one", "two"] {
        futures::future::join_all(accounts.iter().map(|it| process.spends(it, key))).await;
    }
    let (first, last) = (accounts.iter().min().unwrap(), accounts.iter().max().unwrap());
    forget(&test, first, 3).await;
    forget(&test, last, 2).await;
    let expected =
        [(first.0.clone(), 3, false), (last.0.clone(), 2, false), (last.0.clone(), 3, false)];
    assert_eq!(process.forgotten().await, expected);
    process.ledger.close().await;
    let compared = compared(&test, folder.path()).await;
    assert_eq!((compared.lines, compared.damaged), (600, 0));
    assert_eq!(names(&compared.forgotten), expected);
}

async fn what_was_acknowledged_only_when_it_was_asked_again_is_remembered_too(test: TestDatabase) {
    // The answer to each write is lost in turn; one of them is that of the commit.
    for at in 0..8 {
        let (folder, fates) = (TempDir::new().unwrap(), AtWrite::new(at, false, Fault::Breaks));
        let place = Place::of(&test.url, Some(folder.path()));
        let process = Process::start_on(connect(&test, &fates).await, place, COMPARE_EVERY).await;
        let account = process.account(&test).await;
        fates.arm();
        let charged = insist(&process.ledger, &account, "charge", spend(1)).await;
        assert_eq!(charged.seq, 2, "after write {at}");
        forget(&test, &account, 2).await;
        let forgotten = process.forgotten().await;
        assert_eq!(forgotten, [(account.0.clone(), 2, false)], "after write {at}");
        process.ledger.close().await;
    }
}

//! A lock that every command waits for, such as that of a table while it gets an index: all are
//! answered at once, readiness says why, and work goes on when the lock is gone.

use std::time::{Duration, Instant};

use chrono_tz::UTC;
use futures::future::join_all;
use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        database::Database,
        ledger::{Ledger, LedgerError, open_account},
        pulse::Pulse,
        readiness::{Readiness, Trouble},
    },
};
use sea_orm::ConnectionTrait;

use crate::{
    commands::{credits, grant, spend},
    databases::TestDatabase,
    somebody::somebody,
};

/// Accounts that are charged at once: a batch, and half of one, of each writer on PostgreSQL.
const ACCOUNTS: usize = 96;
/// What everybody waits for at most.
const LONGEST: Duration = Duration::from_secs(6);

/// A ledger with accounts of 10 credits, and what its process says of itself.
struct Given {
    test: TestDatabase,
    ledger: Ledger,
    readiness: Readiness,
    pulse: Pulse,
    accounts: Vec<AccountId>,
}

impl Given {
    async fn on(test: TestDatabase) -> Self {
        let (clock, readiness) = (Clock::default(), Readiness::default());
        let database = Database::connect(&test.url).await.unwrap();
        let ledger = Ledger::start(database.clone(), clock.clone());
        let pulse = Pulse::new(database, clock.clone(), ledger.clone(), readiness.clone());
        let opened = (0..ACCOUNTS).map(|_| async {
            let account = open_account(test.database.writer(), UTC, 1, clock.now()).await.unwrap();
            ledger.execute(&account, "grant", grant(10)).await.unwrap();
            account
        });
        let accounts = join_all(opened).await;
        Self { test, ledger, readiness, pulse, accounts }
    }

    /// Charges all accounts at once, and says what became of each charge and how long it took.
    async fn charge_all(&self) -> Vec<(bool, Duration)> {
        let begun = Instant::now();
        let charges = self.accounts.iter().map(|account| async move {
            match self.ledger.execute(account, "charge", spend(1)).await {
                Ok(_) => (true, begun.elapsed()),
                Err(error) => {
                    assert_eq!(error, LedgerError::Unavailable);
                    (false, begun.elapsed())
                }
            }
        });
        join_all(charges).await
    }
}

/// Charges all accounts while somebody holds a lock, and again when it is gone.
async fn all_are_answered_while_somebody_holds(test: TestDatabase, statements: &[&str]) {
    let given = Given::on(test).await;
    let somebody = somebody(&given.test.url, statements).await;
    for (is_charged, wait) in given.charge_all().await {
        assert!(!is_charged && wait < LONGEST, "{is_charged} after {wait:?}");
    }
    given.pulse.check().await;
    let said = given.readiness.all().get(&Trouble::Writing).map(ToString::to_string);
    assert_eq!(said.as_deref(), Some("The ledger waits for a lock that somebody else holds."));

    somebody.execute_unprepared("ROLLBACK").await.unwrap();
    let gone = Instant::now();
    while given.charge_all().await.iter().any(|(is_charged, _)| !is_charged) {
        assert!(gone.elapsed() < LONGEST, "writing is not taken up again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The trial that met the lock may be the one that is heard of first.
    while given.readiness.has(Trouble::Writing) {
        assert!(gone.elapsed() < 2 * LONGEST, "it is never ready again");
        given.pulse.check().await;
    }
    for account in &given.accounts {
        assert_eq!(given.ledger.balance(account).await.unwrap(), (credits(9), credits(0)));
    }
    given.ledger.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_table_gets_an_index_all_are_answered_at_once() {
    // `CREATE INDEX` takes the same lock.
    let lock = ["BEGIN", "LOCK TABLE entries IN SHARE MODE"];
    all_are_answered_while_somebody_holds(TestDatabase::postgres().await, &lock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_table_is_changed_all_are_answered_at_once() {
    let lock = ["BEGIN", "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"];
    all_are_answered_while_somebody_holds(TestDatabase::postgres().await, &lock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_another_program_writes_the_file_all_are_answered_at_once() {
    let lock = ["BEGIN IMMEDIATE"];
    all_are_answered_while_somebody_holds(TestDatabase::sqlite().await, &lock).await;
}

/// A lock of rows that are no accounts', of which nobody can tell whom it concerns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_somebody_holds_all_lots_nobody_waits_for_one_after_another() {
    let given = Given::on(TestDatabase::postgres().await).await;
    let lock = ["BEGIN", "UPDATE lots SET held = held"];
    let somebody = somebody(&given.test.url, &lock).await;
    let longest = given.charge_all().await.into_iter().map(|(_, wait)| wait).max();
    // At most the first command of each writer, then its others together, then one of them: 2 s each.
    assert!(longest.unwrap() < LONGEST + Duration::from_secs(2), "{longest:?}");
    somebody.execute_unprepared("ROLLBACK").await.unwrap();
    while given.charge_all().await.iter().any(|(is_charged, _)| !is_charged) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    given.ledger.verify().await.unwrap();
}

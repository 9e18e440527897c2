//! The synchronous standby of PostgreSQL is dead: nothing is acknowledged that it lacks, everybody is
//! told so in time, and work goes on when the standby is back or is waited for no more.

use std::{
    collections::BTreeMap,
    pin::pin,
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        database::{Database, Limits},
        ledger::{Ledger, LedgerError, RequestKey, open_account},
        marks,
        pulse::Pulse,
        readiness::{Readiness, Trouble},
    },
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    commands::{grant, spend},
    somebody::somebody,
    survival::{Found, entries, times},
};

/// Short, so that the test is. A server's own are between 2 and 5 seconds.
const LIMITS: Limits = Limits {
    statement: Duration::from_millis(1_000),
    lock: Duration::from_millis(300),
    connection: Duration::from_millis(2_000),
    ..Limits::SERVING
};
/// Who is refused is told so within this.
const TOLD: Duration = Duration::from_secs(3);
/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);

/// A ledger on a cluster, with an account of 1,000 credits.
struct Given {
    cluster: Cluster,
    database: Database,
    ledger: Ledger,
    account: AccountId,
}

impl Given {
    async fn on(cluster: Cluster) -> Self {
        let database = Database::connect_with(&cluster.url(), None, LIMITS).await.unwrap();
        database.migrate().await.unwrap();
        let clock = Clock::default();
        let ledger = Ledger::start(database.clone(), clock.clone());
        let account = open_account(database.writer(), UTC, 1, clock.now()).await.unwrap();
        ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
        Self { cluster, database, ledger, account }
    }

    /// On a cluster that waits for a standby that there is not.
    async fn without_its_standby() -> Self {
        let cluster = Cluster::start_new();
        // Whatever the database lets its clients hear.
        let quiet = "ALTER DATABASE postgres SET client_min_messages = error";
        somebody(&cluster.url(), &[quiet]).await;
        let given = Self::on(cluster).await;
        given.cluster.wait_for_standbys("*");
        // A reload takes a moment to reach everybody.
        let begun = Instant::now();
        let is_answered = async |name: String| {
            let (writer, now) = (given.database.writer(), Clock::default().now());
            let named = marks::write(writer, &name, "", now);
            timeout(Duration::from_millis(200), named).await.is_ok_and(|written| written.is_ok())
        };
        for number in 0.. {
            if !is_answered(format!("mark-{number}")).await {
                break;
            }
            assert!(begun.elapsed() < AT_LAST, "nobody waits for the standby");
        }
        given
    }

    async fn charge(&self, key: &str) -> Result<i64, LedgerError> {
        Ok(self.ledger.execute(&self.account, key, spend(1)).await?.seq)
    }

    /// Charges until it succeeds.
    async fn until_charged(&self, key: &str) -> i64 {
        let begun = Instant::now();
        loop {
            match self.charge(key).await {
                Ok(entry) => return entry,
                Err(error) => assert!(begun.elapsed() < AT_LAST, "{key}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Does this to every session that waits for the standby, until some work has ended.
    async fn ending_waits<T>(&self, how: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut ended = 0;
        let sql = format!("SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        let sql = Statement::from_string(DbBackend::Postgres, sql);
        loop {
            tokio::select! {
                done = &mut work => {
                    assert!(ended > 0, "nobody waited for the standby");
                    return done;
                }
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            let found = self.database.reader().query_all_raw(sql.clone()).await;
            ended += found.unwrap().len();
        }
    }

    /// Holds that each key has one entry and no other has any, and that all adds up.
    async fn has_once(&self, keys: &BTreeMap<String, i64>) -> Found {
        let entries = entries(&self.database, &self.account).await;
        let mut found = Found::of(keys.len(), 0);
        for (key, entry) in keys {
            let done = entries.get(key).map_or(0, |found| times(found, Some(*entry)));
            found.note(key, done, true);
        }
        self.ledger.verify().await.unwrap();
        found.and(Found::once_in_entries(entries, keys.keys().cloned()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_standby_is_dead_everybody_is_told_and_work_goes_on_when_it_is_back() {
    let primary = Cluster::start_new();
    let standby = primary.start_synchronous_standby();
    let given = Given::on(primary).await;
    let readiness = Readiness::default();
    let (clock, ledger) = (Clock::default(), given.ledger.clone());
    let pulse = Pulse::new(given.database.clone(), clock, ledger, readiness.clone());
    pulse.check().await;
    assert_eq!(readiness.all(), BTreeMap::new());

    standby.stop_at_once();
    let keys = ["one", "two", "three"];
    for key in keys {
        let begun = Instant::now();
        assert_eq!(given.charge(key).await, Err(LedgerError::Unavailable), "{key}");
        assert!(begun.elapsed() < TOLD, "{key} was told after {:?}", begun.elapsed());
    }
    pulse.check().await;
    assert!(readiness.has(Trouble::Writing), "{:?}", readiness.all());
    assert!(given.ledger.balance(&given.account).await.is_ok(), "it can be read");

    standby.start();
    let (back, mut charged) = (Instant::now(), BTreeMap::new());
    for key in keys {
        charged.insert(key.to_owned(), given.until_charged(key).await);
    }
    let recovered = back.elapsed();
    given.has_once(&charged).await.report(1, recovered);
    let begun = Instant::now();
    while readiness.has(Trouble::Writing) {
        assert!(begun.elapsed() < AT_LAST, "it is not ready: {:?}", readiness.all());
        pulse.check().await;
    }
}

/// PostgreSQL answers a commit whose wait was cancelled as any other, and lets it be read also when
/// its session was ended. The standby has none of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_no_standby_has_is_not_acknowledged_although_the_wait_for_it_was_ended() {
    const WAYS: [&str; 2] = ["pg_cancel_backend", "pg_terminate_backend"];
    let given = Given::without_its_standby().await;
    let key = |how: &str| RequestKey::new(how, &spend(1));
    for how in WAYS {
        let told = given.ending_waits(how, given.charge(how)).await;
        assert_eq!(told, Err(LedgerError::Unavailable), "{how}");
        // Nobody reads it as done, either.
        let again = given.charge(how).await;
        assert_eq!(again, Err(LedgerError::Unavailable), "{how}, again");
        let known = given.ledger.known(&given.account, &key(how)).await;
        assert_eq!(known, Err(LedgerError::Unavailable), "{how}, looked up");
    }
    given.cluster.wait_for_standbys("");
    let (back, mut charged) = (Instant::now(), BTreeMap::new());
    for how in WAYS {
        charged.insert(how.to_owned(), given.until_charged(how).await);
    }
    let recovered = back.elapsed();
    given.has_once(&charged).await.report(WAYS.len(), recovered);
}

/// The same for what else is written: here for a whole transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_whose_wait_for_the_standby_was_cancelled_is_not_said_to_be_kept() {
    let given = Given::without_its_standby().await;
    let mark = "INSERT INTO marks (name, value, updated_at) VALUES ('a', 'mark', 1)";
    let writing = given.database.write(move |transaction| {
        Box::pin(async move {
            transaction.execute_unprepared(mark).await?;
            Ok(())
        })
    });
    given.ending_waits("pg_cancel_backend", writing).await.unwrap_err();
}

//! A process shows by a session lock of PostgreSQL that it lives: what a dead one was at is taken
//! over at once. Without the lock all of it works by the lease.

use std::{env, time::Duration};

use recharge::server::{
    clock::Clock,
    database::{Database, Limits},
    entity::job,
    jobs::{Job, Jobs, Pace},
};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};
use stripe_simulator::WebhookPolicy;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    databases::{TestDatabase, on_both_databases},
    jobs::{counting, dying},
    leases::{credited_once, reconciling},
    payments_shop::{SOON, Shop},
};

on_both_databases!(
    without_session_locks_a_dead_process_is_followed_when_its_lease_has_ended,
    without_session_locks_a_paid_purchase_waits_for_the_lease_of_a_dead_process_at_most,
    the_claim_of_a_living_process_stays_its_own_although_another_one_looks,
);

/// The paces of a process that says often that it lives, and of one that never says it again.
const RENEWS_OFTEN: Pace = Pace { renewal: Duration::from_millis(50), ..Pace::PRODUCT };
const NEVER_RENEWS: Pace = Pace { renewal: DAY, ..Pace::PRODUCT };
const DAY: Duration = Duration::from_hours(24);
/// A lease for a test that waits for its end, and how much later a busy machine may be.
const LEASE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(10);

/// A process that works for ever. If it is aborted, all of it is gone, its connections too.
struct Working(JoinHandle<()>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Working {
    /// Starts it; it is at work when this returns.
    async fn start(test: &TestDatabase, database: Database, pace: Pace) -> Self {
        Self::start_at(test, database, dying(DAY), pace).await
    }

    /// The same at another job.
    async fn start_at(test: &TestDatabase, database: Database, at: Vec<Job>, pace: Pace) -> Self {
        let jobs = Jobs::on(&database, &Clock::default(), at).at_pace(pace);
        let working = Self(jobs.start(CancellationToken::new()));
        until("nobody works", async || claim(test).await.is_some()).await;
        working
    }
}

/// Waits for what must come.
pub async fn until(missing: &str, came: impl AsyncFn() -> bool) {
    let end = Instant::now() + SOON;
    while !came().await {
        assert!(Instant::now() < end, "{missing}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What stands in the row of the slot.
async fn claim(test: &TestDatabase) -> Option<String> {
    let row = job::Entity::find().one(test.database.reader()).await.unwrap();
    row.map(|row| row.claim)
}

async fn names_a_lock(test: &TestDatabase) -> bool {
    claim(test).await.unwrap().contains('-')
}

/// The backend that holds a session lock, in the database of the test.
pub async fn holder(test: &TestDatabase) -> Option<i32> {
    let sql = "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
               WHERE locktype = 'advisory' AND datname = current_database()";
    let sql = Statement::from_string(DbBackend::Postgres, sql);
    let row = test.database.reader().query_one_raw(sql).await.unwrap();
    row.map(|row| row.try_get_by_index(0).unwrap())
}

async fn terminate_holder(test: &TestDatabase) {
    let pid = holder(test).await.unwrap();
    test.tamper(&format!("SELECT pg_terminate_backend({pid})")).await;
    until("it lives", async || holder(test).await != Some(pid)).await;
}

/// Another process looks once, by the product's lease. Returns whether it took the slot.
async fn takes_over(test: &TestDatabase) -> bool {
    let (jobs, _) = counting(DAY);
    let other = Jobs::on(&test.database, &Clock::default(), jobs);
    !other.run_due().await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dead_process_is_followed_before_its_lease_has_ended() {
    let test = TestDatabase::postgres().await;
    // One that dies just as it renews may leave a claim that names no lock.
    let working = Working::start(&test, test.another_process().await, NEVER_RENEWS).await;
    assert!(names_a_lock(&test).await);
    assert!(!takes_over(&test).await, "it lives");
    let died_at = Instant::now();
    drop(working);
    until("nobody takes over", async || takes_over(&test).await).await;
    assert!(died_at.elapsed() < Duration::from_secs(6), "{:?}", died_at.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lock_that_is_held_prolongs_no_claim() {
    let test = TestDatabase::postgres().await;
    let _hangs = Working::start(&test, test.another_process().await, NEVER_RENEWS).await;
    assert!(names_a_lock(&test).await && !takes_over(&test).await);
    test.tamper("UPDATE jobs SET seen_at = seen_at - 15001").await;
    assert!(takes_over(&test).await, "its process has said nothing for a lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_loses_its_lock_takes_it_again() {
    let test = TestDatabase::postgres().await;
    let _working = Working::start(&test, test.another_process().await, RENEWS_OFTEN).await;
    terminate_holder(&test).await;
    until("the lock is not taken again", async || holder(&test).await.is_some()).await;
    until("the claim names no lock", async || names_a_lock(&test).await).await;
    assert!(!takes_over(&test).await, "it lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_process_can_have_no_lock_its_claim_lives_by_its_lease() {
    let test = TestDatabase::postgres().await;
    let _working = Working::start(&test, test.another_process().await, RENEWS_OFTEN).await;
    let name = url::Url::parse(&test.url).unwrap().path()[1..].to_owned();
    let server = sea_orm::Database::connect(env::var("TEST_POSTGRES_URL").unwrap()).await.unwrap();
    let allow = async |connections: bool| {
        let sql = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}");
        server.execute_unprepared(&sql).await.unwrap();
    };
    // Its other connections stay.
    assert!(!takes_over(&test).await);
    allow(false).await;
    terminate_holder(&test).await;
    until("the claim names a lost lock", async || !names_a_lock(&test).await).await;
    assert!(!takes_over(&test).await, "its lease has not ended");
    allow(true).await;
    until("the lock is not taken again", async || names_a_lock(&test).await).await;
    assert!(!takes_over(&test).await, "it lives");
}

/// As a process connects behind a pooler that knows no way past it: it has no session locks.
async fn portable(test: &TestDatabase) -> Database {
    let mode = if test.database.is_sqlite() { "" } else { "?pool_mode=transaction" };
    let url = format!("{}{mode}", test.url);
    Database::connect_with(&url, None, Limits::SERVING).await.unwrap()
}

async fn without_session_locks_a_dead_process_is_followed_when_its_lease_has_ended(
    test: TestDatabase,
) {
    let working = Working::start(&test, portable(&test).await, NEVER_RENEWS).await;
    assert!(!names_a_lock(&test).await);
    assert!(!takes_over(&test).await, "it lives");
    drop(working);
    test.tamper("UPDATE jobs SET seen_at = seen_at - 10000").await;
    assert!(!takes_over(&test).await, "it may just be late");
    test.tamper("UPDATE jobs SET seen_at = seen_at - 5001").await;
    assert!(takes_over(&test).await);
}

async fn without_session_locks_a_paid_purchase_waits_for_the_lease_of_a_dead_process_at_most(
    shop: Shop,
) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let every = Duration::from_secs(10);
    let dying = vec![Job::new("reconcile", every, (), |(), _| std::future::pending())];
    let portable_database = portable(&shop.test).await;
    let working = Working::start_at(&shop.test, portable_database, dying, NEVER_RENEWS).await;
    assert!(!names_a_lock(&shop.test).await);
    drop(working);
    shop.pay(&purchase);
    let paid_at = Instant::now();
    let pace = Pace { lease: LEASE, look: Duration::from_millis(100), ..Pace::PRODUCT };
    let jobs = Jobs::on(&portable(&shop.test).await, &shop.clock, vec![reconciling(&shop)]);
    let _healthy = Working(jobs.at_pace(pace).start(CancellationToken::new()));
    let is_credited = async || shop.lots(&purchase).await > 0;
    until("paid, and not credited", is_credited).await;
    let waited = paid_at.elapsed();
    assert!(waited < LEASE + SLACK, "it waited for {waited:?}");
    credited_once(&shop, &buyer, &purchase).await.report(1, waited);
}

async fn the_claim_of_a_living_process_stays_its_own_although_another_one_looks(
    test: TestDatabase,
) {
    let _working = Working::start(&test, test.another_process().await, RENEWS_OFTEN).await;
    let before = claim(&test).await;
    for _ in 0..20 {
        assert!(!takes_over(&test).await, "it lives");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(claim(&test).await, before, "its renewals leave the claim as it is");
}

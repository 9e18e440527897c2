//! The primary of PostgreSQL dies under load and its synchronous standby takes over: nothing that
//! was acknowledged is lost, and work goes on by itself.

use std::time::Duration;

use recharge::server::{clock::Clock, database::Database, ledger::Ledger};

use crate::{
    charges::{CALLERS, Charges},
    cluster::Cluster,
};

/// After the promotion, requests succeed within this.
const SERVING: Duration = Duration::from_secs(5);
/// The same where nobody hears that the primary is gone: a statement is given up after 5 s, most of
/// which may pass after the promotion.
const AFTER_SILENCE: Duration = Duration::from_secs(6);
/// How long it takes somebody to find out that the primary is silent, at least.
const NOTICED: Duration = Duration::from_millis(1_500);

/// A ledger with callers on a primary and its synchronous standby.
async fn charges_on(primary: &Cluster, standby: &Cluster) -> (Database, Charges) {
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let url = format!("postgres://postgres@{hosts}/postgres");
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    let ledger = Ledger::start(database.clone(), Clock::default());
    let charges = Charges::begin(ledger, &database).await;
    charges.until_acknowledged(10 * CALLERS).await;
    (database, charges)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_standby_takes_over_nothing_acknowledged_is_lost() {
    let primary = Cluster::start_new();
    let standby = primary.start_synchronous_standby();
    let (database, charges) = charges_on(&primary, &standby).await;
    primary.stop_at_once();
    standby.promote();
    let again = charges.until_acknowledged(1).await;
    assert!(again < SERVING, "serving {again:?} after the promotion");
    charges.until_acknowledged(10 * CALLERS).await;
    charges.end(&database).await.report(1, again);
}

/// As if its machine were gone: nobody hears that a connection has ended, and new ones get no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_primary_goes_silent_the_standby_serves_soon_after_its_promotion() {
    let primary = Cluster::start_new();
    let standby = primary.start_synchronous_standby();
    let (database, charges) = charges_on(&primary, &standby).await;
    primary.signal("STOP");
    tokio::time::sleep(NOTICED).await;
    standby.promote();
    let again = charges.until_acknowledged(1).await;
    assert!(again < AFTER_SILENCE, "serving {again:?} after the promotion");
    charges.until_acknowledged(10 * CALLERS).await;
    charges.end(&database).await.report(1, again);
}

/// The order of the hosts says nothing about which of them can be written to.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_hosts_the_one_that_can_be_written_to_is_used() {
    let primary = Cluster::start_new();
    let standby = primary.start_synchronous_standby();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port(), primary.port());
    let url = format!("postgres://postgres@{hosts}/postgres");
    let database = Database::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
}

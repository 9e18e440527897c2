//! Connections between the program and PostgreSQL that are cut, also between a commit and its
//! answer: nothing that was acknowledged is lost, nothing happens twice.

use std::time::Duration;

use recharge::server::{clock::Clock, database::Database, ledger::Ledger};

use crate::{
    charges::Charges,
    databases::TestDatabase,
    proxy::{Fault, Proxy},
};

/// How often the connections are cut: more often in a soak.
fn rounds() -> usize {
    std::env::var("TEST_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_at_any_moment_nothing_is_lost_and_nothing_happens_twice() {
    let test = TestDatabase::postgres().await;
    let proxy = Proxy::before(&test.url).await;
    let database = Database::connect(&proxy.url(&test.url)).await.unwrap();
    let ledger = Ledger::start(database, Clock::default());
    let charges = Charges::begin(ledger, &test.database).await;
    // A cut may meet nobody, and the last answer that is lost may still be on its way.
    for round in 0.. {
        if proxy.cuts() >= rounds() {
            break;
        }
        // Work has been taken up again since the last cut.
        charges.until_acknowledged(1).await;
        // Each round meets another moment of a commit.
        tokio::time::sleep(Duration::from_micros(137 * (round as u64 % 29))).await;
        proxy.strike(if round % 2 == 0 { Fault::Cut } else { Fault::CutAnswer });
    }
    let (all, unknown) = charges.end(&test.database).await;
    assert!(unknown > 0, "no cut met a charge");
    println!("{} cuts, {all} charges, {unknown} unknown", proxy.cuts());
}

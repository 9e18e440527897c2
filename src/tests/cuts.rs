//! Connections between the program and PostgreSQL that are cut, also between a commit and its
//! answer: nothing that was acknowledged is lost, nothing happens twice.

use std::time::Duration;

use recharge::server::{clock::Clock, database::Database, ledger::Ledger};

use crate::{
    charges::Charges,
    databases::TestDatabase,
    proxy::{Cut, Fault, Proxy},
};

/// Only the statement that writes and commits a charge has this in it: its operation as a
/// parameter, after its length.
const CHARGE: &[u8] = b"\0\0\0\x09inference";

/// How many connections are cut at least: more in a soak.
fn rounds() -> usize {
    std::env::var("TEST_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// How many of them lose the answer to a charge, at least.
fn answers() -> usize {
    rounds() * 2 / 5
}

/// How many connections were cut, and what they were used for at that moment.
#[derive(Debug, Default)]
struct Met {
    /// The database had carried out a charge, and its answer was lost.
    before_the_answer: usize,
    /// The program waited for the answer to a charge, whether or not the database had the charge.
    at_any_moment: usize,
    /// The connection was idle, or used for something else.
    no_charge: usize,
}

impl Met {
    fn count(&mut self, cut: &Cut) {
        let counted = match cut.fault {
            _ if !cut.met(CHARGE) => &mut self.no_charge,
            Fault::CutAnswer => &mut self.before_the_answer,
            _ => &mut self.at_any_moment,
        };
        *counted += 1;
    }

    const fn all(&self) -> usize {
        self.before_the_answer + self.at_any_moment + self.no_charge
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_at_any_moment_nothing_is_lost_and_nothing_happens_twice() {
    let test = TestDatabase::postgres().await;
    let proxy = Proxy::before(&test.url).await;
    let database = Database::connect(&proxy.url(&test.url)).await.unwrap();
    let ledger = Ledger::start(database, Clock::default());
    let charges = Charges::begin(ledger, &test.database).await;
    let (mut met, mut longest) = (Met::default(), Duration::ZERO);
    for round in 0..5 * rounds() {
        // Work has been taken up again since the last cut.
        longest = longest.max(charges.until_acknowledged(1).await);
        proxy.take_cuts().iter().for_each(|cut| met.count(cut));
        if met.all() >= rounds() && met.before_the_answer >= answers() {
            break;
        }
        // Each round meets another moment of a commit.
        tokio::time::sleep(Duration::from_micros(137 * (round as u64 % 29))).await;
        proxy.strike(if round % 3 == 0 { Fault::Cut } else { Fault::CutAnswer });
    }
    println!("{met:?}");
    let found = charges.end(&test.database).await;
    assert!(found.unknown > 0, "nobody noticed a cut");
    found.report(met.before_the_answer + met.at_any_moment, longest);
    assert!(met.before_the_answer >= answers(), "too few answers were lost: {met:?}");
    assert!(met.at_any_moment >= rounds() / 20, "too few other cuts met a charge: {met:?}");
}

//! Connections between the program and PostgreSQL that are cut, also between a commit and its
//! answer: nothing that was acknowledged is lost, nothing happens twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        database::Database,
        entity::entry,
        ledger::{Ledger, open_account},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::task::JoinSet;

use crate::{
    commands::{grant, spend},
    databases::TestDatabase,
    proxy::{Fault, Proxy},
};

/// Tasks that charge at the same time.
const TASKS: usize = 8;

/// How often the connections are cut: more often in a soak.
fn rounds() -> usize {
    std::env::var("TEST_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// What became of each key: whether it was acknowledged.
type Log = BTreeMap<String, bool>;

/// Charges until it is told to stop. A key whose outcome is unknown isn't asked for again.
async fn charge(ledger: Ledger, account: AccountId, name: usize, stop: Arc<AtomicBool>) -> Log {
    let mut log = Log::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let key = format!("{name}-{number}");
        let outcome = ledger.execute(&account, &key, spend(1)).await;
        acknowledged.fetch_add(usize::from(outcome.is_ok()), Ordering::SeqCst);
        log.insert(key, outcome.is_ok());
    }
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_at_any_moment_nothing_is_lost_and_nothing_happens_twice() {
    let test = TestDatabase::postgres().await;
    let proxy = Proxy::before(&test.url).await;
    let database = Database::connect(&proxy.url(&test.url)).await.unwrap();
    let (clock, writer) = (Clock::default(), test.database.writer());
    let ledger = Ledger::start(database, clock.clone());
    let mut accounts = Vec::new();
    for _ in 0..TASKS / 2 {
        let account = open_account(writer, UTC, 1, clock.now()).await.unwrap();
        ledger.execute(&account, "grant", grant(1_000_000)).await.unwrap();
        accounts.push(account);
    }
    let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut tasks = JoinSet::new();
    for name in 0..TASKS {
        let account = accounts[name % accounts.len()].clone();
        let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        tasks.spawn(charge(ledger.clone(), account, name, stop, acknowledged));
    }
    for round in 0..rounds() {
        // Work has been taken up again since the last cut.
        let (before, begun) = (acknowledged.load(Ordering::SeqCst), Instant::now());
        while acknowledged.load(Ordering::SeqCst) < before + TASKS {
            assert!(begun.elapsed() < Duration::from_secs(20), "round {round}: nothing is written");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Each round meets another moment of a commit.
        tokio::time::sleep(Duration::from_micros(137 * (round as u64 % 29))).await;
        proxy.strike(if round % 2 == 0 { Fault::Cut } else { Fault::CutAnswer });
    }
    stop.store(true, Ordering::SeqCst);
    let mut log = Log::new();
    while let Some(told) = tasks.join_next().await {
        log.extend(told.unwrap());
    }
    assert!(proxy.cuts() >= rounds(), "only {} connections were cut", proxy.cuts());
    let unknown = log.values().filter(|told| !**told).count();
    assert!(unknown > 0, "no cut met a charge");

    // Those that nobody knows of are asked for again: each is there once then.
    for (key, _) in log.iter().filter(|(_, told)| !**told) {
        let name: usize = key.split('-').next().unwrap().parse().unwrap();
        ledger.execute(&accounts[name % accounts.len()], key, spend(1)).await.unwrap();
    }
    let mut found = BTreeMap::<String, usize>::new();
    for account in &accounts {
        let entries = entry::Entity::find().filter(entry::Column::AccountId.eq(&account.0));
        for entry in entries.all(test.database.reader()).await.unwrap() {
            let key = entry.request_key.unwrap();
            if key != "grant" {
                *found.entry(key).or_default() += 1;
            }
        }
    }
    assert_eq!(found, log.keys().map(|key| (key.clone(), 1)).collect());
    ledger.verify().await.unwrap();
    println!("{} cuts, {} charges, {unknown} unknown", proxy.cuts(), log.len());
}

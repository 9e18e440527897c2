//! Callers that charge accounts at the same time, and what each of them was told.

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

use crate::commands::{grant, spend};

/// Callers that charge at the same time.
pub const CALLERS: usize = 8;
/// How long nothing may be written before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Callers at work. A key whose outcome is unknown is asked for again only at the end.
pub struct Charges {
    ledger: Ledger,
    accounts: Vec<AccountId>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    callers: JoinSet<BTreeMap<String, bool>>,
}

impl Charges {
    /// Opens accounts with a million credits each, and begins.
    pub async fn begin(ledger: Ledger, database: &Database) -> Self {
        let mut accounts = Vec::new();
        for _ in 0..CALLERS / 2 {
            let at = Clock::default().now();
            let account = open_account(database.writer(), UTC, 1, at).await.unwrap();
            ledger.execute(&account, "grant", grant(1_000_000)).await.unwrap();
            accounts.push(account);
        }
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut callers = JoinSet::new();
        for name in 0..CALLERS {
            let (ledger, account) = (ledger.clone(), accounts[name % accounts.len()].clone());
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            callers.spawn(async move {
                let mut log = BTreeMap::new();
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let key = format!("{name}-{number}");
                    let is_told = ledger.execute(&account, &key, spend(1)).await.is_ok();
                    acknowledged.fetch_add(usize::from(is_told), Ordering::SeqCst);
                    log.insert(key, is_told);
                    if !is_told {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                log
            });
        }
        Self { ledger, accounts, stop, acknowledged, callers }
    }

    /// Waits until so many more were acknowledged; says how long that took.
    pub async fn until_acknowledged(&self, more: usize) -> Duration {
        let (before, begun) = (self.acknowledged.load(Ordering::SeqCst), Instant::now());
        while self.acknowledged.load(Ordering::SeqCst) < before + more {
            assert!(begun.elapsed() < PATIENCE, "nothing is written any more");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        begun.elapsed()
    }

    /// Ends them, asks once more for what nobody knows of, and holds that every charge is in the
    /// database once and the books add up. Returns how many there were, and how many unknown.
    pub async fn end(mut self, database: &Database) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        let mut log = BTreeMap::new();
        while let Some(told) = self.callers.join_next().await {
            log.extend(told.unwrap());
        }
        let before = self.entries(database).await;
        for (key, is_told) in &log {
            let count = before.get(key).copied().unwrap_or_default();
            assert!(count <= 1, "{key} is there {count} times");
            assert!(count == 1 || !is_told, "{key} was acknowledged and is lost");
        }
        let unknown: Vec<_> = log.iter().filter(|(_, told)| !**told).map(|(key, _)| key).collect();
        for key in &unknown {
            let name: usize = key.split('-').next().unwrap().parse().unwrap();
            let account = &self.accounts[name % self.accounts.len()];
            self.ledger.execute(account, key, spend(1)).await.unwrap();
        }
        let once: BTreeMap<_, _> = log.keys().map(|key| (key.clone(), 1)).collect();
        assert_eq!(self.entries(database).await, once);
        self.ledger.verify().await.unwrap();
        (log.len(), unknown.len())
    }

    /// How often each key has led to an entry.
    async fn entries(&self, database: &Database) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::<String, usize>::new();
        for account in &self.accounts {
            let entries = entry::Entity::find().filter(entry::Column::AccountId.eq(&account.0));
            for entry in entries.all(database.reader()).await.unwrap() {
                *found.entry(entry.request_key.unwrap()).or_default() += 1;
            }
        }
        found.remove("grant");
        found
    }
}

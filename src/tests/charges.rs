//! Callers that charge accounts at the same time, and what each of them was told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use futures::{StreamExt, stream};
use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        database::Database,
        ledger::{Ledger, open_account},
    },
};
use tokio::task::JoinSet;

use crate::{
    commands::{grant, spend},
    survival::{Acknowledged, Found, entries},
};

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
    callers: JoinSet<(usize, Log)>,
}

/// What callers of one account were told, and the keys whose outcome they don't know.
#[derive(Default)]
struct Log {
    acknowledged: Vec<Acknowledged>,
    unknown: Vec<String>,
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
            let number = name % accounts.len();
            let (ledger, account) = (ledger.clone(), accounts[number].clone());
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            callers.spawn(async move {
                let mut log = Log::default();
                for charge in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let (key, asked) = (format!("{name}-{charge}"), Instant::now());
                    let Ok(outcome) = ledger.execute(&account, &key, spend(1)).await else {
                        log.unknown.push(key);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    };
                    let (entry, heard) = (outcome.seq, Instant::now());
                    log.acknowledged.push(Acknowledged { key, entry, asked, heard });
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                (number, log)
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

    /// Ends them and holds what was acknowledged against the database. Then asks again for what
    /// nobody knows of: every charge must be there once, and the books add up.
    pub async fn end(mut self, database: &Database) -> Found {
        self.stop.store(true, Ordering::SeqCst);
        let mut logs: Vec<_> = self.accounts.iter().map(|_| Log::default()).collect();
        while let Some(told) = self.callers.join_next().await {
            let (number, told) = told.unwrap();
            logs[number].acknowledged.extend(told.acknowledged);
            logs[number].unknown.extend(told.unknown);
        }
        let mut found = Found::default();
        for (account, log) in self.accounts.iter().zip(logs) {
            found = found.and(self.settle(database, account, log).await);
        }
        self.ledger.verify().await.unwrap();
        found
    }

    async fn settle(&self, database: &Database, account: &AccountId, log: Log) -> Found {
        let Log { acknowledged, unknown } = log;
        let known: Vec<_> = acknowledged.iter().map(|it| it.key.clone()).collect();
        let before = entries(database, account).await;
        let found = Found::in_entries(&before, acknowledged, &unknown);
        let again = unknown.iter().map(|key| self.ledger.execute(account, key, spend(1)));
        let outcomes: Vec<_> = stream::iter(again).buffer_unordered(CALLERS).collect().await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let after = entries(database, account).await;
        found.and(Found::once_in_entries(after, known.into_iter().chain(unknown)))
    }
}

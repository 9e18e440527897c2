//! The accounts that are debited, what their clients were told, and whether that is what stands
//! in the database.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::{TimeDelta, Utc};
use chrono_tz::Tz;
use futures::{TryStreamExt, stream};
use recharge::{
    credits::{AccountId, Command, Credits, Note, Source, Validity},
    server::ledger::{Outcome, open_account},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::{Answer, store::Store};

/// Accounts that are opened in one transaction.
const OPENED_TOGETHER: usize = 1_000;
/// Grants that are under way at once.
const GRANTED_TOGETHER: usize = 512;

/// Some accounts of equal wealth.
pub struct Accounts {
    pub ids: Vec<AccountId>,
    told: Vec<Told>,
}

/// What the clients of one account were told, summed up.
#[derive(Debug, Default)]
struct Told {
    entries: AtomicI64,
    available: AtomicI64,
    held: AtomicI64,
}

/// What stands in the database for one account, in three places.
#[derive(FromQueryResult)]
struct Written {
    id: String,
    seq: i64,
    available: i64,
    held: i64,
    entries: i64,
    entered_available: i64,
    entered_held: i64,
    in_lots: i64,
    held_in_lots: i64,
}

const WRITTEN: &str = "
    SELECT accounts.id, accounts.seq, accounts.available, accounts.held, e.entries,
           e.entered_available, e.entered_held, l.in_lots, l.held_in_lots
    FROM accounts
    JOIN (SELECT account_id, COUNT(*) AS entries,
                 CAST(SUM(available_change) AS BIGINT) AS entered_available,
                 CAST(SUM(held_change) AS BIGINT) AS entered_held
          FROM entries GROUP BY account_id) AS e ON e.account_id = accounts.id
    JOIN (SELECT account_id, CAST(SUM(remaining) AS BIGINT) AS in_lots,
                 CAST(SUM(held) AS BIGINT) AS held_in_lots
          FROM lots GROUP BY account_id) AS l ON l.account_id = accounts.id";

impl Accounts {
    /// Opens accounts and grants each so many lots, which expire one after another.
    pub async fn open(store: &Store, count: usize, lots: usize, each: Credits) -> Answer<Self> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let some = OPENED_TOGETHER.min(count - ids.len());
            let opened = store.database.write(move |transaction| {
                Box::pin(async move {
                    let mut opened = Vec::with_capacity(some);
                    for _ in 0..some {
                        opened.push(open_account(transaction, Tz::UTC, 1, Utc::now()).await?);
                    }
                    Ok::<_, DbErr>(opened)
                })
            });
            ids.extend(opened.await?);
        }
        let accounts = Self::known(ids);
        let grants = (0..count).flat_map(|index| (0..lots).map(move |lot| (index, lot)));
        stream::iter(grants.map(Ok))
            .try_for_each_concurrent(GRANTED_TOGETHER, |(index, lot)| {
                accounts.grant(store, index, lot, each)
            })
            .await?;
        Ok(accounts)
    }

    /// Accounts that another process has opened.
    pub fn known(ids: Vec<AccountId>) -> Self {
        let told = ids.iter().map(|_| Told::default()).collect();
        Self { ids, told }
    }

    async fn grant(&self, store: &Store, index: usize, lot: usize, each: Credits) -> Answer<()> {
        let days = 100 + i64::try_from(lot)?;
        let command = Command::Grant {
            source: Source::Promotion,
            amount: each,
            validity: Validity::Until(Utc::now() + TimeDelta::days(days)),
            purchase: None,
            note: Note { description: "Promotion".to_owned(), ..Note::default() },
        };
        let key = format!("grant-{lot}");
        let outcome = store.ledger.execute(&self.ids[index], &key, command).await?;
        self.tell(index, &outcome);
        Ok(())
    }

    /// Keeps what a client was told.
    pub fn tell(&self, index: usize, outcome: &Outcome) {
        if !outcome.replayed {
            let change = [outcome.available_change, outcome.held_change];
            self.tell_sums(index, 1, change.map(Credits::thousandths));
        }
    }

    /// Keeps what the clients of another process were told.
    pub fn tell_sums(&self, index: usize, entries: i64, [available, held]: [i64; 2]) {
        let told = &self.told[index];
        told.entries.fetch_add(entries, Ordering::Relaxed);
        told.available.fetch_add(available, Ordering::Relaxed);
        told.held.fetch_add(held, Ordering::Relaxed);
    }

    /// What the clients of an account were told: entries, and changes of available and held.
    pub fn sums(&self, index: usize) -> [i64; 3] {
        let told = &self.told[index];
        [&told.entries, &told.available, &told.held].map(|sum| sum.load(Ordering::Relaxed))
    }

    /// How many entries the clients of an account were told of.
    pub fn entries(&self, index: usize) -> i64 {
        self.sums(index)[0]
    }

    /// Whether entries = balances = lots = what the clients were told, for each account.
    pub async fn are_exact(&self, store: &Store) -> Answer<bool> {
        let backend = store.database.reader().get_database_backend();
        let statement = Statement::from_string(backend, WRITTEN);
        let found = Written::find_by_statement(statement).all(store.database.reader()).await?;
        let mut by_id: HashMap<_, _> = found.into_iter().map(|row| (row.id.clone(), row)).collect();
        for (id, told) in self.ids.iter().zip(&self.told) {
            let exact = by_id.remove(&id.0).is_some_and(|written| told.is(&written));
            if !exact {
                eprintln!("{id} is not what its clients were told: {told:?}");
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Told {
    fn is(&self, written: &Written) -> bool {
        let load = |sum: &AtomicI64| sum.load(Ordering::Relaxed);
        let (entries, available, held) =
            (load(&self.entries), load(&self.available), load(&self.held));
        [written.seq, written.entries].iter().all(|count| *count == entries)
            && [written.available, written.entered_available, written.in_lots]
                .iter()
                .all(|sum| *sum == available)
            && [written.held, written.entered_held, written.held_in_lots]
                .iter()
                .all(|sum| *sum == held)
    }
}

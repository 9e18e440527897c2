//! Proves that the ledger adds up.
//!
//! Everything is recomputed from the entries and their allocations: each balance, lot, purchase
//! and roll-up. The first row that disagrees is named. Each account is read in one snapshot, so
//! a ledger at work can be verified too.

use std::{
    fmt,
    time::{Duration, Instant},
};

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Ledger, mismatch::Mismatch, replay::Replay};
use crate::server::{
    clock::{TOLERANCE, database_time, to_millis},
    database::Transaction,
    entity::{account, allocation, entry, hold, hold_allocation, lot, purchase, usage_daily},
};

/// Accounts and entries that are read at a time.
const ACCOUNTS: u64 = 100;
const ENTRIES: u64 = 2_000;

/// What was found to add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Accounts.
    pub accounts: u64,
    /// Entries.
    pub entries: u64,
    /// Lots.
    pub lots: u64,
    /// Holds.
    pub holds: u64,
    /// Purchases.
    pub purchases: u64,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accounts, entries, lots, holds, purchases } = self;
        write!(
            f,
            "verified {accounts} accounts, {entries} entries, {lots} lots, {holds} holds, \
             {purchases} purchases: everything adds up"
        )
    }
}

/// Why a ledger could not be found to add up.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A row disagrees.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The database can't be read.
    #[error("the database can't be read: {0}")]
    Database(#[from] DbErr),
}

impl Ledger {
    /// Verifies every account.
    ///
    /// # Errors
    /// The first row that disagrees, or that the database can't be read.
    pub async fn verify(&self) -> Result<Verified, VerifyError> {
        let mut verified = Verified::default();
        let (mut after, (start, began)) = (String::new(), (self.latest().await?, Instant::now()));
        loop {
            let ids: Vec<String> = account::Entity::find()
                .select_only()
                .column(account::Column::Id)
                .filter(account::Column::Id.gt(after.clone()))
                .order_by_asc(account::Column::Id)
                .limit(ACCOUNTS)
                .into_tuple()
                .all(self.database.reader())
                .await?;
            let Some(last) = ids.last().cloned() else {
                return Ok(verified);
            };
            for id in ids {
                let read = self.database.snapshot(move |transaction| {
                    let id = id.clone();
                    // Entries that are written while this runs may be later than its start.
                    let latest = start.saturating_add(millis(began.elapsed()));
                    Box::pin(async move { verify_account(transaction, &id, latest).await })
                });
                let one = read.await??;
                verified.accounts += 1;
                verified.entries += one.entries;
                verified.lots += one.lots;
                verified.holds += one.holds;
                verified.purchases += one.purchases;
            }
            after = last;
        }
    }

    /// Returns the latest instant that an entry may have: a clock that ran ahead wrote any later
    /// one. The database's clock decides; rehearsals and tests run ahead of it.
    async fn latest(&self) -> Result<i64, DbErr> {
        let tolerated = self.clock.ahead() + TOLERANCE;
        let now = to_millis(database_time(&self.database).await?);
        Ok(now.saturating_add(tolerated.num_milliseconds()))
    }
}

fn millis(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

async fn verify_account(
    transaction: &Transaction,
    id: &str,
    latest: i64,
) -> Result<Result<Verified, Mismatch>, DbErr> {
    let Some(account) = account::Entity::find_by_id(id).one(transaction).await? else {
        return Ok(Ok(Verified::default()));
    };
    let mut replay = match Replay::new(&account, latest) {
        Ok(replay) => replay,
        Err(mismatch) => return Ok(Err(mismatch)),
    };
    let mut after = 0;
    loop {
        let entries = entries_after(transaction, id, after).await?;
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            break;
        };
        let allocations = allocations_between(transaction, id, after, last).await?;
        if let Err(mismatch) = replay.entries(&entries, &allocations) {
            return Ok(Err(mismatch));
        }
        after = last;
    }
    let rest = allocations_between(transaction, id, after, i64::MAX).await?;
    let lots = lot::Entity::find()
        .filter(lot::Column::AccountId.eq(id))
        .order_by_asc(lot::Column::Number)
        .all(transaction)
        .await?;
    let purchases = purchase::Entity::find()
        .filter(purchase::Column::AccountId.eq(id))
        .order_by_asc(purchase::Column::Id)
        .all(transaction)
        .await?;
    let usage = usage_daily::Entity::find()
        .filter(usage_daily::Column::AccountId.eq(id))
        .order_by_asc(usage_daily::Column::Day)
        .all(transaction)
        .await?;
    let holds = hold::Entity::find()
        .filter(hold::Column::AccountId.eq(id))
        .order_by_asc(hold::Column::Number)
        .all(transaction)
        .await?;
    let parts = hold_allocation::Entity::find()
        .filter(hold_allocation::Column::AccountId.eq(id))
        .order_by_asc(hold_allocation::Column::Hold)
        .all(transaction)
        .await?;
    let checked = replay
        .no_allocations(&rest)
        .and_then(|()| replay.lots(&lots, &purchases))
        .and_then(|()| replay.holds(&holds, &parts, &lots))
        .and_then(|()| replay.usage(&usage))
        .and_then(|()| replay.account(&account));
    Ok(checked.map(|()| Verified {
        accounts: 1,
        entries: replay.count(),
        lots: lots.len().try_into().unwrap_or(u64::MAX),
        holds: holds.len().try_into().unwrap_or(u64::MAX),
        purchases: purchases.len().try_into().unwrap_or(u64::MAX),
    }))
}

async fn entries_after(
    transaction: &Transaction,
    id: &str,
    after: i64,
) -> Result<Vec<entry::Model>, DbErr> {
    entry::Entity::find()
        .filter(entry::Column::AccountId.eq(id))
        .filter(entry::Column::Seq.gt(after))
        .order_by_asc(entry::Column::Seq)
        .limit(ENTRIES)
        .all(transaction)
        .await
}

/// The allocations of the entries after one and up to another.
async fn allocations_between(
    transaction: &Transaction,
    id: &str,
    after: i64,
    last: i64,
) -> Result<Vec<allocation::Model>, DbErr> {
    allocation::Entity::find()
        .filter(allocation::Column::AccountId.eq(id))
        .filter(allocation::Column::Seq.gt(after))
        .filter(allocation::Column::Seq.lte(last))
        .order_by_asc(allocation::Column::Seq)
        .order_by_asc(allocation::Column::Lot)
        .all(transaction)
        .await
}

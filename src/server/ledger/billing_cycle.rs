//! The billing cycle: on which day of the month it begins, and in which zone days do.
//!
//! The roll-up that charts read is by day of the account's zone, so with another zone it is made
//! anew from the entries. Entries never change: all but the latest are read before the account is
//! locked, and what stays locked is as short for a million of them as for a thousand.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate};
use chrono_tz::Tz;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    Statement, Value, sea_query::Expr,
};

use super::{Ledger, ReadError, load, writes::Writes};
use crate::{
    credits::{AccountId, Credits},
    server::{
        clock::{from_millis, in_zone},
        database::Transaction,
        entity::{account, usage_daily},
    },
};

/// Entries that are read at a time.
const SPAN: i64 = 200_000;
/// So many entries may be left to read under the lock.
const FEW: i64 = 2_000;
/// How often is caught up with a busy account before it is locked anyway.
const CATCHING_UP: u32 = 5;
/// A quarter of an hour, in milliseconds: every zone's days begin at one.
const QUARTER: i64 = 15 * 60 * 1_000;

/// On which day an account's billing cycle begins, and in which zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingCycle {
    /// The day of the month, 1 to 31; clamped to the month's last day.
    pub anchor_day: u32,
    /// The zone in which days begin.
    pub zone: String,
    /// The time there.
    pub now: DateTime<FixedOffset>,
    /// What can be spent, in the same snapshot.
    pub available: Credits,
}

impl Ledger {
    /// The billing cycle of an account.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn billing_cycle(&self, account: &AccountId) -> Result<BillingCycle, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let id = id.clone();
            Box::pin(async move { load::load(transaction, &id, now).await })
        });
        let loaded = read.await?.ok_or(ReadError::UnknownAccount)?;
        Ok(BillingCycle {
            anchor_day: loaded.cycle_anchor_day,
            zone: loaded.zone.name().to_owned(),
            now: in_zone(now.max(loaded.account.latest_at), loaded.zone),
            available: loaded.account.available,
        })
    }

    /// Lets an account's billing cycles begin on this day of the month (1 to 31), and its days in
    /// this zone: past ones too, so that every page goes on to agree with the entries.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be written to.
    pub async fn set_billing_cycle(
        &self,
        account: &AccountId,
        anchor_day: u32,
        zone: Tz,
    ) -> Result<(), ReadError> {
        let mut days = Days::new(account, zone);
        for _ in 0..CATCHING_UP {
            let found = account::Entity::find_by_id(&account.0).one(self.database.reader());
            let row = found.await?.ok_or(ReadError::UnknownAccount)?;
            if row.zone == zone.name() || row.seq - days.read_to <= FEW {
                break;
            }
            days.read(self.database.reader(), row.seq).await?;
        }
        let written = self.database.write(move |transaction| {
            let days = days.clone();
            Box::pin(async move { write(transaction, days, anchor_day).await })
        });
        if written.await? { Ok(()) } else { Err(ReadError::UnknownAccount) }
    }
}

/// Writes the settings, and returns whether the account exists.
async fn write(transaction: &Transaction, mut days: Days, anchor_day: u32) -> Result<bool, DbErr> {
    let found = account::Entity::find_by_id(&days.account).lock_exclusive();
    let Some(row) = found.one(transaction).await? else { return Ok(false) };
    if row.zone != days.zone.name() {
        days.read(transaction, row.seq).await?;
        usage_daily::Entity::delete_many()
            .filter(usage_daily::Column::AccountId.eq(&days.account))
            .exec(transaction)
            .await?;
        let mut writes = Writes::new(transaction.get_database_backend());
        writes.insert::<usage_daily::Entity>(&days.rows(), "");
        writes.run(transaction).await?;
    }
    account::Entity::update_many()
        .filter(account::Column::Id.eq(&days.account))
        .col_expr(account::Column::Zone, Expr::value(days.zone.name()))
        .col_expr(account::Column::CycleAnchorDay, Expr::value(anchor_day.clamp(1, 31)))
        .exec(transaction)
        .await?;
    Ok(true)
}

/// What an account has used on each day of a zone, up to some entry.
#[derive(Clone, Debug)]
struct Days {
    account: String,
    zone: Tz,
    read_to: i64,
    /// Credits and operations by day and type.
    used: BTreeMap<(NaiveDate, String), (i64, i64)>,
}

#[derive(FromQueryResult)]
struct UsedRow {
    quarter: i64,
    operation: String,
    credits: i64,
    operations: i64,
}

impl Days {
    fn new(account: &AccountId, zone: Tz) -> Self {
        Self { account: account.0.clone(), zone, read_to: 0, used: BTreeMap::new() }
    }

    /// Reads the entries that were not read yet, up to this one.
    async fn read(&mut self, connection: &impl ConnectionTrait, last: i64) -> Result<(), DbErr> {
        let sql = format!(
            "SELECT at / {QUARTER} AS quarter, operation, COUNT(*) AS operations,
                    CAST(-SUM(available_change + held_change) AS BIGINT) AS credits
             FROM entries
             WHERE account_id = $1 AND seq > $2 AND seq <= $3 AND kind = 'spent'
             GROUP BY at / {QUARTER}, operation"
        );
        while self.read_to < last {
            let until = last.min(self.read_to + SPAN);
            let values: [Value; 3] =
                [self.account.clone().into(), self.read_to.into(), until.into()];
            let backend = connection.get_database_backend();
            let statement = Statement::from_sql_and_values(backend, &sql, values);
            for row in UsedRow::find_by_statement(statement).all(connection).await? {
                let at = from_millis(row.quarter * QUARTER).with_timezone(&self.zone);
                let day = at.date_naive();
                let (credits, operations) = self.used.entry((day, row.operation)).or_default();
                *credits += row.credits;
                *operations += row.operations;
            }
            self.read_to = until;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<usage_daily::Model> {
        let row =
            |((day, operation), (credits, operations)): (&(NaiveDate, String), &(i64, i64))| {
                usage_daily::Model {
                    account_id: self.account.clone(),
                    day: day.to_string(),
                    operation: operation.clone(),
                    credits: *credits,
                    operations: *operations,
                }
            };
        self.used.iter().map(row).collect()
    }
}

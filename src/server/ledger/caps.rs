//! Spend caps: what an account lets itself consume and hold in one billing cycle.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement,
    Value, sea_query::Expr,
};

use super::{Ledger, ReadError, load, rows};
use crate::server::database::Transaction;
use crate::{
    credits::{Account, AccountId, CapUse, Caps, Credits, Cycle, Operation, start_of_day},
    server::{clock::from_millis, entity::account},
};

/// The caps of an account, what it has used of them, and in which billing cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendCaps {
    /// The caps and what was used.
    pub caps: CapUse,
    /// The billing cycle.
    pub cycle: Cycle,
    /// The zone in which its days begin.
    pub zone: String,
    /// What can be spent, in the same snapshot.
    pub available: Credits,
}

impl Ledger {
    /// What an account lets itself spend, and what it has used in this billing cycle.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn spend_caps(&self, account: &AccountId) -> Result<SpendCaps, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let Some(mut loaded) = load::load(transaction, &id, now).await? else {
                    return Ok(None);
                };
                let now = now.max(loaded.account.latest_at);
                let today = now.with_timezone(&loaded.zone).date_naive();
                let cycle = Cycle::containing(today, loaded.cycle_anchor_day);
                count_use(transaction, &mut loaded.account, cycle).await?;
                // What has lapsed is open in the table until it is written down.
                for posting in &loaded.unwritten {
                    if let Some(hold) = &posting.hold {
                        loaded.account.caps.used[hold.operation as usize] -= hold.amount;
                    }
                }
                Ok(Some(SpendCaps {
                    caps: loaded.account.caps,
                    cycle,
                    zone: loaded.zone.name().to_owned(),
                    available: loaded.account.available,
                }))
            })
        });
        read.await?.ok_or(ReadError::UnknownAccount)
    }

    /// When the billing cycle of an account ends, and its caps begin anew.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn cycle_end(&self, account: &AccountId) -> Result<DateTime<Utc>, ReadError> {
        let found = account::Entity::find_by_id(&account.0).one(self.database.reader()).await?;
        let found = found.ok_or(ReadError::UnknownAccount)?;
        let zone: Tz = rows::parse("accounts.zone", &found.zone)?;
        let now = self.now().max(from_millis(found.latest_at));
        let today = now.with_timezone(&zone).date_naive();
        let cycle = Cycle::containing(today, u32::try_from(found.cycle_anchor_day).unwrap_or(1));
        Ok(start_of_day(cycle.end, &zone))
    }

    /// Sets what an account lets itself spend in a billing cycle. What is under way goes on.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be written to.
    pub async fn set_caps(&self, account: &AccountId, caps: Caps) -> Result<(), ReadError> {
        let id = account.clone();
        let written = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move { write(transaction, &id, caps).await })
        });
        if written.await? { Ok(()) } else { Err(ReadError::UnknownAccount) }
    }
}

/// Writes the caps, and returns whether the account exists.
async fn write(transaction: &Transaction, id: &AccountId, caps: Caps) -> Result<bool, DbErr> {
    use account::Column;
    let [inference, strategy, backtest, analysis] = caps.by_operation;
    let columns = [
        (Column::CapAll, caps.all),
        (Column::CapInference, inference),
        (Column::CapStrategy, strategy),
        (Column::CapBacktest, backtest),
        (Column::CapAnalysis, analysis),
    ];
    let mut update = account::Entity::update_many().filter(Column::Id.eq(&id.0));
    for (column, cap) in columns {
        update = update.col_expr(column, Expr::value(cap.map(Credits::thousandths)));
    }
    Ok(update.exec(transaction).await?.rows_affected == 1)
}

#[derive(FromQueryResult)]
struct UsedRow {
    operation: String,
    credits: i64,
}

/// Counts what a capped account has consumed in the billing cycle of a day, and what it holds.
pub(super) async fn count_use(
    connection: &impl ConnectionTrait,
    account: &mut Account,
    cycle: Cycle,
) -> Result<(), DbErr> {
    let sql = "
        SELECT operation, CAST(SUM(credits) AS BIGINT) AS credits FROM (
            SELECT operation, credits FROM usage_daily
            WHERE account_id = $1 AND day >= $2 AND day < $3
            UNION ALL
            SELECT operation, amount FROM holds WHERE account_id = $1 AND state = 'open'
        ) AS used
        GROUP BY operation";
    let values: [Value; 3] =
        [account.id.0.clone().into(), cycle.first.to_string().into(), cycle.end.to_string().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    for row in UsedRow::find_by_statement(statement).all(connection).await? {
        let operation: Operation = rows::parse("holds.operation", &row.operation)?;
        account.caps.used[operation as usize] = rows::credits(row.credits);
    }
    Ok(())
}

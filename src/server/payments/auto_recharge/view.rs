//! Auto-recharge as its owner and support see it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::rows;
use crate::{
    credits::{AccountId, AutoRecharge, PastRecharge, Purchase, RechargePlan, Rest, month_of},
    server::{
        clock::from_millis,
        entity::purchase,
        payments::{
            Away, Payments,
            rows::{self as purchases, AUTO},
        },
    },
};

/// Recharges that the page lists.
const LISTED: u64 = 10;

impl Payments {
    /// What an account has agreed to, and what came of it.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn auto_recharge(&self, account: &AccountId) -> Result<AutoRecharge, Away> {
        let (connection, now) = (self.database.reader(), self.clock.now());
        let row = rows::find(connection, account).await?;
        let plan = row.as_ref().map(rows::plan).transpose()?.flatten();
        let past = rows::past(connection, &account.0, now).await?;
        let month = month_of(now);
        Ok(AutoRecharge {
            is_on: row.as_ref().is_some_and(|row| row.is_on),
            consented_at: row.as_ref().and_then(|row| row.consented_at).map(from_millis),
            card: row.as_ref().and_then(rows::card),
            paused: row.as_ref().and_then(|row| {
                let reason = row.pause_reason.as_ref()?.parse().ok()?;
                Some((from_millis(row.paused_at?), reason))
            }),
            charged_this_month: RechargePlan::charged_since(month.0, &past),
            month,
            rest: plan.as_ref().and_then(|plan| rest(plan, &past, now)),
            recharges: recharges(connection, account, now).await?,
            plan,
        })
    }
}

fn rest(plan: &RechargePlan, past: &[PastRecharge], now: DateTime<Utc>) -> Option<Rest> {
    plan.allows(plan.total.minor, past, now).err()
}

async fn recharges(
    connection: &impl ConnectionTrait,
    account: &AccountId,
    now: DateTime<Utc>,
) -> Result<Vec<Purchase>, DbErr> {
    let found = purchase::Entity::find()
        .filter(purchase::Column::AccountId.eq(&account.0))
        .filter(purchase::Column::Kind.eq(AUTO))
        .order_by_desc(purchase::Column::CreatedAt)
        .order_by_desc(purchase::Column::Id)
        .limit(LISTED)
        .all(connection)
        .await?;
    let lots = purchases::lots_of(connection, &found).await?;
    found.into_iter().map(|row| purchases::view(row, &lots, now)).collect()
}

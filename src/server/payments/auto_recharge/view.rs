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
        let rest = match &plan {
            Some(plan) => self.rest(account, plan, &past, now).await?,
            None => None,
        };
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
            rest,
            recharges: recharges(connection, account, now).await?,
            plan,
        })
    }

    /// Why the charge that is due now, or would be at the threshold, can't be made at once.
    async fn rest(
        &self,
        account: &AccountId,
        plan: &RechargePlan,
        past: &[PastRecharge],
        now: DateTime<Utc>,
    ) -> Result<Option<Rest>, Away> {
        let balance = self.ledger.balance_at(account, now).await;
        let (available, _) = balance.map_err(|_| Away::Database)?;
        let schedule = &self.catalogues.current().schedule;
        let offer = plan.offer(available.min(plan.threshold), schedule);
        let total = offer.map_or(plan.total, |offer| offer.total);
        Ok(plan.allows(total.minor, past, now).err())
    }
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

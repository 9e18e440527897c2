//! Whether what happened still matters when it is told: nobody is warned of what is over.

use chrono::{DateTime, Days, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    credits::{Event, EventKind, Level, Operation, start_of_day},
    server::{
        clock::to_millis,
        entity::{account, lot, notice_latch, purchase},
    },
};

/// Looks at the rows as they are now.
///
/// # Errors
/// Where the database fails.
pub(super) async fn still_matters(
    connection: &impl ConnectionTrait,
    account: &account::Model,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let level: Level = account.level.parse().unwrap_or_default();
    Ok(match event {
        // What was told when it was below, is told again when nothing is left.
        Event::Low { .. } => level == Level::Low,
        Event::Depleted => level == Level::Empty,
        // Of one that came further since, another event tells.
        Event::Recovered { low_at: Some(_), .. } => level == Level::Low,
        Event::Recovered { low_at: None, .. } => level == Level::Fine,
        Event::Expiring { expires_at, .. } => {
            *expires_at > now && is_any_left(connection, &account.id, *expires_at).await?
        }
        Event::CapReached { operation, cap, until, .. } => {
            let zone = account.zone.parse().unwrap_or(chrono_tz::UTC);
            let is_in_cycle = now.with_timezone(&zone).date_naive() < *until;
            is_in_cycle && cap_of(account, *operation) == Some(cap.thousandths())
        }
        Event::PurchaseFailed { purchase, .. } => {
            let found = purchase::Entity::find_by_id(purchase).one(connection).await?;
            found.is_some_and(|row| row.state == "failed")
        }
        Event::PurchaseCredited { purchase, .. } => {
            // Auto-recharge tells of it in words of its own.
            let found = purchase::Entity::find_by_id(purchase).one(connection).await?;
            found.is_none_or(|row| row.kind != "auto")
        }
        Event::AutoRechargeMade { .. }
        | Event::AutoRechargeFailed { .. }
        | Event::AutoRechargePaused { .. }
        | Event::PriceChanged { .. } => true,
    })
}

/// Whether the customer heard that the balance was low or used up, and not yet that it is no more.
///
/// # Errors
/// Where the database fails.
pub(super) async fn was_warned(
    connection: &impl ConnectionTrait,
    account: &str,
) -> Result<bool, DbErr> {
    use notice_latch::Column;
    let kinds = [EventKind::Low, EventKind::Depleted, EventKind::Recovered];
    let last = notice_latch::Entity::find()
        .filter(Column::AccountId.eq(account))
        .filter(Column::Kind.is_in(kinds.map(EventKind::id)))
        .order_by_desc(Column::ToldAt)
        .one(connection)
        .await?;
    Ok(last.is_some_and(|latch| latch.kind != EventKind::Recovered.id()))
}

/// Whether anything is left of the lots that end on the day (UTC) of this instant, the first of them
/// then: a reminder speaks of them all.
async fn is_any_left(
    connection: &impl ConnectionTrait,
    account: &str,
    expires_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use lot::Column;
    let midnight = start_of_day(expires_at.date_naive() + Days::new(1), &Utc);
    let open = lot::Entity::find()
        .filter(Column::AccountId.eq(account))
        .filter(Column::IsOpen.eq(true))
        .filter(Column::Remaining.gt(0))
        .filter(Column::ExpiresAt.gte(to_millis(expires_at)))
        .filter(Column::ExpiresAt.lt(to_millis(midnight)));
    Ok(open.one(connection).await?.is_some())
}

const fn cap_of(account: &account::Model, operation: Option<Operation>) -> Option<i64> {
    match operation {
        None => account.cap_all,
        Some(Operation::Inference) => account.cap_inference,
        Some(Operation::Strategy) => account.cap_strategy,
        Some(Operation::Backtest) => account.cap_backtest,
        Some(Operation::Analysis) => account.cap_analysis,
    }
}

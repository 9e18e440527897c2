//! The log is kept for a month after a message was taken or given up. What is still to be sent is
//! kept however old it is.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType},
};

use super::Webhooks;
use crate::server::{
    clock::to_millis,
    database::Transaction,
    entity::{outbox, webhook_attempt},
};

/// How long a message is kept with its attempts after it was taken or given up.
const KEPT: TimeDelta = TimeDelta::days(30);
/// One transaction deletes no more messages, so that no writer waits for long.
const DELETED_AT_ONCE: u64 = 500;

impl Webhooks {
    /// Deletes the messages that are old, with their attempts; says how many.
    ///
    /// # Errors
    /// Where the database fails; what was deleted until then is deleted.
    pub async fn forget_old(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let (mut forgotten, before) = (0, to_millis(now - KEPT));
        loop {
            let some = self.database.write(move |transaction| {
                Box::pin(async move { forget_messages(transaction, before).await })
            });
            let some = some.await?;
            forgotten += some;
            if some < DELETED_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }
}

/// Under their lock, so that none is deleted that is being sent again.
async fn forget_messages(transaction: &Transaction, before: i64) -> Result<u64, DbErr> {
    use outbox::{Column, Entity};
    let old: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Expr::cust("channel = 'webhook' AND state <> 'waiting'"))
        .filter(Column::FinishedAt.lt(before))
        .order_by_asc(Column::FinishedAt)
        .limit(DELETED_AT_ONCE)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(transaction)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    webhook_attempt::Entity::delete_many()
        .filter(webhook_attempt::Column::MessageId.is_in(&old))
        .exec(transaction)
        .await?;
    let delete = Entity::delete_many().filter(Column::Id.is_in(&old));
    Ok(delete.exec(transaction).await?.rows_affected)
}

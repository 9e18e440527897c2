//! What the customers of the demo were told in its past: it stands in their inbox, read, and nobody
//! is told of it now.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{SeedError, people::People};
use crate::{
    credits::EventKind,
    server::{
        clock::to_millis,
        database::Database,
        entity::{event, notice},
    },
};

/// How soon they read what they were told.
const READ_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// A purchase was told of when it was credited. Of one account the oldest comes first: so its inbox
/// is in order.
pub(super) async fn purchase_told(
    database: &Database,
    purchase: &str,
    at: DateTime<Utc>,
) -> Result<(), SeedError> {
    let purchase = purchase.to_owned();
    let told = database.write(move |transaction| {
        let purchase = purchase.clone();
        Box::pin(async move {
            let found = event::Entity::find()
                .filter(event::Column::Kind.eq(EventKind::PurchaseCredited.id()))
                .filter(event::Column::Cause.eq(&purchase))
                .one(transaction)
                .await?;
            let event = found.ok_or_else(|| DbErr::RecordNotFound(purchase))?;
            let at = to_millis(at);
            let notice = notice::Model {
                id: format!("ntc_{}", Uuid::now_v7().simple()),
                account_id: event.account_id.clone(),
                event_id: event.id.clone(),
                at,
                read_at: Some(at + READ_WITHIN.num_milliseconds()),
            };
            notice.into_active_model().reset_all().insert(transaction).await?;
            let told = event::Model { at, told_at: Some(at), ..event };
            told.into_active_model().reset_all().update(transaction).await.map(drop)
        })
    });
    Ok(told.await?)
}

/// Whatever else happened in the past is over.
pub(super) async fn all_told(
    database: &Database,
    people: &People,
    now: DateTime<Utc>,
) -> Result<(), SeedError> {
    let accounts = [&people.demo, &people.expiring].map(|person| person.account.0.as_str());
    event::Entity::update_many()
        .filter(event::Column::AccountId.is_in(accounts))
        .filter(event::Column::ToldAt.is_null())
        .col_expr(event::Column::ToldAt, Expr::value(to_millis(now)))
        .exec(database.writer())
        .await?;
    Ok(())
}

//! Writes down what somebody should be told of, in the transaction of its cause. What comes of
//! it, a notice, a mail, a webhook, is decided later.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, TryInsertResult,
};

use super::{clock::to_millis, entity::event};
use crate::credits::{AccountId, Event};

/// Writes an event down unless its cause has led to one of its kind already; says whether it is
/// new.
///
/// # Errors
/// Where the statement fails.
pub async fn record(
    connection: &impl ConnectionTrait,
    account: &AccountId,
    cause: &str,
    event: &Event,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use event::Column;
    let written =
        event::Entity::insert(row(account, cause, event, at)?.into_active_model().reset_all())
            .on_conflict_do_nothing_on([Column::AccountId, Column::Kind, Column::Cause])
            .exec_without_returning(connection)
            .await?;
    Ok(matches!(written, TryInsertResult::Inserted(rows) if rows > 0))
}

/// An event as it is written; its id grows with the time.
///
/// # Errors
/// Where it can't be put into words of JSON.
pub fn row(
    account: &AccountId,
    cause: &str,
    event: &Event,
    at: DateTime<Utc>,
) -> Result<event::Model, DbErr> {
    Ok(event::Model {
        id: format!("evt_{}", uuid::Uuid::now_v7().simple()),
        account_id: account.0.clone(),
        kind: event.kind().id().to_owned(),
        cause: cause.to_owned(),
        data: serde_json::to_string(event).map_err(unreadable)?,
        at: to_millis(at),
        told_at: None,
        wait_until: None,
    })
}

/// What an event that was written down says.
///
/// # Errors
/// Where nobody could have written it.
pub fn read(row: &event::Model) -> Result<Event, DbErr> {
    serde_json::from_str(&row.data).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> DbErr {
    DbErr::Custom(format!("an event can't be read or written: {error}"))
}

//! Who is to be told of an event.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::Endpoint;
use crate::{
    credits::EventKind,
    server::{
        entity::{event, outbox, webhook_endpoint},
        outbox::{Channel, message},
    },
};

/// A message for each endpoint that wants one of these events, for the transaction in which they
/// are told. One query, however many events there are.
///
/// # Errors
/// Where the endpoints can't be read.
pub async fn messages(
    connection: &impl ConnectionTrait,
    events: impl Iterator<Item = &event::Model>,
    now: DateTime<Utc>,
) -> Result<Vec<outbox::Model>, DbErr> {
    let endpoints = working(connection, now).await?;
    let of = |event: &event::Model| {
        let kind = EventKind::from_str(&event.kind).ok();
        let wanting = endpoints.iter().filter(|it| kind.is_some_and(|kind| it.kinds.contain(kind)));
        wanting.map(|it| message(event, Channel::Webhook, &it.id, now)).collect::<Vec<_>>()
    };
    Ok(events.flat_map(of).collect())
}

async fn working(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<Vec<Endpoint>, DbErr> {
    let rows = webhook_endpoint::Entity::find()
        .filter(webhook_endpoint::Column::DisabledAt.is_null())
        .filter(webhook_endpoint::Column::RemovedAt.is_null())
        .order_by_asc(webhook_endpoint::Column::Id)
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| Endpoint::read(row, now)).collect())
}

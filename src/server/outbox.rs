//! What is to be sent out: written with its event, leased by one sender at a time, tried again
//! with growing pauses, given up in the end.
//!
//! A lease is a due time in the future: a sender that dies leaves nothing to clean up. It is short,
//! and its sender renews it ([`keep`]). It goes by the clocks of processes. These differ by less
//! than a lease, because a process whose clock is off sends nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value, sea_query::Expr,
};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    clock::to_millis,
    database::Database,
    entity::{columns, event, outbox},
};

/// How long after a sender was last seen another one sends its messages.
pub const LEASE: TimeDelta = TimeDelta::seconds(20);
/// How often a sender renews its leases: several times in a lease.
const RENEWAL: Duration = Duration::from_secs(5);

/// The ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// To a person's address.
    Mail,
    /// To an endpoint of the platform.
    Webhook,
}

impl Channel {
    const fn id(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

/// A message with the event it tells of.
pub type Message = (outbox::Model, event::Model);

/// What has become of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Sent,
    /// It was not; it is tried again after the pause, or given up where there is none.
    Failed {
        /// Why, for operators.
        error: String,
        /// How long to wait.
        again_after: Option<Duration>,
    },
}

/// A message about an event, due at once.
#[must_use]
pub fn message(
    event: &event::Model,
    channel: Channel,
    target: &str,
    now: DateTime<Utc>,
) -> outbox::Model {
    outbox::Model {
        id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
        account_id: event.account_id.clone(),
        event_id: event.id.clone(),
        channel: channel.id().to_owned(),
        target: target.to_owned(),
        state: "waiting".to_owned(),
        attempts: 0,
        due_at: to_millis(now),
        last_error: String::new(),
        created_at: to_millis(now),
        finished_at: None,
    }
}

/// Takes messages that are due, the longest due first; nobody else has them meanwhile.
///
/// # Errors
/// Where the database fails.
pub async fn lease(
    database: &Database,
    channel: Channel,
    at_most: u32,
    now: DateTime<Utc>,
) -> Result<Vec<Message>, DbErr> {
    take(database, channel, None, at_most, now).await
}

/// The same for one target: each has a queue of its own.
///
/// # Errors
/// Where the database fails.
pub async fn lease_to(
    database: &Database,
    channel: Channel,
    target: &str,
    at_most: u32,
    now: DateTime<Utc>,
) -> Result<Vec<Message>, DbErr> {
    take(database, channel, Some(target), at_most, now).await
}

async fn take(
    database: &Database,
    channel: Channel,
    target: Option<&str>,
    at_most: u32,
    now: DateTime<Utc>,
) -> Result<Vec<Message>, DbErr> {
    let backend = if database.is_sqlite() { DbBackend::Sqlite } else { DbBackend::Postgres };
    let lock = if database.is_sqlite() { "" } else { "FOR UPDATE SKIP LOCKED" };
    let its = if target.is_some() { "AND target = $4" } else { "" };
    // Written out, so that the planner sees which of the partial indexes fits.
    let channel = channel.id();
    let columns = columns::<outbox::Entity>();
    let sql = format!(
        "UPDATE outbox SET due_at = $1, attempts = attempts + 1 WHERE id IN (
             SELECT id FROM outbox
             WHERE state = 'waiting' AND channel = '{channel}' AND due_at <= $2 {its}
             ORDER BY due_at, id LIMIT $3 {lock})
         RETURNING {columns}"
    );
    let mut values: Vec<Value> =
        vec![to_millis(now + LEASE).into(), to_millis(now).into(), at_most.into()];
    values.extend(target.map(Value::from));
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let mut taken = outbox::Entity::find().from_raw_sql(statement).all(database.writer()).await?;
    taken.sort_by(|one, other| one.id.cmp(&other.id));
    let ids = taken.iter().map(|message| message.event_id.clone());
    let events =
        event::Entity::find().filter(event::Column::Id.is_in(ids)).all(database.reader()).await?;
    let with_event = |message: outbox::Model| {
        let event = events.iter().find(|event| event.id == message.event_id)?.clone();
        Some((message, event))
    };
    Ok(taken.into_iter().filter_map(with_event).collect())
}

/// Renews the lease of these messages until the guard is dropped. A message that was settled
/// meanwhile, or that another sender has taken, has another due time and stays as it is.
#[must_use]
pub fn keep(database: &Database, messages: &[Message]) -> DropGuard {
    let (ended, database) = (CancellationToken::new(), database.clone());
    let ids: Vec<_> = messages.iter().map(|(message, _)| message.id.clone()).collect();
    let first = messages.first().map_or(0, |(message, _)| message.due_at);
    let (token, leased_at) = (ended.clone(), Instant::now());
    tokio::spawn(async move {
        // After a failure nobody knows whether the messages have the new due time or the old one.
        let mut due_at = vec![first];
        while token.run_until_cancelled(tokio::time::sleep(RENEWAL)).await.is_some() {
            let next = first.saturating_add(millis(leased_at.elapsed()));
            if let Err(error) = renew(&database, &ids, &due_at, next).await {
                tracing::warn!(%error, "the lease of messages was not renewed");
            } else {
                due_at.clear();
            }
            due_at.push(next);
        }
    });
    ended.drop_guard()
}

async fn renew(database: &Database, ids: &[String], from: &[i64], to: i64) -> Result<(), DbErr> {
    use outbox::Column;
    let renewed = outbox::Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(to))
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.eq("waiting"))
        .filter(Column::DueAt.is_in(from.iter().copied()));
    renewed.exec(database.writer()).await.map(|_| ())
}

/// What waits to be sent by one channel.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Waiting {
    /// `mail` or `webhook`.
    pub channel: String,
    /// How many messages.
    pub messages: i64,
    /// When the longest waiting of them was written, in milliseconds.
    pub since: i64,
}

/// What waits, by channel; nothing is said of a channel where nothing waits.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(database: &Database) -> Result<Vec<Waiting>, DbErr> {
    use outbox::Column;
    outbox::Entity::find()
        .select_only()
        .column(Column::Channel)
        .column_as(Column::Id.count(), "messages")
        .column_as(Column::CreatedAt.min(), "since")
        .filter(Column::State.eq("waiting"))
        .group_by(Column::Channel)
        .order_by_asc(Column::Channel)
        .into_model()
        .all(database.reader())
        .await
}

/// Writes down what has become of a leased message.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    database: &Database,
    message: &outbox::Model,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    use outbox::Column;
    let update = outbox::Entity::update_many()
        .filter(Column::Id.eq(&message.id))
        .filter(Column::State.eq("waiting"));
    let finish = |update: sea_orm::UpdateMany<outbox::Entity>, state: &str| {
        update
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::FinishedAt, Expr::value(to_millis(now)))
    };
    let update = match attempt {
        Attempt::Sent => finish(update, "sent").col_expr(Column::LastError, Expr::value("")),
        Attempt::Failed { error, again_after } => {
            let update = update.col_expr(Column::LastError, Expr::value(error.as_str()));
            match again_after {
                Some(pause) => {
                    let due = to_millis(now).saturating_add(millis(*pause));
                    update.col_expr(Column::DueAt, Expr::value(due))
                }
                None => finish(update, "given_up"),
            }
        }
    };
    update.exec(database.writer()).await?;
    Ok(())
}

fn millis(pause: Duration) -> i64 {
    i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
}

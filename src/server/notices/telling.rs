//! Makes of events what customers are told: a notice, a mail, or nothing where it no longer
//! matters.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict},
};

use super::{
    Notices,
    customers::Customers,
    relevance::{still_matters, was_warned},
};
use crate::{
    credits::{Event, EventKind, Topic, Ways},
    server::{
        clock::{from_millis, to_millis},
        database::Transaction,
        entity::{event, notice, notice_latch, outbox},
        events,
        outbox::{Channel, message},
        webhooks,
    },
};

/// Events of one transaction.
const BATCH: u64 = 100;
/// A balance that goes up and down is told of once in this time.
const COOLDOWN: TimeDelta = TimeDelta::hours(24);

/// What is done about an event.
enum Verdict {
    Tell(Ways),
    Wait(DateTime<Utc>),
    Quiet,
}

/// What a batch writes.
#[derive(Default)]
struct Told {
    notices: Vec<notice::Model>,
    messages: Vec<outbox::Model>,
    done: Vec<String>,
}

impl Notices {
    /// Tells of every event that nobody was told of; says of how many. What cannot be told yet
    /// waits, and is judged again then.
    ///
    /// # Errors
    /// Where the database fails; what was told so far stays told.
    pub async fn tell(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let mut looked_at = 0;
        loop {
            let batch = self.database.write(move |transaction| {
                Box::pin(async move { tell_some(transaction, now).await })
            });
            let batch = batch.await?;
            looked_at += batch;
            if batch < BATCH {
                return Ok(looked_at);
            }
        }
    }
}

/// One transaction: the oldest events, what is told of them, and that it is told.
async fn tell_some(transaction: &Transaction, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut events = untold(transaction, now).await?;
    // Several processes take the latches of accounts in one order.
    events.sort_by(|one, other| (&one.account_id, &one.id).cmp(&(&other.account_id, &other.id)));
    let customers = Customers::of(transaction, &events).await?;
    // The platform is told of everything, whatever its customers want to hear, when it is looked
    // at first.
    let first = events.iter().filter(|event| event.wait_until.is_none());
    let messages = webhooks::messages(transaction, first, now).await?;
    let mut told = Told { messages, ..Told::default() };
    for event in &events {
        match verdict(transaction, &customers, event, now).await? {
            Verdict::Tell(ways) => told.add(event, &customers, ways, now),
            Verdict::Wait(until) => {
                wait(transaction, event, until, now).await?;
                continue;
            }
            Verdict::Quiet => {}
        }
        told.done.push(event.id.clone());
    }
    told.write(transaction, now).await?;
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}

/// Of several processes, each takes other events.
async fn untold(transaction: &Transaction, now: DateTime<Utc>) -> Result<Vec<event::Model>, DbErr> {
    use event::Column;
    let is_due = Condition::any()
        .add(Column::WaitUntil.is_null())
        .add(Column::WaitUntil.lte(to_millis(now)));
    event::Entity::find()
        .filter(Column::ToldAt.is_null())
        .filter(is_due)
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await
}

async fn verdict(
    transaction: &Transaction,
    customers: &Customers,
    row: &event::Model,
    now: DateTime<Utc>,
) -> Result<Verdict, DbErr> {
    let event = match events::read(row) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(event = row.id, %error, "nobody is told of an event");
            return Ok(Verdict::Quiet);
        }
    };
    let Some(customer) = customers.find(&row.account_id) else { return Ok(Verdict::Quiet) };
    let kind = event.kind();
    let ways = customer.ways(Topic::of(kind));
    let is_heard = ways.inbox || ways.mail;
    if !is_heard || !still_matters(transaction, &customer.account, &event, now).await? {
        return Ok(Verdict::Quiet);
    }
    // Who was not told that it was low needn't be told that it is no more.
    if kind == EventKind::Recovered && !was_warned(transaction, &row.account_id).await? {
        return Ok(Verdict::Quiet);
    }
    let Some(name) = latch_of(&event) else { return Ok(Verdict::Tell(ways)) };
    if latch(transaction, &row.account_id, name, now).await? {
        return Ok(Verdict::Tell(ways));
    }
    // Who heard of the way down, or up, is told again, later, if it is still so then.
    let told_at = latched_at(transaction, &row.account_id, name).await?;
    Ok(Verdict::Wait(told_at.unwrap_or(now) + COOLDOWN))
}

/// What is told once in a while only: a balance can go up and down many times a day.
const fn latch_of(event: &Event) -> Option<&'static str> {
    match event {
        Event::Low { .. } | Event::Depleted | Event::Recovered { low_at: None, .. } => {
            Some(event.kind().id())
        }
        // It isn't the last word: that the balance has recovered is still to be told.
        Event::Recovered { low_at: Some(_), .. } => Some("credits.recovered:low"),
        _ => None,
    }
}

/// Whether an account may be told of this kind now; then it may not be for a while. One statement,
/// so that of two processes one is told that it may.
async fn latch(
    transaction: &Transaction,
    account: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use notice_latch::Column;
    let row = notice_latch::Model {
        account_id: account.to_owned(),
        kind: name.to_owned(),
        told_at: to_millis(now),
    };
    let mut again = OnConflict::columns([Column::AccountId, Column::Kind]);
    again.update_column(Column::ToldAt).action_and_where(
        Expr::col((notice_latch::Entity, Column::ToldAt)).lte(to_millis(now - COOLDOWN)),
    );
    let written = notice_latch::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(again)
        .exec_without_returning(transaction)
        .await?;
    Ok(written > 0)
}

async fn latched_at(
    transaction: &Transaction,
    account: &str,
    name: &str,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let id = (account.to_owned(), name.to_owned());
    let found = notice_latch::Entity::find_by_id(id).one(transaction).await?;
    Ok(found.map(|latch| from_millis(latch.told_at)))
}

/// Of several that would wait, the latest does.
async fn wait(
    transaction: &Transaction,
    event: &event::Model,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    use event::Column;
    event::Entity::update_many()
        .filter(Column::AccountId.eq(&event.account_id))
        .filter(Column::Kind.eq(&event.kind))
        .filter(Column::ToldAt.is_null())
        .filter(Column::WaitUntil.is_not_null())
        .col_expr(Column::ToldAt, Expr::value(to_millis(now)))
        .exec(transaction)
        .await?;
    event::Entity::update_many()
        .filter(Column::Id.eq(&event.id))
        .col_expr(Column::WaitUntil, Expr::value(to_millis(until)))
        .col_expr(Column::ToldAt, Expr::value(None::<i64>))
        .exec(transaction)
        .await?;
    Ok(())
}

impl Told {
    fn add(&mut self, event: &event::Model, customers: &Customers, ways: Ways, now: DateTime<Utc>) {
        if ways.inbox {
            self.notices.push(notice::Model {
                id: format!("ntc_{}", uuid::Uuid::now_v7().simple()),
                account_id: event.account_id.clone(),
                event_id: event.id.clone(),
                at: to_millis(now),
                read_at: None,
            });
        }
        let customer = customers.find(&event.account_id);
        if let Some(email) = customer.map(|customer| &customer.email).filter(|_| ways.mail) {
            self.messages.push(message(event, Channel::Mail, email, now));
        }
    }

    async fn write(self, transaction: &Transaction, now: DateTime<Utc>) -> Result<(), DbErr> {
        let notices = self.notices.into_iter().map(|row| row.into_active_model().reset_all());
        let messages = self.messages.into_iter().map(|row| row.into_active_model().reset_all());
        let (notices, messages): (Vec<_>, Vec<_>) = (notices.collect(), messages.collect());
        if !notices.is_empty() {
            notice::Entity::insert_many(notices).exec_without_returning(transaction).await?;
        }
        if !messages.is_empty() {
            outbox::Entity::insert_many(messages).exec_without_returning(transaction).await?;
        }
        event::Entity::update_many()
            .filter(event::Column::Id.is_in(self.done))
            .col_expr(event::Column::ToldAt, Expr::value(to_millis(now)))
            .exec(transaction)
            .await?;
        Ok(())
    }
}

//! The log of what was sent, for operators.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::Webhooks;
use crate::server::{
    clock::from_millis,
    entity::{event, outbox, webhook_attempt},
};

/// Deliveries on a page.
const PAGE: usize = 25;

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be tried, or tried again.
    Waiting,
    /// It was taken.
    Sent,
    /// It is not tried any more.
    GivenUp,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sent, Self::GivenUp];

    /// The id in the database and in the API.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
        }
    }
}

/// A message to an endpoint, with what was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message: `msg_…`, sent as `webhook-id`.
    pub id: String,
    /// The kind of its event.
    pub kind: String,
    /// The account that the event is of.
    pub account: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// When it was to be sent first.
    pub created_at: DateTime<Utc>,
    /// When it is tried next, where it is.
    pub next_at: Option<DateTime<Utc>>,
    /// What was tried, the latest last.
    pub tries: Vec<Try>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// When.
    pub at: DateTime<Utc>,
    /// The status of the answer; none where there was no answer.
    pub status: Option<i32>,
    /// How long it took.
    pub duration_ms: i64,
    /// What the answer begins with, or why there is none.
    pub note: String,
}

/// A page of deliveries, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliveries {
    /// At most 25.
    pub deliveries: Vec<Delivery>,
    /// The last of them, where older ones follow.
    pub next: Option<String>,
}

impl Webhooks {
    /// What was sent to an endpoint, or is to be: those before a message, or the newest. None where
    /// there is no such endpoint.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn deliveries(
        &self,
        endpoint: &str,
        before: Option<&str>,
    ) -> Result<Option<Deliveries>, DbErr> {
        if self.find(endpoint).await?.is_none() {
            return Ok(None);
        }
        let mut find = outbox::Entity::find()
            .filter(Expr::cust("channel = 'webhook'"))
            .filter(outbox::Column::Target.eq(endpoint));
        if let Some(before) = before {
            find = find.filter(outbox::Column::Id.lt(before));
        }
        let find = find.order_by_desc(outbox::Column::Id).limit(PAGE as u64 + 1);
        let mut messages = find.all(self.database.reader()).await?;
        let has_more = messages.len() > PAGE;
        messages.truncate(PAGE);
        let next = messages.last().filter(|_| has_more).map(|last| last.id.clone());
        Ok(Some(Deliveries { deliveries: self.with_tries(messages).await?, next }))
    }

    async fn with_tries(&self, messages: Vec<outbox::Model>) -> Result<Vec<Delivery>, DbErr> {
        let ids = messages.iter().map(|message| message.id.clone());
        let attempts = webhook_attempt::Entity::find()
            .filter(webhook_attempt::Column::MessageId.is_in(ids))
            .order_by_asc(webhook_attempt::Column::Id)
            .all(self.database.reader())
            .await?;
        let events = messages.iter().map(|message| message.event_id.clone());
        let events = event::Entity::find()
            .filter(event::Column::Id.is_in(events))
            .all(self.database.reader())
            .await?;
        let mut kinds: HashMap<_, _> = events.into_iter().map(|it| (it.id, it.kind)).collect();
        let mut tries: HashMap<String, Vec<Try>> = HashMap::new();
        for row in attempts {
            tries.entry(row.message_id.clone()).or_default().push(tried(row));
        }
        let delivery = |message: outbox::Model| {
            let kind = kinds.remove(&message.event_id).unwrap_or_default();
            let tries = tries.remove(&message.id).unwrap_or_default();
            delivery(message, kind, tries)
        };
        Ok(messages.into_iter().map(delivery).collect())
    }
}

fn delivery(message: outbox::Model, kind: String, tries: Vec<Try>) -> Delivery {
    let state = DeliveryState::ALL.into_iter().find(|state| state.id() == message.state);
    let state = state.unwrap_or(DeliveryState::Waiting);
    let is_waiting = state == DeliveryState::Waiting;
    Delivery {
        id: message.id,
        kind,
        account: message.account_id,
        state,
        created_at: from_millis(message.created_at),
        next_at: is_waiting.then(|| from_millis(message.due_at)),
        tries,
    }
}

fn tried(row: webhook_attempt::Model) -> Try {
    let webhook_attempt::Model { at, status, duration_ms, note, .. } = row;
    Try { at: from_millis(at), status, duration_ms, note }
}

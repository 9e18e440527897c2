//! What Stripe reports: kept first, handled then, told to Stripe last.
//!
//! An event that is kept but not handled yet answers with an error, so that Stripe sends it
//! again; the reconciler takes it up too. So neither a crash nor an outage swallows one.

use std::{collections::HashSet, sync::atomic::Ordering};

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};
use sha2::{Digest, Sha256};

use super::{Away, Fulfilment, Payments, answer::Event, stripe};
use crate::server::{clock::to_millis, database::Transaction, entity::stripe_event};

/// The end of the outcome of an event whose session is paid and belongs to no purchase here.
pub(super) const PAID_UNKNOWN: &str = " is paid, unknown";

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No secret of ours has signed this body, or too long ago. Nothing was kept.
    #[error("the signature is missing, wrong or too old")]
    Unsigned,
    /// It must come again.
    #[error(transparent)]
    Later(#[from] Away),
}

/// What an event led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was handled before.
    Before,
    /// It says nothing of a session; it is kept.
    Kept,
    /// What became of its session.
    Session(Fulfilment),
}

impl Payments {
    /// Takes an event from Stripe: verified on the bytes that came, kept, and handled.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub async fn receive(&self, body: &str, signature: &str) -> Result<(), Rejection> {
        if !stripe::is_signed(body, signature, &self.settings.webhook_secrets) {
            self.counters.rejected_webhooks.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("a webhook without a valid signature was refused");
            return Err(Rejection::Unsigned);
        }
        let event = Event::read(body).unwrap_or_else(|| unreadable(body));
        let this = self.clone();
        self.in_task(async move { this.take(event).await }).await?;
        Ok(())
    }

    /// Keeps an event and handles it, unless that was done before.
    pub(super) async fn take(&self, event: Event) -> Result<Taken, Away> {
        if self.is_handled(&event.id).await? || self.remember(&event).await?.handled_at.is_some() {
            return Ok(Taken::Before);
        }
        let handled = self.handle(&event).await;
        let (outcome, is_handled) = match &handled {
            Ok(Taken::Session(fulfilment)) => (fulfilment.to_string(), true),
            Ok(_) => ("kept".to_owned(), true),
            Err(away) => (format!("waiting: {away}"), false),
        };
        self.note_outcome(&event.id, outcome, is_handled).await?;
        handled
    }

    /// Only the id is used, of the session or the payment: what it means is asked of Stripe.
    async fn handle(&self, event: &Event) -> Result<Taken, Away> {
        if let Some(payment) = event.off_session_payment() {
            return self.fulfil_payment(payment).await.map(Taken::Session);
        }
        match event.session() {
            Some(session) => self.fulfil_now(session).await.map(Taken::Session),
            None => Ok(Taken::Kept),
        }
    }

    /// Returns whether an event was handled, by reading alone. Stripe sends many events more than
    /// once; those that come again must not wait behind those that write.
    async fn is_handled(&self, id: &str) -> Result<bool, Away> {
        let found = stripe_event::Entity::find_by_id(id).one(self.database.finder()).await?;
        Ok(found.is_some_and(|event| event.handled_at.is_some()))
    }

    /// Keeps an event once; returns it as it is kept.
    pub(super) async fn remember(&self, event: &Event) -> Result<stripe_event::Model, Away> {
        let row = stripe_event::Model {
            id: event.id.clone(),
            kind: event.kind.clone(),
            livemode: event.livemode,
            object_id: event.object_id.clone(),
            payment_intent: event.payment_intent.clone(),
            body: event.body.replace('\0', "\u{fffd}"),
            received_at: to_millis(self.clock.now()),
            handled_at: None,
            outcome: "received".to_owned(),
        };
        let remembered = self.database.write(move |transaction| {
            let row = row.clone();
            Box::pin(async move { insert_once(transaction, row).await })
        });
        Ok(remembered.await?)
    }

    async fn note_outcome(&self, id: &str, outcome: String, is_handled: bool) -> Result<(), Away> {
        let (id, now) = (id.to_owned(), to_millis(self.clock.now()));
        let noted = self.database.write(move |transaction| {
            let (id, outcome) = (id.clone(), outcome.clone());
            Box::pin(async move {
                let found = stripe_event::Entity::find_by_id(id).one(transaction).await?;
                // Two deliveries at once: the one that was handled has the last word.
                let Some(row) = found.filter(|row| row.handled_at.is_none()) else {
                    return Ok(());
                };
                let mut row = row.into_active_model();
                row.outcome = Set(outcome);
                row.handled_at = Set(is_handled.then_some(now));
                row.update(transaction).await.map(|_| ())
            })
        });
        Ok(noted.await?)
    }

    /// Returns events that were kept but not handled, without these. Those that were never tried come
    /// first, the oldest before the others. Those that have failed follow in any order: one that
    /// fails again after a long time must not stand before the same others in each run.
    pub(super) async fn unhandled(
        &self,
        without: &[String],
        at_most: u64,
    ) -> Result<Vec<Event>, Away> {
        let rows = select_unhandled(without)
            .order_by(Expr::cust("outcome <> 'received'"), Order::Asc)
            .order_by(Expr::cust("CASE outcome WHEN 'received' THEN received_at END"), Order::Asc)
            .order_by(Expr::cust("RANDOM()"), Order::Asc)
            .limit(at_most)
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    /// Counts the events that were kept but not handled, without these.
    pub(super) async fn count_unhandled(&self, without: &[String]) -> Result<u64, Away> {
        Ok(select_unhandled(without).count(self.database.reader()).await?)
    }

    /// Those of these events that are kept already.
    pub(super) async fn known(&self, ids: Vec<String>) -> Result<HashSet<String>, Away> {
        let known: Vec<String> = stripe_event::Entity::find()
            .select_only()
            .column(stripe_event::Column::Id)
            .filter(stripe_event::Column::Id.is_in(ids))
            .into_tuple()
            .all(self.database.reader())
            .await?;
        Ok(known.into_iter().collect())
    }
}

fn select_unhandled(without: &[String]) -> Select<stripe_event::Entity> {
    stripe_event::Entity::find()
        .filter(stripe_event::Column::HandledAt.is_null())
        .filter(stripe_event::Column::Id.is_not_in(without))
}

async fn insert_once(
    transaction: &Transaction,
    row: stripe_event::Model,
) -> Result<stripe_event::Model, DbErr> {
    let id = row.id.clone();
    stripe_event::Entity::insert(row.into_active_model().reset_all())
        .on_conflict_do_nothing_on([stripe_event::Column::Id])
        .exec_without_returning(transaction)
        .await?;
    let found = stripe_event::Entity::find_by_id(id).one(transaction).await?;
    found.ok_or_else(|| DbErr::RecordNotFound("the event that was just written".to_owned()))
}

pub(super) fn from_row(row: stripe_event::Model) -> Event {
    Event {
        id: row.id,
        kind: row.kind,
        livemode: row.livemode,
        created: 0,
        object_id: row.object_id,
        payment_intent: row.payment_intent,
        body: row.body,
    }
}

/// Signed, but nothing that we can read: kept under a name that its content gives.
fn unreadable(body: &str) -> Event {
    tracing::warn!("a signed webhook can't be read; it is kept");
    Event {
        id: format!("unreadable_{}", hex::encode(Sha256::digest(body))),
        kind: String::new(),
        livemode: false,
        created: 0,
        object_id: None,
        payment_intent: None,
        body: body.to_owned(),
    }
}

//! Sending again by hand what was given up, or taken and lost.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::Webhooks;
use crate::server::{
    clock::{from_millis, to_millis},
    database::{Transaction, is_taken},
    entity::outbox,
    outbox::LEASE,
    requests::{Known, Request},
};

/// A message that is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resent {
    /// When it is tried, at the latest.
    pub due_at: DateTime<Utc>,
    /// Whether the same request has asked for it before.
    pub replayed: bool,
}

/// Why a message is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// There is no such message, or its endpoint was removed.
    #[error("there is no such delivery")]
    Unknown,
    /// Its endpoint takes nothing any more.
    #[error("the endpoint is disabled")]
    Disabled,
    /// The request's key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl Webhooks {
    /// Has a message sent again, and then tried for three days: one that was given up or sent at
    /// once, one that waits within two minutes, since somebody may be sending it now.
    ///
    /// # Errors
    /// Where it can't be, or the database fails.
    pub async fn resend(
        &self,
        message: &str,
        request: Option<Request>,
    ) -> Result<Resent, ResendError> {
        let row = outbox::Entity::find_by_id(message)
            .filter(outbox::Column::Channel.eq("webhook"))
            .one(self.database.reader())
            .await?;
        let row = row.ok_or(ResendError::Unknown)?;
        let endpoint = self.find(&row.target).await?.ok_or(ResendError::Unknown)?;
        if endpoint.disabled_at.is_some() {
            return Err(ResendError::Disabled);
        }
        let resent = match self.make_due(message, request.clone()).await {
            // The same request, sent twice at once: now the other one is known.
            Err(error) if is_taken(&error) => self.make_due(message, request).await?,
            resent => resent?,
        };
        resent.ok_or(ResendError::KeyReused)
    }

    async fn make_due(
        &self,
        message: &str,
        request: Option<Request>,
    ) -> Result<Option<Resent>, DbErr> {
        let (message, now) = (message.to_owned(), self.clock.now());
        let work = self.database.write(move |transaction| {
            let (message, request) = (message.clone(), request.clone());
            Box::pin(async move { make_due(transaction, &message, request, now).await })
        });
        work.await
    }
}

/// None where the request's key was used for something else.
async fn make_due(
    transaction: &Transaction,
    message: &str,
    request: Option<Request>,
    now: DateTime<Utc>,
) -> Result<Option<Resent>, DbErr> {
    let find = outbox::Entity::find_by_id(message).lock_exclusive();
    let row = find.one(transaction).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(message.to_owned()))?;
    let is_waiting = row.state == "waiting";
    let due_at = if is_waiting { from_millis(row.due_at).min(now + LEASE) } else { now };
    if let Some(request) = &request {
        match request.known(transaction).await? {
            Known::New => request.led_to(transaction, message, now).await?,
            Known::LedTo(_) => return Ok(Some(Resent { due_at, replayed: true })),
            Known::Reused => return Ok(None),
        }
    }
    let again = outbox::ActiveModel {
        state: Set("waiting".to_owned()),
        attempts: Set(0),
        due_at: Set(to_millis(due_at)),
        finished_at: Set(None),
        ..Default::default()
    };
    let update = outbox::Entity::update_many().set(again).filter(outbox::Column::Id.eq(message));
    update.exec(transaction).await?;
    Ok(Some(Resent { due_at, replayed: false }))
}

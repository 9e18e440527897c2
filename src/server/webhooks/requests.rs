//! What requests with an idempotency key have led to: asked again, the same is told again.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use sha2::{Digest, Sha256};

use crate::server::{clock::to_millis, entity::webhook_request};

/// A request that happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    key: String,
    /// SHA-256 of what is asked, in hex.
    digest: String,
}

/// What is known of a request.
pub(super) enum Known {
    /// Nothing.
    New,
    /// It has led to this.
    LedTo(String),
    /// Its key was used for something else.
    Reused,
}

impl Request {
    /// Asks for this under a key.
    #[must_use]
    pub fn new(key: &str, asked: &str) -> Self {
        Self { key: key.to_owned(), digest: hex::encode(Sha256::digest(asked)) }
    }

    pub(super) async fn known(&self, connection: &impl ConnectionTrait) -> Result<Known, DbErr> {
        let found = webhook_request::Entity::find_by_id(&self.key).one(connection).await?;
        Ok(match found {
            None => Known::New,
            Some(row) if row.digest == self.digest => Known::LedTo(row.led_to),
            Some(_) => Known::Reused,
        })
    }

    /// Writes down what it has led to; of several at once one can.
    pub(super) async fn led_to(
        &self,
        connection: &impl ConnectionTrait,
        what: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let row = webhook_request::Model {
            key: self.key.clone(),
            digest: self.digest.clone(),
            led_to: what.to_owned(),
            at: to_millis(now),
        };
        let insert = webhook_request::Entity::insert(row.into_active_model().reset_all());
        insert.exec_without_returning(connection).await?;
        Ok(())
    }
}

//! What requests with an idempotency key have led to beside the ledger: asked again, the same is
//! told again; asked for something else, the key is refused.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use sha2::{Digest, Sha256};

use super::{clock::to_millis, database::is_taken, entity::platform_request};

/// A request that happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    key: String,
    /// SHA-256 of what is asked, in hex.
    digest: String,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
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

    /// What is known of it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn known(&self, connection: &impl ConnectionTrait) -> Result<Known, DbErr> {
        let found = platform_request::Entity::find_by_id(&self.key).one(connection).await?;
        Ok(match found {
            None => Known::New,
            Some(row) if row.digest == self.digest => Known::LedTo(row.led_to),
            Some(_) => Known::Reused,
        })
    }

    /// Writes down what it has led to; of several at once one can.
    ///
    /// # Errors
    /// Where another one has, or the database fails.
    pub async fn led_to(
        &self,
        connection: &impl ConnectionTrait,
        what: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let row = platform_request::Model {
            key: self.key.clone(),
            digest: self.digest.clone(),
            led_to: what.to_owned(),
            at: to_millis(now),
        };
        let insert = platform_request::Entity::insert(row.into_active_model().reset_all());
        insert.exec_without_returning(connection).await?;
        Ok(())
    }

    /// Whether its key stands for it alone. A new key does from now on.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn claim(
        &self,
        connection: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let mut known = self.known(connection).await?;
        if known == Known::New {
            match self.led_to(connection, "", now).await {
                Err(error) if is_taken(&error) => known = self.known(connection).await?,
                written => written?,
            }
        }
        Ok(known != Known::Reused)
    }
}

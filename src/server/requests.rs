//! What requests with an idempotency key have led to beside the ledger: asked again, the same is
//! told again; asked for something else, the key is refused.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use sha2::{Digest, Sha256};

use super::{
    clock::to_millis,
    database::{Database, is_taken},
    entity::platform_request,
};

/// How long it is kept.
const KEPT: TimeDelta = TimeDelta::days(30);
/// One statement deletes no more, so that no writer waits for long.
const DELETED_AT_ONCE: u64 = 500;

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

/// Deletes what is old; says how many.
///
/// # Errors
/// Where the database fails; what was deleted until then is deleted.
pub async fn forget_old(database: &Database, now: DateTime<Utc>) -> Result<u64, DbErr> {
    use platform_request::{Column, Entity};
    let (mut forgotten, before) = (0, to_millis(now - KEPT));
    loop {
        let old = Entity::find()
            .select_only()
            .column(Column::Key)
            .filter(Column::At.lt(before))
            .order_by_asc(Column::At)
            .limit(DELETED_AT_ONCE)
            .into_query();
        let delete = Entity::delete_many().filter(Column::Key.in_subquery(old));
        let some = delete.exec(database.writer()).await?.rows_affected;
        forgotten += some;
        if some < DELETED_AT_ONCE {
            return Ok(forgotten);
        }
    }
}

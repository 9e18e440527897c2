//! The keys with which programs ask: `rcg_<id>_<secret>`.
//!
//! # Shape
//! [`ApiKeys::make`] shows a key once and keeps a hash of its secret; [`ApiKeys::authenticate`]
//! turns the header of a request into an [`ApiKey`], which is the proof; [`ApiKeys::revoke`] ends
//! it. `token` knows how a key is written, `found` remembers keys for half a second.
//!
//! # What must hold
//! - A revoked key is refused within a second, in every process.
//! - A key of an account acts for that account only and never gives credits away.
//! - Who sends a wrong, unknown or revoked key doesn't learn which of these it is.
//! - That a key was used is written down beside the request, never on its way.

mod found;
mod make;
mod scopes;
mod token;

use std::{sync::LazyLock, time::Instant};

use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::random::{hash_of, is_equal};
use crate::{
    credits::{AccountId, Credits},
    server::{
        clock::{Clock, from_millis, to_millis},
        database::Database,
        entity::api_key,
    },
};
use found::{Found, FoundKeys, USED_EVERY};
use token::Token;

pub use make::{MadeKey, MakeKeyError, NewApiKey};
pub use scopes::{Scope, Scopes};

/// More keys than these are not listed; those that work come first.
const LISTED: u64 = 100;

/// A key that was proven: who asks, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public half; what limits and logs name.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is; none where it is a service's, which acts for every account.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scopes: Scopes,
    /// The most that one run may cost.
    pub ceiling: Option<Credits>,
}

impl ApiKey {
    /// Whether it may do this.
    #[must_use]
    pub const fn may(&self, scope: Scope) -> bool {
        self.scopes.contain(scope)
    }

    /// Whether it acts for this account.
    #[must_use]
    pub fn acts_for(&self, account: &AccountId) -> bool {
        self.account.as_ref().is_none_or(|own| own == account)
    }
}

/// A key as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Why a request has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// It sent none.
    #[error("send your API key in the header Authorization: Bearer rcg_…")]
    Missing,
    /// What it sent is no key that works: mistyped, unknown or revoked.
    #[error("the API key is wrong or was revoked")]
    Wrong,
    /// The database is away: nobody knows.
    #[error("the key can't be checked at the moment")]
    Unavailable,
}

/// Makes, knows and ends keys. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    database: Database,
    clock: Clock,
    found: FoundKeys,
}

impl ApiKeys {
    /// The keys in this database.
    #[must_use]
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock, found: FoundKeys::default() }
    }

    /// The key that a request proves by its header `Authorization`.
    ///
    /// # Errors
    /// Where there is no header, no key in it that works, or nobody knows.
    pub async fn authenticate(&self, header: Option<&HeaderValue>) -> Result<ApiKey, KeyProblem> {
        let token = Token::from_header(header.ok_or(KeyProblem::Missing)?);
        let token = token.ok_or(KeyProblem::Wrong)?;
        let found = self.find(&token.id).await.map_err(|error| {
            tracing::error!(%error, "a key could not be checked");
            KeyProblem::Unavailable
        })?;
        // An unknown key is compared too: it is answered no earlier than a known one.
        static NOBODY: LazyLock<String> = LazyLock::new(|| hash_of(""));
        let expected = found.as_ref().map_or(NOBODY.as_str(), |found| &found.secret_hash);
        if !is_equal(&hash_of(token.secret.reveal()), expected) {
            return Err(KeyProblem::Wrong);
        }
        let key = found.ok_or(KeyProblem::Wrong)?.key;
        self.was_used(&key.id);
        Ok(key)
    }

    /// The keys of an account: those that work first, then the newest first.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<ListedKey>, DbErr> {
        let keys = api_key::Entity::find()
            .filter(api_key::Column::AccountId.eq(&account.0))
            .order_by_asc(api_key::Column::RevokedAt.is_not_null())
            .order_by_desc(api_key::Column::CreatedAt)
            .order_by_asc(api_key::Column::Id)
            .limit(LISTED);
        let rows = keys.all(self.database.reader()).await?;
        Ok(rows.into_iter().map(listed).collect())
    }

    /// Ends a key of this account; false where it has no such key. Ending it again changes nothing.
    ///
    /// # Errors
    /// Where the database is away: then the key still works.
    pub async fn revoke(&self, account: &AccountId, id: &str) -> Result<bool, DbErr> {
        self.end(id, Condition::all().add(api_key::Column::AccountId.eq(&account.0))).await
    }

    /// Ends any key, for operators; false where there is no such key.
    ///
    /// # Errors
    /// Where the database is away: then the key still works.
    pub async fn revoke_any(&self, id: &str) -> Result<bool, DbErr> {
        self.end(id, Condition::all()).await
    }

    async fn end(&self, id: &str, owned: Condition) -> Result<bool, DbErr> {
        let its = || owned.clone().add(api_key::Column::Id.eq(id));
        let revoked_at = Set(Some(to_millis(self.clock.now())));
        let ended = api_key::Entity::update_many()
            .set(api_key::ActiveModel { revoked_at, ..api_key::ActiveModel::default() })
            .filter(its().add(api_key::Column::RevokedAt.is_null()))
            .exec(self.database.writer())
            .await?;
        self.found.forget(id);
        if ended.rows_affected > 0 {
            tracing::info!(key = id, "key revoked");
            return Ok(true);
        }
        let is_there = api_key::Entity::find().filter(its()).one(self.database.writer()).await?;
        Ok(is_there.is_some())
    }

    /// A key that works, with what proves it.
    async fn find(&self, id: &str) -> Result<Option<Found>, DbErr> {
        let Some((found, is_due)) = self.found.get(id) else { return self.read(id).await };
        if is_due {
            let (keys, id) = (self.clone(), id.to_owned());
            // Where it fails, the next request reads the key itself.
            tokio::spawn(async move { keys.read(&id).await });
        }
        Ok(Some(found))
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, DbErr> {
        let read_at = Instant::now();
        let row = api_key::Entity::find_by_id(id).one(self.database.reader()).await?;
        let Some(row) = row.filter(|row| row.revoked_at.is_none()) else {
            self.found.forget(id);
            return Ok(None);
        };
        let (secret_hash, used_at) = (row.secret_hash.clone(), row.last_used_at.map(from_millis));
        let found = Found { key: listed(row).key, secret_hash, used_at };
        self.found.put(read_at, found.clone());
        Ok(Some(found))
    }

    /// Writes down that a key is used, in a task of its own.
    fn was_used(&self, id: &str) {
        let now = self.clock.now();
        if !self.found.is_news(id, now) {
            return;
        }
        let (database, id) = (self.database.clone(), id.to_owned());
        tokio::spawn(async move {
            let last = api_key::Column::LastUsedAt;
            let not_yet = last.is_null().or(last.lte(to_millis(now - USED_EVERY)));
            let update = api_key::Entity::update_many()
                .set(api_key::ActiveModel {
                    last_used_at: Set(Some(to_millis(now))),
                    ..api_key::ActiveModel::default()
                })
                .filter(api_key::Column::Id.eq(&id))
                .filter(not_yet);
            if let Err(error) = update.exec(database.writer()).await {
                tracing::warn!(%error, key = id, "the use of a key could not be written down");
            }
        });
    }
}

fn listed(row: api_key::Model) -> ListedKey {
    let scopes = [
        row.may_read.then_some(Scope::Read),
        row.may_spend.then_some(Scope::Spend),
        row.may_grant.then_some(Scope::Grant),
    ];
    let key = ApiKey {
        id: row.id,
        name: row.name,
        account: row.account_id.map(AccountId),
        scopes: scopes.into_iter().flatten().collect(),
        ceiling: row.ceiling.map(Credits::from_thousandths),
    };
    ListedKey {
        key,
        created_at: from_millis(row.created_at),
        last_used_at: row.last_used_at.map(from_millis),
        revoked_at: row.revoked_at.map(from_millis),
    }
}

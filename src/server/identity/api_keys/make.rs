//! Making a key: what is asked for, and what may be wrong with it.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter,
};
use uuid::Uuid;

use super::{super::random::NoRandomness, ApiKey, ApiKeys, Scope, Scopes, Token, hash_of, listed};
use crate::{
    credits::{AccountId, Credits},
    server::{clock::to_millis, database::is_taken, entity::api_key, secret::Secret},
};

/// The longest name of a key.
pub const LONGEST_NAME: usize = 80;
/// Working keys that one account may have.
pub const MOST_KEYS: u64 = 50;
/// A form that comes twice within this is a double click.
const DOUBLE_CLICK: TimeDelta = TimeDelta::seconds(10);

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: String,
    /// Whose it is; none for a service.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scopes: Scopes,
    /// The most that one run may cost.
    pub ceiling: Option<Credits>,
    /// The page's token for this one wish: a form that is sent twice makes one key.
    pub intent: Option<Uuid>,
}

/// A key that was made. This is the only time that its secret is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeKey {
    /// The key.
    pub key: ApiKey,
    /// As its owner is to keep it: `rcg_<id>_<secret>`.
    pub text: Secret,
}

/// Why a key is not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeKeyError {
    /// The name is empty or too long.
    #[error("the name must have 1 to {LONGEST_NAME} characters")]
    Name,
    /// It may do nothing.
    #[error("choose what the key may do")]
    NoScope,
    /// Only a service may give credits away.
    #[error("a key of an account can't have the scope grant")]
    Grant,
    /// A ceiling of nothing stops everything.
    #[error("the ceiling per run must be more than 0 credits")]
    Ceiling,
    /// The account has enough of them.
    #[error("an account has at most {MOST_KEYS} keys that work")]
    TooMany,
    /// The same form has made this key before; its secret was shown then.
    #[error("the key {0} was made already")]
    Made(String),
    /// The system has no randomness to give.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl NewApiKey {
    /// All that is wrong with it by itself.
    #[must_use]
    pub fn problems(&self) -> Vec<MakeKeyError> {
        let name = self.name.trim();
        let is_name =
            (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
        let grants = self.account.is_some() && self.scopes.contain(Scope::Grant);
        let is_ceiling = self.ceiling.is_none_or(Credits::is_positive);
        let problems = [
            (!is_name).then_some(MakeKeyError::Name),
            self.scopes.are_none().then_some(MakeKeyError::NoScope),
            grants.then_some(MakeKeyError::Grant),
            (!is_ceiling).then_some(MakeKeyError::Ceiling),
        ];
        problems.into_iter().flatten().collect()
    }

    fn row(&self, token: &Token, now: DateTime<Utc>) -> api_key::Model {
        api_key::Model {
            id: token.id.clone(),
            secret_hash: hash_of(token.secret.reveal()),
            name: self.name.trim().to_owned(),
            account_id: self.account.as_ref().map(|account| account.0.clone()),
            may_read: self.scopes.contain(Scope::Read),
            may_spend: self.scopes.contain(Scope::Spend),
            may_grant: self.scopes.contain(Scope::Grant),
            ceiling: self.ceiling.map(Credits::thousandths),
            intent: self.intent.map(|intent| intent.to_string()),
            created_at: to_millis(now),
            revoked_at: None,
            last_used_at: None,
        }
    }
}

impl ApiKeys {
    /// Makes a key and tells its secret, once.
    ///
    /// # Errors
    /// Where something about it is wrong, the form has made one before, or the database is away.
    pub async fn make(&self, new: NewApiKey) -> Result<MadeKey, MakeKeyError> {
        if let Some(problem) = new.problems().into_iter().next() {
            return Err(problem);
        }
        if let Some(before) = self.made_with(&new).await? {
            return self.made_before(before).await;
        }
        if let Some(account) = &new.account
            && self.working(account).await? >= MOST_KEYS
        {
            return Err(MakeKeyError::TooMany);
        }
        let token = Token::new()?;
        let row = new.row(&token, self.clock.now());
        let insert = api_key::Entity::insert(row.clone().into_active_model().reset_all());
        match insert.exec_without_returning(self.database.writer()).await {
            Ok(_) => {}
            // The same form, sent twice at once.
            Err(error) if is_taken(&error) => match self.made_with(&new).await? {
                Some(before) => return self.made_before(before).await,
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
        let key = listed(row).key;
        tracing::info!(key = key.id, scopes = ?key.scopes, "key made");
        Ok(MadeKey { key, text: token.text() })
    }

    /// The key that the same form has made.
    async fn made_with(&self, new: &NewApiKey) -> Result<Option<api_key::Model>, DbErr> {
        let (Some(account), Some(intent)) = (&new.account, new.intent) else { return Ok(None) };
        api_key::Entity::find()
            .filter(api_key::Column::AccountId.eq(&account.0))
            .filter(api_key::Column::Intent.eq(intent.to_string()))
            .one(self.database.writer())
            .await
    }

    /// A browser shows the answer to the second click only: so that one gets a secret that works,
    /// as long as nobody can have used the first.
    async fn made_before(&self, row: api_key::Model) -> Result<MadeKey, MakeKeyError> {
        let token = Token::with_id(row.id.clone())?;
        let moments_ago = to_millis(self.clock.now() - DOUBLE_CLICK);
        let renewed = api_key::Entity::update_many()
            .set(api_key::ActiveModel {
                secret_hash: Set(hash_of(token.secret.reveal())),
                ..Default::default()
            })
            .filter(api_key::Column::Id.eq(&row.id))
            .filter(api_key::Column::LastUsedAt.is_null())
            .filter(api_key::Column::RevokedAt.is_null())
            .filter(api_key::Column::CreatedAt.gt(moments_ago))
            .exec(self.database.writer())
            .await?;
        self.found.forget(&row.id);
        if renewed.rows_affected == 0 {
            return Err(MakeKeyError::Made(row.id));
        }
        Ok(MadeKey { key: listed(row).key, text: token.text() })
    }

    async fn working(&self, account: &AccountId) -> Result<u64, DbErr> {
        api_key::Entity::find()
            .filter(api_key::Column::AccountId.eq(&account.0))
            .filter(api_key::Column::RevokedAt.is_null())
            .count(self.database.writer())
            .await
    }
}

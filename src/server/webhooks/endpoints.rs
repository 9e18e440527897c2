//! Adding endpoints, and what else is done with them.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hyper::body::Bytes;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, Select, sea_query::Expr,
};
use url::Url;

use super::{
    Endpoint, Kinds, UrlProblem, Webhooks, WireError,
    endpoint::parse,
    signing::{new_secret, signatures},
    wire::{Answer, Sending},
};
use crate::server::{
    clock::to_millis,
    database::{Transaction, is_taken},
    entity::webhook_endpoint::{self, Column, KeptSecret},
    requests::{Known, Request},
    secret::Secret,
};

/// Endpoints that there can be: each event is a message for each of them.
pub const MOST_ENDPOINTS: u64 = 20;
/// How long a secret that was replaced signs too.
const OLD_SECRET: TimeDelta = TimeDelta::hours(24);
/// How long is waited to find out where a new endpoint leads.
const LOOK_UP: Duration = Duration::from_secs(2);

/// An endpoint that was added. This is the only time that its secret is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What signs its messages: `whsec_…`.
    pub secret: Secret,
    /// Whether the same request has added it before.
    pub replayed: bool,
}

/// A secret that replaces another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// What signs from now on.
    pub secret: Secret,
    /// Until when the one before signs too.
    pub old_until: DateTime<Utc>,
}

/// What a message for trying out came to.
#[derive(Debug)]
pub struct Tested {
    /// The answer, or why there is none.
    pub answer: Result<Answer, WireError>,
    /// How long it took.
    pub took: Duration,
}

/// Why an endpoint is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Something is wrong with its address.
    #[error(transparent)]
    Url(#[from] UrlProblem),
    /// It leads to where no message goes.
    #[error("the address leads to {0}, which is not public")]
    NotPublic(std::net::IpAddr),
    /// There are enough.
    #[error("there are at most {MOST_ENDPOINTS} endpoints")]
    TooMany,
    /// The request's key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The system has no randomness to give.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

/// What adding has come to in the transaction.
enum Outcome {
    Added(webhook_endpoint::Model),
    AddedBefore(webhook_endpoint::Model),
    KeyReused,
    TooMany,
}

impl Webhooks {
    /// Adds an endpoint and tells its secret. Where the host can't be found yet it is added too:
    /// it is looked up for each message anyway.
    ///
    /// # Errors
    /// Where something about it is wrong, or the database fails.
    pub async fn add(
        &self,
        url: &str,
        kinds: Kinds,
        request: Option<Request>,
    ) -> Result<Added, AddError> {
        let url = parse(url, self.allow_http)?;
        self.check_address(&url).await?;
        let secret = new_secret().ok_or(AddError::NoRandomness)?;
        let now = self.clock.now();
        let row = webhook_endpoint::Model {
            id: format!("whe_{}", uuid::Uuid::now_v7().simple()),
            url: url.into(),
            kinds: kinds.kept(),
            secret: KeptSecret(secret.reveal().to_owned()),
            old_secret: None,
            old_secret_until: None,
            created_at: to_millis(now),
            disabled_at: None,
            removed_at: None,
        };
        let outcome = match self.write(row.clone(), request.clone()).await {
            // The same request, sent twice at once: now the other one is known.
            Err(error) if is_taken(&error) => self.write(row, request).await?,
            outcome => outcome?,
        };
        let (row, replayed) = match outcome {
            Outcome::Added(row) => (row, false),
            Outcome::AddedBefore(row) => (row, true),
            Outcome::KeyReused => return Err(AddError::KeyReused),
            Outcome::TooMany => return Err(AddError::TooMany),
        };
        let secret = Secret::new(&row.secret.0);
        let endpoint = Endpoint::read(row, now);
        tracing::info!(endpoint = endpoint.id, events = %endpoint.kinds, "webhook endpoint added");
        Ok(Added { endpoint, secret, replayed })
    }

    async fn check_address(&self, url: &Url) -> Result<(), AddError> {
        let looked = tokio::time::timeout(LOOK_UP, self.wire.addresses(url)).await;
        match looked {
            Ok(Err(WireError::NotPublic(address))) => Err(AddError::NotPublic(address)),
            _ => Ok(()),
        }
    }

    async fn write(
        &self,
        row: webhook_endpoint::Model,
        request: Option<Request>,
    ) -> Result<Outcome, DbErr> {
        let now = self.clock.now();
        let work = self.database.write(move |transaction| {
            let (row, request) = (row.clone(), request.clone());
            Box::pin(async move { insert(transaction, row, request, now).await })
        });
        work.await
    }

    /// All endpoints that were not removed, the oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn list(&self) -> Result<Vec<Endpoint>, DbErr> {
        let rows = there(webhook_endpoint::Entity::find()).order_by_asc(Column::Id);
        let rows = rows.all(self.database.reader()).await?;
        let now = self.clock.now();
        Ok(rows.into_iter().map(|row| Endpoint::read(row, now)).collect())
    }

    /// The endpoint with this id; none where there is none or it was removed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(&self, id: &str) -> Result<Option<Endpoint>, DbErr> {
        let row = there(webhook_endpoint::Entity::find_by_id(id));
        let row = row.one(self.database.writer()).await?;
        Ok(row.map(|row| Endpoint::read(row, self.clock.now())))
    }

    /// Removes an endpoint; what still waits for it is given up. Says whether there was one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn remove(&self, id: &str) -> Result<bool, DbErr> {
        let removed = webhook_endpoint::ActiveModel {
            secret: Set(KeptSecret(String::new())),
            old_secret: Set(None),
            old_secret_until: Set(None),
            removed_at: Set(Some(to_millis(self.clock.now()))),
            ..Default::default()
        };
        self.change(id, removed).await
    }

    /// Gives an endpoint a new secret; the old one signs beside it for a day. None where there is
    /// no such endpoint.
    ///
    /// # Errors
    /// Where the database fails, or the system has no randomness to give.
    pub async fn rotate(&self, id: &str) -> Result<Option<Rotated>, AddError> {
        let secret = new_secret().ok_or(AddError::NoRandomness)?;
        let old_until = self.clock.now() + OLD_SECRET;
        let rotate = webhook_endpoint::Entity::update_many()
            .col_expr(Column::OldSecret, Expr::col(Column::Secret))
            .col_expr(Column::OldSecretUntil, Expr::value(to_millis(old_until)))
            .col_expr(Column::Secret, Expr::value(secret.reveal()))
            .filter(Column::Id.eq(id))
            .filter(Column::RemovedAt.is_null());
        let rotated = rotate.exec(self.database.writer()).await?.rows_affected == 1;
        Ok(rotated.then_some(Rotated { secret, old_until }))
    }

    /// Tells an endpoint, which said that it is gone, nothing more, or takes it up again.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn switch(&self, id: &str, on: bool) -> Result<bool, DbErr> {
        let disabled_at = (!on).then(|| to_millis(self.clock.now()));
        let switched =
            webhook_endpoint::ActiveModel { disabled_at: Set(disabled_at), ..Default::default() };
        self.change(id, switched).await
    }

    async fn change(&self, id: &str, to: webhook_endpoint::ActiveModel) -> Result<bool, DbErr> {
        let update = webhook_endpoint::Entity::update_many()
            .set(to)
            .filter(Column::Id.eq(id))
            .filter(Column::RemovedAt.is_null());
        Ok(update.exec(self.database.writer()).await?.rows_affected == 1)
    }

    /// Sends an endpoint a message of the type `webhook.test`, once. None where there is no such
    /// endpoint.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn test(&self, id: &str) -> Result<Option<Tested>, DbErr> {
        let Some(endpoint) = self.find(id).await? else { return Ok(None) };
        let now = self.clock.now();
        let at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        let body = serde_json::json!({"type": "webhook.test", "timestamp": at, "data": {}});
        let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
        let body = Bytes::from(body.to_string());
        let begun = Instant::now();
        let answer = self.send(&endpoint, &message, body).await;
        Ok(Some(Tested { answer, took: begun.elapsed() }))
    }

    /// Signs a message and sends it, once.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        id: &str,
        body: Bytes,
    ) -> Result<Answer, WireError> {
        let url = parse(&endpoint.url, self.allow_http).map_err(|_| WireError::Address)?;
        let timestamp = self.clock.now().timestamp();
        let signature = signatures(&endpoint.secrets, id, timestamp, &body);
        self.wire.send(&url, &Sending { id: id.to_owned(), timestamp, signature, body }).await
    }
}

async fn insert(
    transaction: &Transaction,
    row: webhook_endpoint::Model,
    request: Option<Request>,
    now: DateTime<Utc>,
) -> Result<Outcome, DbErr> {
    if let Some(request) = &request {
        match request.known(transaction).await? {
            Known::New => {}
            Known::Reused => return Ok(Outcome::KeyReused),
            Known::LedTo(id) => {
                let before = there(webhook_endpoint::Entity::find_by_id(&id));
                let before = before.one(transaction).await?;
                return Ok(before.map_or(Outcome::KeyReused, Outcome::AddedBefore));
            }
        }
    }
    if there(webhook_endpoint::Entity::find()).count(transaction).await? >= MOST_ENDPOINTS {
        return Ok(Outcome::TooMany);
    }
    let insert = webhook_endpoint::Entity::insert(row.clone().into_active_model().reset_all());
    insert.exec_without_returning(transaction).await?;
    if let Some(request) = &request {
        request.led_to(transaction, &row.id, now).await?;
    }
    Ok(Outcome::Added(row))
}

/// Those that were not removed.
fn there(find: Select<webhook_endpoint::Entity>) -> Select<webhook_endpoint::Entity> {
    find.filter(Column::RemovedAt.is_null())
}

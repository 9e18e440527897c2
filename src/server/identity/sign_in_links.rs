//! Links with which the platform lets its users in: they work once, for a minute.
//!
//! - Only a hash of the token is stored; the row is deleted by the sign-in that it leads to.
//! - Looking at a link changes nothing: whatever opens the addresses in a mail can't use it up.
//!   Only the page's form does.

use axum::{
    extract::{OriginalUri, Path, State},
    http::StatusCode,
    response::Redirect,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use tower_sessions::Session;

use super::{
    Person,
    gate::next_of,
    random::{NoRandomness, hash_of, random_hex},
    sign_in::{destination, open, unavailable},
    users,
};
use crate::{
    credits::AccountId,
    server::{
        AppState,
        clock::to_millis,
        database::Database,
        entity::{sign_in_link, user},
        requests::Request,
        secret::Secret,
    },
};

/// How long a link works.
pub const VALID: TimeDelta = TimeDelta::seconds(60);

/// A link that was made. This is the only time that its token is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInLink {
    /// The path on this site: `/sign-in/link/…`. With `?next=` and a path it leads on to there.
    pub path: Secret,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum SignInLinkError {
    /// The system has no randomness to give.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The request's key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

/// Makes a link for the owner of an account; none where nobody owns it. The same request makes
/// another one: only the hash of the first is known.
///
/// # Errors
/// Where the request's key was used for something else, the database is away, or the system has no
/// randomness to give.
pub async fn make(
    database: &Database,
    account: &AccountId,
    request: Option<&Request>,
    now: DateTime<Utc>,
) -> Result<Option<SignInLink>, SignInLinkError> {
    let owners = user::Entity::find().filter(user::Column::AccountId.eq(&account.0));
    let Some(owner) = owners.one(database.reader()).await? else { return Ok(None) };
    if let Some(request) = request
        && !request.claim(database.writer(), now).await?
    {
        return Err(SignInLinkError::KeyReused);
    }
    let (token, expires_at) = (random_hex::<32>()?, now + VALID);
    let row = sign_in_link::Model {
        token_hash: hash_of(&token),
        user_id: owner.id,
        expires_at: to_millis(expires_at),
    };
    let insert = sign_in_link::Entity::insert(row.into_active_model().reset_all());
    insert.exec_without_returning(database.writer()).await?;
    Ok(Some(SignInLink { path: Secret::new(&format!("/sign-in/link/{token}")), expires_at }))
}

/// Whom a link would sign in, without using it up; none where it no longer works.
///
/// # Errors
/// Where the database is away.
pub async fn peek(
    database: &Database,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<Person>, DbErr> {
    let link = works(token, now).one(database.writer()).await?;
    match link {
        Some(link) => users::with_id(database, &link.user_id).await,
        None => Ok(None),
    }
}

/// Uses a link up; of several at once one wins. None where it no longer works.
///
/// # Errors
/// Where the database is away.
pub async fn redeem(
    database: &Database,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<Person>, DbErr> {
    let Some(person) = peek(database, token, now).await? else { return Ok(None) };
    let delete = sign_in_link::Entity::delete_many()
        .filter(sign_in_link::Column::TokenHash.eq(hash_of(token)))
        .filter(sign_in_link::Column::ExpiresAt.gt(to_millis(now)));
    let deleted = delete.exec(database.writer()).await?;
    Ok((deleted.rows_affected == 1).then_some(person))
}

/// Deletes the links that were never used in time.
///
/// # Errors
/// Where the database is away.
pub async fn delete_expired(database: &Database, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let expired = sign_in_link::Column::ExpiresAt.lte(to_millis(now));
    let deleted = sign_in_link::Entity::delete_many().filter(expired).exec(database.writer());
    Ok(deleted.await?.rows_affected)
}

fn works(token: &str, now: DateTime<Utc>) -> sea_orm::Select<sign_in_link::Entity> {
    sign_in_link::Entity::find_by_id(hash_of(token))
        .filter(sign_in_link::Column::ExpiresAt.gt(to_millis(now)))
}

/// POST /sign-in/link/{token}: signs in, instead of whoever was signed in before.
///
/// # Errors
/// 503 where the database is away; then the link still works, or was used up for nothing.
pub async fn follow(
    State(state): State<AppState>,
    Path(token): Path<String>,
    OriginalUri(uri): OriginalUri,
    session: Session,
) -> Result<Redirect, StatusCode> {
    let (now, next) = (state.clock.now(), next_of(&uri));
    let Some(person) = redeem(&state.database, &token, now).await.map_err(unavailable)? else {
        tracing::info!("a sign-in link did not work");
        return Ok(Redirect::to(NO_LINK));
    };
    session.clear().await;
    open(&session, &person, to_millis(now)).await.map_err(unavailable)?;
    tracing::info!(user = person.user(), "signed in by a link");
    Ok(Redirect::to(&destination(&person, &next)))
}

/// Where one is told that a link doesn't work: a link that nobody ever made.
const NO_LINK: &str = "/sign-in/link/used";

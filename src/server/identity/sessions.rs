//! Sessions in the database: who signed in, and when.
//!
//! - Of a session's id only a SHA-256 hash is kept: who reads the table can't sign in with it.
//! - A session ends 7 days after it was last seen and 30 days after signing in. The row says
//!   when; reading moves that instant at most once a day, so that reading rarely writes.
//! - Session and user are read in one query: every request asks it.
//! - Time is the server's clock, not the one of the cookie.

use std::{collections::HashSet, fmt};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QuerySelect, Statement,
    sea_query::{Expr, OnConflict, Query},
};
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

use super::{Person, random::hash_of};
use crate::server::{
    clock::{Clock, from_millis, to_millis},
    database::{Database, is_taken},
    entity::{notice, session, user},
};

/// A session that is not seen for this long ends.
pub const IDLE: TimeDelta = TimeDelta::days(7);
/// A session ends this long after signing in, seen or not.
pub const ABSOLUTE: TimeDelta = TimeDelta::days(30);
/// Being seen is written down this rarely.
const SEEN_EVERY: TimeDelta = TimeDelta::days(1);
/// Where a session keeps the instant of signing in, in milliseconds.
pub const SIGNED_IN_AT: &str = "signed_in_at";
/// Where a session keeps whose it is.
pub const USER: &str = "user";
/// Tries with another id when one is taken: with 128 random bits not even the second is needed.
const TRIES: u32 = 3;

/// Keeps sessions in the database.
#[derive(Clone)]
pub struct Sessions {
    database: Database,
    clock: Clock,
}

/// A session with what every page of its user says.
#[derive(FromQueryResult)]
pub(super) struct Seen {
    #[sea_orm(nested)]
    session: session::Model,
    unread: i64,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

impl Sessions {
    /// Keeps sessions in this database.
    #[must_use]
    pub const fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Deletes what has ended.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn delete_expired(&self) -> std::result::Result<u64, DbErr> {
        let ended = session::Column::ExpiresAt.lte(to_millis(self.clock.now()));
        let deleted =
            session::Entity::delete_many().filter(ended).exec(self.database.writer()).await?;
        Ok(deleted.rows_affected)
    }

    fn row(&self, record: &Record) -> Result<session::ActiveModel> {
        let content = serde_json::to_string(&record.data).map_err(encode)?;
        let signed_in_at = record.data.get(SIGNED_IN_AT).and_then(Value::as_i64).map(from_millis);
        let expires_at = expires_at(signed_in_at, self.clock.now());
        Ok(session::ActiveModel {
            id_hash: Set(hash(&record.id)),
            record: Set(content),
            expires_at: Set(to_millis(expires_at)),
            user_id: Set(record.data.get(USER).and_then(Value::as_str).map(str::to_owned)),
        })
    }

    /// Who has this session; it is prolonged. None where it has ended or its user is gone.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn person(&self, id: &Id) -> std::result::Result<Option<Person>, DbErr> {
        let Some((seen, user)) = self.find(id).await? else { return Ok(None) };
        self.prolong(&seen.session).await;
        let person = user.map(Person::try_from).transpose()?;
        Ok(person.map(|person| person.with_unread(seen.unread)))
    }

    /// The session where it has not ended, and its user where there is one.
    pub(super) async fn find(
        &self,
        id: &Id,
    ) -> std::result::Result<Option<(Seen, Option<user::Model>)>, DbErr> {
        let owner = session::Entity::belongs_to(user::Entity)
            .from(session::Column::UserId)
            .to(user::Column::Id);
        session::Entity::find_by_id(hash(id))
            .filter(session::Column::ExpiresAt.gt(to_millis(self.clock.now())))
            .join(JoinType::LeftJoin, owner.into())
            .expr_as(unread(), "unread")
            .select_also(user::Entity)
            .into_model::<Seen, user::Model>()
            .one(self.database.reader())
            .await
    }

    /// Which of these sessions have not ended since: signed out anywhere, expired, or their users
    /// gone. Asking does not prolong them.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn lasting(&self, hashes: &[String]) -> std::result::Result<HashSet<String>, DbErr> {
        let (reader, listed) = (self.database.reader(), self.database.listed());
        let sql = format!(
            "SELECT sessions.id_hash FROM {listed}
             JOIN sessions ON sessions.id_hash = listed.id
             JOIN users ON users.id = sessions.user_id
             WHERE sessions.expires_at > $2"
        );
        let values = [Value::from(hashes).to_string().into(), to_millis(self.clock.now()).into()];
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        let rows = reader.query_all_raw(statement).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    /// Writes down that it was seen, where that is worth a write.
    async fn prolong(&self, row: &session::Model) {
        let now = self.clock.now();
        let later = expires_at(signed_in_at(row), now);
        let (gained, is_last) = (later - from_millis(row.expires_at), later < now + IDLE);
        if gained >= SEEN_EVERY || (is_last && gained > TimeDelta::zero()) {
            self.seen(row.id_hash.clone(), later).await;
        }
    }

    async fn seen(&self, id_hash: String, expires_at: DateTime<Utc>) {
        let update = session::Entity::update_many()
            .set(session::ActiveModel {
                expires_at: Set(to_millis(expires_at)),
                ..session::ActiveModel::default()
            })
            .filter(session::Column::IdHash.eq(id_hash));
        if let Err(error) = update.exec(self.database.writer()).await {
            tracing::warn!(%error, "a session could not be prolonged");
        }
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..TRIES {
            let insert = session::Entity::insert(self.row(record)?);
            match insert.exec_without_returning(self.database.writer()).await {
                Ok(_) => return Ok(()),
                Err(error) if is_taken(&error) => record.id = Id::default(),
                Err(error) => return Err(backend(error)),
            }
        }
        Err(Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let mut overwrite = OnConflict::column(session::Column::IdHash);
        overwrite.update_columns([
            session::Column::Record,
            session::Column::ExpiresAt,
            session::Column::UserId,
        ]);
        let insert = session::Entity::insert(self.row(record)?).on_conflict(overwrite);
        insert.exec_without_returning(self.database.writer()).await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some((seen, _)) = self.find(id).await.map_err(backend)? else { return Ok(None) };
        self.prolong(&seen.session).await;
        let data = serde_json::from_str(&seen.session.record).map_err(decode)?;
        // The expiry is ours to judge; the layer only hands it back to us.
        Ok(Some(Record { id: *id, data, expiry_date: OffsetDateTime::UNIX_EPOCH }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let delete = session::Entity::delete_by_id(hash(id));
        delete.exec(self.database.writer()).await.map_err(backend)?;
        Ok(())
    }
}

/// Counts what the user has not read in the same statement: every page says it.
fn unread() -> Expr {
    use sea_orm::sea_query::ExprTrait;
    let unread = Query::select()
        .expr(notice::Column::Id.count())
        .from(notice::Entity)
        .and_where(notice::Column::ReadAt.is_null())
        .and_where(
            Expr::col((notice::Entity, notice::Column::AccountId))
                .equals((user::Entity, user::Column::AccountId)),
        )
        .to_owned();
    Expr::SubQuery(None, Box::new(unread.into()))
}

/// When a session ends that is seen now.
fn expires_at(signed_in_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let idle = now + IDLE;
    signed_in_at.map_or(idle, |at| idle.min(at + ABSOLUTE))
}

fn signed_in_at(row: &session::Model) -> Option<DateTime<Utc>> {
    let record: Value = serde_json::from_str(&row.record).ok()?;
    record[SIGNED_IN_AT].as_i64().map(from_millis)
}

pub(super) fn hash(id: &Id) -> String {
    hash_of(&id.to_string())
}

fn backend(error: DbErr) -> Error {
    Error::Backend(error.to_string())
}

fn encode(error: serde_json::Error) -> Error {
    Error::Encode(error.to_string())
}

fn decode(error: serde_json::Error) -> Error {
    Error::Decode(error.to_string())
}

//! Of many processes one does each slot: its row, inserted first, is the claim.
//!
//! A claim lives for a [`LEASE`] after its process was last seen, by the clock of the database: the
//! clocks of two processes may differ, and tests move them. Slots go by the clocks of processes.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter, Statement,
    Value, sea_query::Expr,
};

use super::{Done, JobError};
use crate::server::{
    clock::{database_now, to_millis},
    database::{Database, Transaction},
    entity::job::{Column, Entity},
};

/// A claim whose process was not seen for so long may be taken over: three renewals, so that one
/// which is late or lost costs nothing.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// Slots of a job that are kept for those who look after it.
const KEPT: i64 = 100;

/// What became of the wish to do a slot.
#[derive(Debug)]
pub(super) enum Claimed {
    /// It is ours.
    Ours(Claim),
    /// It has been done.
    Done,
    /// Somebody is at it, or at an earlier one of the same job.
    Busy,
}

/// The right to do one slot.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    database: Database,
    name: &'static str,
    slot: i64,
    token: String,
}

/// A job at a time has one process: a claim that lives holds off those of later slots.
const INSERT: &str = "
    INSERT INTO jobs (name, slot, next_slot, claim, claimed_at, seen_at, done)
    SELECT $1, $2, $3, $4, $5, {now}, 0
    WHERE NOT EXISTS (SELECT 1 FROM jobs
                      WHERE name = $1 AND finished_at IS NULL
                            AND seen_at > {now} - $6 AND seen_at < {now} + $6)
    ON CONFLICT (name, slot) DO NOTHING";

/// A claim lives while its process is seen. One that was seen in a future which the database's
/// clock has stepped back from doesn't live.
const TAKE_OVER: &str = "
    UPDATE jobs SET claim = $3, claimed_at = $4, seen_at = {now}
    WHERE name = $1 AND slot = $2 AND finished_at IS NULL
          AND NOT (seen_at > {now} - $5 AND seen_at < {now} + $5)";

/// Claims a slot. Nothing is written where it was done before.
pub(super) async fn claim(
    database: &Database,
    name: &'static str,
    (slot, next_slot): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Claimed, DbErr> {
    let known = Entity::find_by_id((name.to_owned(), slot)).one(database.reader()).await?;
    if known.is_some_and(|row| row.finished_at.is_some()) {
        return Ok(Claimed::Done);
    }
    let token = uuid::Uuid::new_v4().simple().to_string();
    let claim = Claim { database: database.clone(), name, slot, token: token.clone() };
    let is_ours = database.write(move |transaction| {
        let token = token.clone();
        Box::pin(async move {
            if !insert(transaction, name, (slot, next_slot), &token, now).await? {
                return Ok(false);
            }
            let oldest = slot - KEPT.saturating_mul(next_slot - slot);
            let old = Column::Name.eq(name).and(Column::Slot.lt(oldest));
            Entity::delete_many().filter(old).exec(transaction).await?;
            Ok(true)
        })
    });
    Ok(if is_ours.await? { Claimed::Ours(claim) } else { Claimed::Busy })
}

/// Whether the slot is ours now.
async fn insert(
    transaction: &Transaction,
    name: &str,
    (slot, next_slot): (i64, i64),
    token: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let (now, lease) = (to_millis(now), LEASE.num_milliseconds());
    let backend = transaction.get_database_backend();
    let database_now = database_now(backend == DbBackend::Sqlite);
    let statement = |sql: &str, values: Vec<Value>| {
        Statement::from_sql_and_values(backend, sql.replace("{now}", database_now), values)
    };
    let values =
        vec![name.into(), slot.into(), next_slot.into(), token.into(), now.into(), lease.into()];
    if transaction.execute_raw(statement(INSERT, values)).await?.rows_affected() == 1 {
        return Ok(true);
    }
    let values = vec![name.into(), slot.into(), token.into(), now.into(), lease.into()];
    Ok(transaction.execute_raw(statement(TAKE_OVER, values)).await?.rows_affected() == 1)
}

impl Claim {
    /// Says that its process lives. What has been taken over meanwhile stays so.
    pub async fn renew(&self) -> Result<(), DbErr> {
        let now = database_now(self.database.is_sqlite());
        self.set(vec![(Column::SeenAt, Expr::cust(now))]).await
    }

    /// Writes down what came of it.
    pub async fn finish(
        &self,
        outcome: &Result<Done, JobError>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let done = outcome.as_ref().map_or(0, |done| done.0);
        let error = outcome.as_ref().err().map(ToString::to_string);
        self.set(vec![
            (Column::FinishedAt, Expr::val(to_millis(now))),
            (Column::Done, Expr::val(i64::try_from(done).unwrap_or(i64::MAX))),
            (Column::Error, Expr::val(error)),
        ])
        .await
    }

    /// Gives the slot back, to be done by somebody else.
    pub async fn give_back(&self) -> Result<(), DbErr> {
        let ours = Entity::delete_many().filter(self.is_ours());
        ours.exec(self.database.writer()).await.map(|_| ())
    }

    async fn set(&self, values: Vec<(Column, Expr)>) -> Result<(), DbErr> {
        let mut update = Entity::update_many().filter(self.is_ours());
        for (column, value) in values {
            update = update.col_expr(column, value);
        }
        update.exec(self.database.writer()).await.map(|_| ())
    }

    fn is_ours(&self) -> Expr {
        Column::Name
            .eq(self.name)
            .and(Column::Slot.eq(self.slot))
            .and(Column::Claim.eq(self.token.as_str()))
            .and(Column::FinishedAt.is_null())
    }
}

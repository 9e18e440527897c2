//! Lets one of many processes do each slot: the process that inserts the slot's row has the claim.
//!
//! A claim lives for a lease after its process was last seen, by the clock of the database: the
//! clocks of two processes may differ, and tests move them. Each process computes slots by its own
//! clock. On PostgreSQL a claim ends before its lease if its process is gone ([`Presence`]).

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, Statement, Value,
    sea_query::Expr,
};

use super::{Done, JobError, presence::Presence};
use crate::server::{
    clock::{database_now, to_millis},
    database::{Database, Transaction},
    entity::job::{Column, Entity},
};

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

/// The right to do one slot. Its row has the id, or the head of it and the number of the process.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    database: Database,
    presence: Presence,
    name: &'static str,
    slot: i64,
    id: String,
}

/// The slot of a job that a process asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The job.
    pub name: &'static str,
    /// The slot, and the one after it.
    pub slots: (i64, i64),
    /// The time by the clock of the process.
    pub now: DateTime<Utc>,
    /// How long a claim lives while its process is silent.
    pub lease: Duration,
}

/// Only one process at a time does a job: a claim that lives keeps out claims of later slots.
const INSERT: &str = "
    INSERT INTO jobs (name, slot, claimed_at, next_slot, claim, seen_at, done)
    SELECT $1, $2, $3, $7, {claim}, {now}, 0
    WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE name = $1 AND finished_at IS NULL AND {lives})
    ON CONFLICT (name, slot) DO NOTHING";

const TAKE_OVER: &str = "
    UPDATE jobs SET claim = {claim}, claimed_at = $3, seen_at = {now}
    WHERE name = $1 AND slot = $2 AND finished_at IS NULL AND NOT {lives}";

/// A claim lives for a lease after its process was seen. It doesn't live if that was more than a
/// lease in the future: then the database's clock has stepped back.
const LIVES: &str = "(seen_at > {now} - $4 AND seen_at < {now} + $4 AND {is_there})";

/// Claims a slot. Writes nothing if the slot is done already.
pub(super) async fn claim(
    database: &Database,
    presence: Presence,
    wish: Wish,
) -> Result<Claimed, DbErr> {
    let Wish { name, slots: (slot, next_slot), .. } = wish;
    let known = Entity::find_by_id((name.to_owned(), slot)).one(database.reader()).await?;
    if known.is_some_and(|row| row.finished_at.is_some()) {
        return Ok(Claimed::Done);
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    let claim = Claim { database: database.clone(), presence, name, slot, id };
    let wished = claim.clone();
    let is_ours = database.write(move |transaction| {
        let claim = wished.clone();
        Box::pin(async move {
            if !claim.write(transaction, wish).await? {
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

impl Claim {
    /// Writes the claim, and returns whether the slot is ours now.
    async fn write(&self, transaction: &Transaction, wish: Wish) -> Result<bool, DbErr> {
        let backend = transaction.get_database_backend();
        let lease = i64::try_from(wish.lease.as_millis()).unwrap_or(i64::MAX);
        let (id, numbered) = (self.id.as_str(), self.presence.numbered(&self.id));
        let mut values: Vec<Value> = vec![
            self.name.into(),
            self.slot.into(),
            to_millis(wish.now).into(),
            lease.into(),
            id.into(),
            numbered.into(),
        ];
        let take_over =
            Statement::from_sql_and_values(backend, self.fill_in(TAKE_OVER), values.clone());
        values.push(wish.slots.1.into());
        let insert = Statement::from_sql_and_values(backend, self.fill_in(INSERT), values);
        Ok(transaction.execute_raw(insert).await?.rows_affected() == 1
            || transaction.execute_raw(take_over).await?.rows_affected() == 1)
    }

    /// Records that the process lives. Changes nothing if another process has taken the slot over.
    pub async fn renew(&self) -> Result<(), DbErr> {
        let seen_at = Expr::cust(database_now(self.database.is_sqlite()));
        let mut values = vec![(Column::SeenAt, seen_at)];
        if !self.database.is_sqlite() {
            let both = [self.id.clone(), self.presence.numbered(&self.id)];
            let claim = Expr::cust_with_values(Presence::claim(false, "$1", "$2"), both);
            values.push((Column::Claim, claim));
        }
        self.set(values).await
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

    fn fill_in(&self, sql: &str) -> String {
        let is_sqlite = self.database.is_sqlite();
        sql.replace("{lives}", LIVES)
            .replace("{claim}", &Presence::claim(is_sqlite, "$5", "$6"))
            .replace("{is_there}", &Presence::is_there(is_sqlite))
            .replace("{now}", database_now(is_sqlite))
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
            .and(Column::Claim.starts_with(Presence::head(&self.id)))
            .and(Column::FinishedAt.is_null())
    }
}

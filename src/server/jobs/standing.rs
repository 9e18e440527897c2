//! How each job stands, for the operator and the metrics: read from the slots that are kept.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbErr, EntityTrait, QueryOrder};

use crate::server::{
    clock::from_millis,
    database::Database,
    entity::job::{Column, Entity, Model},
};

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which job.
    pub name: String,
    /// The latest slot that was claimed.
    pub slot: DateTime<Utc>,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// How long it took; none while it runs.
    pub took: Option<TimeDelta>,
    /// What it has done, in what the job counts.
    pub done: i64,
    /// What it failed with.
    pub error: Option<String>,
    /// How many of the slots that are kept have failed, and how many there are.
    pub failures: (usize, usize),
    /// For how long a slot has been due that nobody has done.
    pub lag: TimeDelta,
}

/// How every job stands that ever ran, by name.
///
/// # Errors
/// Where the database is away.
pub async fn standings(database: &Database, now: DateTime<Utc>) -> Result<Vec<Standing>, DbErr> {
    let rows = Entity::find().order_by_asc(Column::Name).order_by_asc(Column::Slot);
    let rows = rows.all(database.reader()).await?;
    let by_job = rows.chunk_by(|one, other| one.name == other.name);
    Ok(by_job.filter_map(|rows| standing(rows, now)).collect())
}

/// Of one job's slots, oldest first.
fn standing(rows: &[Model], now: DateTime<Utc>) -> Option<Standing> {
    let (oldest, latest) = (rows.first()?, rows.last()?);
    let finished_well = |row: &&Model| row.finished_at.is_some() && row.error.is_none();
    let well = rows.iter().rev().find(finished_well);
    let due = well.map_or(oldest.slot, |row| row.next_slot);
    Some(Standing {
        name: latest.name.clone(),
        slot: from_millis(latest.slot),
        claimed_at: from_millis(latest.claimed_at),
        took: latest.finished_at.map(|at| TimeDelta::milliseconds(at - latest.claimed_at)),
        done: latest.done,
        error: latest.error.clone(),
        failures: (rows.iter().filter(|row| row.error.is_some()).count(), rows.len()),
        lag: (now - from_millis(due)).max(TimeDelta::zero()),
    })
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, slot, took, done, error, failures: (failed, kept), lag, .. } = self;
        let slot = slot.format("%Y-%m-%d %H:%M:%S UTC");
        let took = took.map_or_else(
            || "still running".to_owned(),
            |took| format!("took {} ms", took.num_milliseconds()),
        );
        let lag = lag.num_seconds();
        write!(
            f,
            "{name:<12} {slot}  {took}, did {done}; {failed} of {kept} failed; {lag} s late"
        )?;
        error.as_ref().map_or(Ok(()), |error| write!(f, "\n{:<12} failed: {error}", ""))
    }
}

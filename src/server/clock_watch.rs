//! Compares this machine's clock with others at the start and every ten seconds.
//!
//! On PostgreSQL the other clock is the database's. SQLite has the same clock as this process:
//! there the time that the machine has run shows a step, and the latest sign of life in the table
//! of jobs shows a clock that was set back.
//!
//! A clock is trusted from the first comparison that finds it right until one finds it off by more
//! than [`TOLERANCE`]. While it isn't trusted, the process is not ready: it writes no expiry,
//! lapses no hold, runs no job, publishes no catalogue, and refuses commands.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    clock::{Clock, TOLERANCE, database_now, database_time, from_millis},
    database::Database,
    readiness::{Readiness, Trouble},
};

/// How often the clocks are compared.
const EVERY: Duration = Duration::from_secs(10);
/// How often while the clock is not trusted, so that the process is ready soon after it is right.
const EVERY_OFF: Duration = Duration::from_secs(1);
/// How long the comparison of a command may take: a later answer would not tell which clock is right.
const LONGEST: Duration = Duration::from_secs(10);

/// Watches the clock of one process.
#[derive(Debug)]
pub struct ClockWatch {
    database: Database,
    clock: Clock,
    readiness: Readiness,
    /// When the machine started, by its last believed clock; `None` if the machine doesn't tell.
    started: Option<DateTime<Utc>>,
}

/// The reason if an answer came too late to judge the clock by it.
const TOO_LATE: &str = "the database took too long to answer";

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    /// In one sentence for the operator.
    Off(String),
    /// The comparison has no result, for this reason.
    Unclear(&'static str),
}

impl ClockWatch {
    /// Compares for the first time, and trusts the clock only if it is right.
    pub async fn begin(database: Database, clock: Clock, readiness: Readiness) -> Self {
        let mut watch = Self::resume(database, clock, readiness).await;
        watch.compare().await;
        watch
    }

    /// Continues with a clock that was just compared.
    pub async fn resume(database: Database, clock: Clock, readiness: Readiness) -> Self {
        let started = machine_started(&clock).await;
        Self { database, clock, readiness, started }
    }

    /// Compares in a task until the token ends it. Nobody waits for the task: it writes nothing.
    pub fn start(mut self, ending: CancellationToken) {
        tokio::spawn(async move {
            let mut compared_at = Instant::now();
            let pause = || ending.run_until_cancelled(tokio::time::sleep(EVERY_OFF));
            while pause().await.is_some() {
                if compared_at.elapsed() >= EVERY || !self.clock.is_trusted() {
                    self.compare().await;
                    compared_at = Instant::now();
                }
            }
        });
    }

    /// Compares, and passes the result to the clock and to the readiness of this process.
    pub async fn compare(&mut self) {
        match self.verdict().await {
            Verdict::Right => {
                self.started = machine_started(&self.clock).await;
                self.clock.believe();
                self.readiness.clear(Trouble::Clock);
            }
            Verdict::Off(sentence) => {
                self.clock.distrust();
                self.readiness.report(Trouble::Clock, sentence);
            }
            Verdict::Unclear(why) => self.stand(why),
        }
    }

    async fn verdict(&self) -> Verdict {
        let compared = if self.database.is_sqlite() {
            self.compare_with_machine().await
        } else {
            self.compare_with_database().await
        };
        // Only the log has the database's error: everybody may read the readiness.
        compared.unwrap_or_else(|error| {
            if !self.readiness.has(Trouble::Clock) {
                tracing::warn!(%error, "the clocks could not be compared");
            }
            Verdict::Unclear("the database could not be asked")
        })
    }

    /// Lets the last verdict stand. Reports trouble if there was none, or the clock has stepped
    /// since.
    fn stand(&self, why: &str) {
        if self.readiness.has(Trouble::Clock) {
            return;
        }
        let step = self.clock.step();
        let sentence = if step.abs() > TOLERANCE {
            format!(
                "The clock of this machine has stepped by {} s, and can't be compared with the \
                 database's: {why}.",
                step.num_seconds()
            )
        } else if self.clock.was_believed() {
            return;
        } else {
            not_compared(why)
        };
        self.clock.distrust();
        self.readiness.report(Trouble::Clock, sentence);
    }

    async fn compare_with_database(&self) -> Result<Verdict, DbErr> {
        let difference = difference(&self.database, &self.clock).await?;
        let Difference { ahead: off, doubt } = difference;
        Ok(if difference.is_too_large() {
            Verdict::Off(format!(
                "The clock of this machine is {} s {} the database's: set the wrong one right. \
                 Until then nothing expires here and commands are refused.",
                off.num_seconds().abs(),
                if off > TimeDelta::zero() { "ahead of" } else { "behind" },
            ))
        } else if off.abs() + doubt <= TOLERANCE {
            Verdict::Right
        } else {
            Verdict::Unclear(TOO_LATE)
        })
    }

    async fn compare_with_machine(&self) -> Result<Verdict, DbErr> {
        let step = self.clock.step();
        // A clock that was never right may have been set right by its step.
        if self.clock.was_believed() && step.abs() > TOLERANCE && !self.has_slept().await {
            return Ok(Verdict::Off(format!(
                "The clock of this machine has stepped by {} s: set it right, or restart the \
                 process if it is right now. Until then nothing expires and commands are refused.",
                step.num_seconds()
            )));
        }
        let latest = latest_sign_of_life(&self.database).await?.unwrap_or_default();
        let behind = latest - self.clock.machine();
        if behind > TOLERANCE {
            return Ok(Verdict::Off(format!(
                "The clock of this machine is {} s behind the latest row of the database, of \
                 {latest}: set it right. If it is right and was ahead before, stop the server, \
                 run `recharge accept-clock`, and start it again.",
                behind.num_seconds()
            )));
        }
        Ok(Verdict::Right)
    }

    /// Returns whether a step is only a sleep of the machine: the time that a process measures
    /// stands still then, while the machine's clock goes on.
    async fn has_slept(&self) -> bool {
        let before_and_now = self.started.zip(machine_started(&self.clock).await);
        before_and_now.is_some_and(|(before, now)| (now - before).abs() <= TOLERANCE)
    }
}

/// Compares once for a command that writes by the clock, and trusts the clock if it is right.
///
/// # Errors
/// One sentence for the operator, if the clock is off or can't be compared.
pub async fn prove(database: &Database, clock: &Clock) -> Result<(), String> {
    let watch = ClockWatch::resume(database.clone(), clock.clone(), Readiness::default()).await;
    match timeout(LONGEST, watch.verdict()).await.unwrap_or(Verdict::Unclear(TOO_LATE)) {
        Verdict::Right => {
            clock.believe();
            Ok(())
        }
        Verdict::Off(sentence) => Err(sentence),
        Verdict::Unclear(why) => Err(not_compared(why)),
    }
}

/// Says that nobody knows yet whether the clock is right.
fn not_compared(why: &str) -> String {
    format!(
        "The clock of this machine has not been compared with the database yet: {why}. Until then \
         nothing expires here and commands are refused."
    )
}

/// Accepts the clock of a machine with SQLite: moves later signs of life in `jobs` to now.
///
/// # Errors
/// Database errors.
pub async fn accept(database: &Database) -> Result<(), DbErr> {
    let now = database_now(database.is_sqlite());
    let sql = format!("UPDATE jobs SET seen_at = {now} WHERE seen_at > {now}");
    database.writer().execute_unprepared(&sql).await.map(drop)
}

/// How far the machine's clock is ahead of the database's on PostgreSQL, as far as an answer tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    /// Negative if it is behind.
    pub ahead: TimeDelta,
    /// The difference may be larger or smaller by so much.
    pub doubt: TimeDelta,
}

impl Difference {
    /// Returns whether the clocks certainly differ by more than [`TOLERANCE`].
    pub fn is_too_large(self) -> bool {
        self.ahead.abs() - self.doubt > TOLERANCE
    }
}

/// Compares the machine's clock with PostgreSQL's.
pub(super) async fn difference(database: &Database, clock: &Clock) -> Result<Difference, DbErr> {
    let (asked, began) = (clock.machine(), Instant::now());
    let theirs = database_time(database).await?;
    let took = TimeDelta::from_std(began.elapsed()).unwrap_or(TimeDelta::MAX);
    // The database read its clock at some moment between the question and the answer.
    Ok(Difference { ahead: asked + took / 2 - theirs, doubt: took / 2 })
}

/// Returns when a process that runs jobs was last seen: on SQLite by the clock of the machine.
pub(super) async fn latest_sign_of_life(
    database: &Database,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let seen = number(database, "SELECT MAX(seen_at) AS at FROM jobs").await?;
    Ok(seen.map(from_millis))
}

async fn number(database: &Database, sql: &str) -> Result<Option<i64>, DbErr> {
    let backend = if database.is_sqlite() { DbBackend::Sqlite } else { DbBackend::Postgres };
    let row = database.reader().query_one_raw(Statement::from_string(backend, sql)).await?;
    row.map_or(Ok(None), |row| row.try_get_by("at"))
}

/// Returns when the machine started, by its clock. Returns `None` if the machine doesn't tell how
/// long it has run, its sleep included.
async fn machine_started(clock: &Clock) -> Option<DateTime<Utc>> {
    let text = tokio::fs::read_to_string("/proc/uptime").await.ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(clock.machine() - TimeDelta::from_std(Duration::try_from_secs_f64(seconds).ok()?).ok()?)
}

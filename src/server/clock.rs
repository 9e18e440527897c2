//! What time it is: the only source of `now`, so that tests can move it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, FixedOffset, Offset, TimeDelta, Utc};
use chrono_tz::Tz;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::database::Database;

/// A machine's clock is not believed if it is off by more than this.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// A step counts only if so many readings in a row show it: a thread may be stopped between the two
/// halves of a reading.
const READINGS: usize = 3;

/// Tells the time in milliseconds. Clones share it.
///
/// The machine's clock is believed as long as it goes on evenly. After a step of more than
/// [`TOLERANCE`] the time goes on as before the step, and the clock is not trusted until
/// [`Clock::believe`] is called: no credits are forfeited because somebody moved the hands.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    /// How far a rehearsal runs ahead of the machine.
    rehearsed: TimeDelta,
    /// How far [`Clock::advance`] has moved this clock, in milliseconds: for tests, and to verify a
    /// rehearsal.
    moved_ms: AtomicI64,
    /// How far tests let the machine's clock be off, in milliseconds.
    shift_ms: AtomicI64,
    began: Instant,
    /// The machine's clock at `began`, computed when it was last believed, in milliseconds.
    base_ms: AtomicI64,
    is_off: AtomicBool,
    /// True once the machine's clock was found right. Until then a step may set it right.
    was_believed: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self::ahead_by(TimeDelta::zero())
    }
}

impl Clock {
    /// Makes a clock that runs so far ahead of the machine's, for a rehearsal.
    #[must_use]
    pub fn ahead_by(rehearsed: TimeDelta) -> Self {
        Self(Arc::new(Parts {
            rehearsed,
            moved_ms: AtomicI64::new(0),
            shift_ms: AtomicI64::new(0),
            began: Instant::now(),
            base_ms: AtomicI64::new(Utc::now().timestamp_millis()),
            is_off: AtomicBool::new(false),
            was_believed: AtomicBool::new(false),
        }))
    }

    /// Returns the instant, cut to milliseconds: what the database keeps.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let (machine, expected) = self.readings();
        let is_even = (machine - expected).abs() <= TOLERANCE.num_milliseconds();
        let at = if is_even || self.step().abs() <= TOLERANCE {
            machine
        } else {
            self.distrust();
            expected
        };
        from_millis(at) + self.ahead()
    }

    /// Moves this clock and its copies forward, or back where negative.
    pub fn advance(&self, by: TimeDelta) {
        self.0.moved_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// Returns how far this clock is ahead of the machine's, by a rehearsal or a test.
    #[must_use]
    pub fn ahead(&self) -> TimeDelta {
        self.0.rehearsed + TimeDelta::milliseconds(self.0.moved_ms.load(Ordering::SeqCst))
    }

    /// Returns an instant of this clock in the time outside its rehearsal.
    #[must_use]
    pub fn outside(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at - self.0.rehearsed
    }

    /// Returns whether this clock is trusted, so that what time has done may be written.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        !self.0.is_off.load(Ordering::Relaxed)
    }

    /// Stops trusting this clock.
    pub fn distrust(&self) {
        self.0.is_off.store(true, Ordering::Relaxed);
    }

    /// Trusts the machine's clock as it is now, also after a step.
    pub fn believe(&self) {
        let elapsed = elapsed_ms(self.0.began);
        self.0.base_ms.store(to_millis(self.machine()) - elapsed, Ordering::SeqCst);
        self.0.is_off.store(false, Ordering::Relaxed);
        self.0.was_believed.store(true, Ordering::Relaxed);
    }

    /// Returns whether the machine's clock was found right before.
    #[must_use]
    pub fn was_believed(&self) -> bool {
        self.0.was_believed.load(Ordering::Relaxed)
    }

    /// Returns what the machine's clock shows, whether or not it is believed.
    #[must_use]
    pub fn machine(&self) -> DateTime<Utc> {
        from_millis(self.readings().0)
    }

    /// Returns how far the machine's clock has stepped since it was believed last.
    #[must_use]
    pub fn step(&self) -> TimeDelta {
        let steps = std::iter::repeat_with(|| self.readings()).take(READINGS);
        let steps = steps.map(|(machine, expected)| machine - expected);
        TimeDelta::milliseconds(steps.min_by_key(|step| step.abs()).unwrap_or(0))
    }

    /// Pretends that the machine's clock is off by so much, for tests.
    #[cfg(debug_assertions)]
    pub fn shift_machine(&self, by: TimeDelta) {
        self.0.shift_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// Returns what the machine's clock shows, and what it would show if it had gone on evenly.
    fn readings(&self) -> (i64, i64) {
        let machine = Utc::now().timestamp_millis() + self.0.shift_ms.load(Ordering::SeqCst);
        (machine, self.0.base_ms.load(Ordering::SeqCst) + elapsed_ms(self.0.began))
    }
}

fn elapsed_ms(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Returns the SQL of the database's own time in milliseconds. Claims of jobs go by it, so that the
/// clocks of two processes may differ.
#[must_use]
pub const fn database_now(is_sqlite: bool) -> &'static str {
    if is_sqlite {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    } else {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    }
}

/// Reads the database's own clock.
///
/// # Errors
/// If the database doesn't answer.
pub async fn database_time(database: &Database) -> Result<DateTime<Utc>, DbErr> {
    let sql = format!("SELECT {} AS at", database_now(database.is_sqlite()));
    let reader = database.reader();
    let asked = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(asked).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    Ok(from_millis(row.try_get_by("at")?))
}

/// An instant as the database keeps it.
#[must_use]
pub const fn to_millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// An instant that the database kept.
#[must_use]
pub fn from_millis(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// An instant with the offset that a zone has then.
#[must_use]
pub fn in_zone(at: DateTime<Utc>, zone: Tz) -> DateTime<FixedOffset> {
    let local = at.with_timezone(&zone);
    at.with_timezone(&local.offset().fix())
}

/// Every zone by its name, and what its clocks are ahead of UTC at an instant: `UTC+01:00`.
#[must_use]
pub fn zones_at(at: DateTime<Utc>) -> Vec<(String, String)> {
    let line =
        |zone: &Tz| (zone.name().to_owned(), in_zone(at, *zone).format("UTC%:z").to_string());
    chrono_tz::TZ_VARIANTS.iter().map(line).collect()
}

/// The same where the zone is known by its name; in UTC where nobody knows the name.
#[must_use]
pub fn in_named_zone(at: DateTime<Utc>, zone: &str) -> DateTime<FixedOffset> {
    in_zone(at, zone.parse().unwrap_or(Tz::UTC))
}

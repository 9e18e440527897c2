//! What time it is: the only source of `now`, so that tests can move it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, FixedOffset, Offset, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

/// Tells the time in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The instant, cut to milliseconds: what the database keeps.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst));
        (Utc::now() + ahead).trunc_subsecs(3)
    }

    /// Moves this clock and its copies forward, or back where negative.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
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

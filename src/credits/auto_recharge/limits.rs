//! When the next charge may be made: at most one per cooldown, so many in any 24 hours, so much
//! money in a calendar month of UTC, and never two at once.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::RechargePlan;

/// A charge that was claimed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRecharge {
    /// When.
    pub at: DateTime<Utc>,
    /// Minor units that it was for.
    pub total: i64,
    /// Whether its outcome is unknown yet.
    pub is_under_way: bool,
    /// Whether nothing was charged in the end.
    pub has_failed: bool,
}

/// Why the next charge has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestReason {
    /// One is under way.
    UnderWay,
    /// The last one was not long enough ago.
    Cooldown,
    /// There were as many in 24 hours as there may be.
    PerDay,
    /// Another one would pass the monthly cap.
    MonthlyCap,
}

/// A charge that can't be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Why.
    pub reason: RestReason,
    /// From when it can; none where that depends on Stripe.
    pub until: Option<DateTime<Utc>>,
}

impl RechargePlan {
    /// Whether another charge of this total may be made now.
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn allows(
        &self,
        total: i64,
        past: &[PastRecharge],
        now: DateTime<Utc>,
    ) -> Result<(), Rest> {
        let rest = |reason, until| Err(Rest { reason, until: Some(until) });
        if past.iter().any(|recharge| recharge.is_under_way) {
            return Err(Rest { reason: RestReason::UnderWay, until: None });
        }
        let mut instants: Vec<_> = past.iter().map(|recharge| recharge.at).collect();
        instants.sort_unstable_by(|one, other| other.cmp(one));
        let cooldown = TimeDelta::hours(self.cooldown_hours.into());
        if let Some(free) = instants.first().map(|at| *at + cooldown).filter(|free| now < *free) {
            return rest(RestReason::Cooldown, free);
        }
        let oldest = (self.per_day as usize).checked_sub(1).and_then(|index| instants.get(index));
        if let Some(free) = oldest.map(|at| *at + Days::new(1)).filter(|free| now < *free) {
            return rest(RestReason::PerDay, free);
        }
        let (first, next) = month_of(now);
        if Self::charged_since(first, past).saturating_add(total) > self.monthly_cap.minor {
            return rest(RestReason::MonthlyCap, start(next));
        }
        Ok(())
    }

    /// Minor units charged since the start of a day of UTC; what is under way counts, what failed
    /// does not.
    #[must_use]
    pub fn charged_since(day: NaiveDate, past: &[PastRecharge]) -> i64 {
        let counted = past.iter().filter(|it| !it.has_failed && it.at >= start(day));
        counted.map(|recharge| recharge.total).fold(0, i64::saturating_add)
    }
}

/// The first day of an instant's month in UTC, and that of the month after it.
#[must_use]
pub fn month_of(at: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let day = at.date_naive();
    let first = day.with_day(1).unwrap_or(day);
    (first, first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX))
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;

//! How long a message is tried: 3 days, with growing pauses, as Standard Webhooks advises.

use std::time::Duration;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The pauses after the first attempt, the second, …; together 75 hours and a half.
const PAUSES_MS: [u64; 9] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];
/// Up to this part of a pause is added by chance, so that what failed together is not tried
/// together.
const JITTER_PERCENT: u64 = 10;

/// The pause after so many attempts, with this much chance, 0 to 1; none where it is enough.
#[must_use]
pub fn pause_after(attempts: u32, chance: f64) -> Option<Duration> {
    let before = usize::try_from(attempts.saturating_sub(1)).ok()?;
    let pause = *PAUSES_MS.get(before)?;
    let jitter = Duration::from_millis(pause * JITTER_PERCENT / 100);
    Some(Duration::from_millis(pause) + jitter.mul_f64(chance.clamp(0.0, 1.0)))
}

/// The same where the endpoint asks for a pause: as long as it asks, but no longer than our longest
/// one, and no shorter than our own.
#[must_use]
pub fn pause_asked_for(own: Duration, asked: Duration) -> Duration {
    let longest = PAUSES_MS.last().copied().map_or(own, Duration::from_millis);
    asked.min(longest).max(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_three_days_and_a_little() {
        for (chance, hours) in [(0.0, 75), (1.0, 83)] {
            let pauses = (1..).map_while(|attempts| pause_after(attempts, chance));
            let all: Vec<_> = pauses.collect();
            assert_eq!(all.len(), 9);
            assert!(all.is_sorted());
            let sum: Duration = all.iter().sum();
            assert_eq!(sum.as_secs() / 3600, hours);
        }
    }

    #[test]
    fn what_is_asked_for_makes_a_pause_longer_but_no_longer_than_a_day() {
        let (own, day) = (Duration::from_mins(5), Duration::from_hours(24));
        for (asked, pause) in [
            (Duration::ZERO, own),
            (Duration::from_mins(4), own),
            (Duration::from_mins(6), Duration::from_mins(6)),
            (day + Duration::from_secs(1), day),
            (Duration::MAX, day),
        ] {
            assert_eq!(pause_asked_for(own, asked), pause, "{asked:?}");
        }
        let own = day + Duration::from_hours(2);
        assert_eq!(pause_asked_for(own, Duration::MAX), own, "chance has made it longer");
    }

    #[test]
    fn the_first_retry_is_quick_and_chance_spreads_them() {
        assert_eq!(pause_after(1, 0.0), Some(Duration::from_secs(5)));
        assert_eq!(pause_after(1, 1.0), Some(Duration::from_millis(5_500)));
        assert_eq!(pause_after(10, 0.5), None);
    }
}

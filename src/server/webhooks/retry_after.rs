//! When an endpoint that is too busy wants to be asked again: its `Retry-After`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::header::{HeaderMap, RETRY_AFTER};

/// Answers that say it: too many requests, and not available now.
const BUSY: [u16; 2] = [429, 503];

/// From when on an endpoint wants to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long after its answer.
    Pause(Duration),
    /// At this instant.
    At(DateTime<Utc>),
}

impl RetryAfter {
    /// What an answer says of it; none where it says nothing that can be read.
    #[must_use]
    pub fn of(status: u16, headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(RETRY_AFTER).filter(|_| BUSY.contains(&status))?;
        let text = text.to_str().ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // What does not fit is longer than anybody waits.
            let seconds = text.parse().unwrap_or(u64::MAX);
            return Some(Self::Pause(Duration::from_secs(seconds)));
        }
        let at = DateTime::parse_from_rfc2822(text).ok()?;
        Some(Self::At(at.to_utc()))
    }

    /// How long that is from now on; nothing where it is over.
    #[must_use]
    pub fn wait(self, now: DateTime<Utc>) -> Duration {
        match self {
            Self::Pause(pause) => pause,
            Self::At(at) => (at - now).to_std().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn said(status: u16, text: &str) -> Option<RetryAfter> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        RetryAfter::of(status, &headers)
    }

    #[test]
    fn it_is_read_as_seconds_or_as_the_date_of_http() {
        for status in BUSY {
            let pause = RetryAfter::Pause(Duration::from_secs(120));
            assert_eq!(said(status, " 120 "), Some(pause));
        }
        let at = "2026-11-22T10:20:30Z".parse().unwrap();
        let date = said(503, "Sun, 22 Nov 2026 10:20:30 GMT").unwrap();
        assert_eq!(date, RetryAfter::At(at));
        assert_eq!(date.wait(at - chrono::TimeDelta::hours(1)), Duration::from_secs(3_600));
        assert_eq!(date.wait(at + chrono::TimeDelta::hours(1)), Duration::ZERO);
    }

    #[test]
    fn what_can_not_be_read_or_comes_with_another_answer_counts_for_nothing() {
        for text in ["", "soon", "-5", "1.5", "tomorrow at ten", "Sun, 99 Nov 2026 10:20:30 GMT"] {
            assert_eq!(said(503, text), None, "{text}");
        }
        assert_eq!(said(500, "120"), None);
        assert_eq!(RetryAfter::of(503, &HeaderMap::new()), None);
    }

    #[test]
    fn more_seconds_than_can_be_counted_are_a_very_long_time() {
        let far = said(429, "99999999999999999999999").unwrap();
        assert!(far.wait(DateTime::UNIX_EPOCH) > Duration::from_hours(1_000_000));
    }
}

//! What an operator watches of mail.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What an operator watches, since the start of this process.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) is_away: AtomicBool,
}

impl Counters {
    /// Messages that were taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Attempts that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Messages that were refused for good, or could not be sent for days.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Whether the mail server can't be used just now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }
}

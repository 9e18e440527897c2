//! File descriptors: each connection is one, and a process that has none left can do nothing.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::{LOBBY, RESERVE};

/// The highest limit that a server sets: a table of more descriptors would only cost memory.
const ENOUGH: u64 = 65_536;
/// Kept for the rest of the program: 25 connections to PostgreSQL, or 13 to SQLite with three files
/// each, and mail, webhooks, Stripe, logs and files for browsers.
const KEPT: u64 = 160;
/// More connections would need more memory than a small machine has: [`super::memory`] adds it up.
const MOST_SEATS: u64 = 4_000;
const FEWEST_SEATS: u64 = 16;

/// The limits of descriptors, and what they are enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The limit now; `None` means that there is none.
    pub soft: Option<u64>,
    /// How far a server may raise it; `None` means that there is none.
    pub hard: Option<u64>,
}

impl Descriptors {
    /// Reads the limits of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        Self { soft: limit.current, hard: limit.maximum }
    }

    /// Returns how many connections of clients a server could have at once.
    #[must_use]
    pub fn seats(self) -> usize {
        seats(self.raised())
    }

    /// Returns how many descriptors a server needs for all connections that it would accept.
    #[must_use]
    pub fn needed() -> u64 {
        MOST_SEATS + kept()
    }

    /// Returns whether a server would have as many descriptors as it needs.
    #[must_use]
    pub fn are_enough(self) -> bool {
        self.raised() >= Self::needed()
    }

    /// Returns whether a server would have too few descriptors even for itself.
    #[must_use]
    pub fn are_too_few(self) -> bool {
        self.raised() < FEWEST_SEATS + kept()
    }

    /// Returns the limit after a server has raised it.
    fn raised(self) -> u64 {
        let raised = self.hard.unwrap_or(ENOUGH).min(ENOUGH);
        self.soft.unwrap_or(ENOUGH).max(raised)
    }
}

/// Raises the limit of descriptors as far as the system allows, and returns it.
pub fn raise_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(ENOUGH);
    let wanted = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if current >= wanted {
        return current;
    }
    limit.current = Some(wanted);
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors stays at {current}");
            current
        }
    }
}

/// Returns how many connections may be open at once with this many descriptors.
pub fn seats(descriptors: u64) -> usize {
    let rest = descriptors.saturating_sub(kept());
    usize::try_from(rest.clamp(FEWEST_SEATS, MOST_SEATS)).unwrap_or(RESERVE)
}

/// Returns how many descriptors the seats of the main room leave free.
fn kept() -> u64 {
    KEPT + u64::try_from(RESERVE + LOBBY).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fewer_seats_than_descriptors() {
        assert_eq!(seats(1_024), 800);
        assert_eq!(seats(65_536), 4_000);
        assert_eq!(seats(64), 16);
    }

    #[test]
    fn a_server_raises_the_limit_as_far_as_it_may() {
        let limits = |soft, hard| Descriptors { soft: Some(soft), hard: Some(hard) };
        assert_eq!(limits(1_024, 1_024).seats(), 800);
        assert!(!limits(1_024, 1_024).are_enough() && !limits(1_024, 1_024).are_too_few());
        assert!(limits(1_024, 1_048_576).are_enough());
        assert!(limits(1_024, 4_224).are_enough() && !limits(1_024, 4_223).are_enough());
        assert!(limits(100, 239).are_too_few() && !limits(100, 240).are_too_few());
        assert!(Descriptors { soft: None, hard: None }.are_enough());
    }
}

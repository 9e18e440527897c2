//! File descriptors: each connection is one, and a process that has none left can do nothing.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::{LOBBY, RESERVE};

/// More are not needed: a table of descriptors costs memory.
const ENOUGH: u64 = 65_536;
/// Kept for the rest of the program: 22 connections to the database with three files each on
/// SQLite, mail, webhooks, Stripe, logs and files for browsers.
const KEPT: u64 = 160;
/// More connections would need more memory than a small machine has.
const MOST_SEATS: u64 = 10_000;
const FEWEST_SEATS: u64 = 16;

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
    let others = u64::try_from(RESERVE + LOBBY).unwrap_or(0);
    let rest = descriptors.saturating_sub(KEPT + others);
    usize::try_from(rest.clamp(FEWEST_SEATS, MOST_SEATS)).unwrap_or(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fewer_seats_than_descriptors() {
        assert_eq!(seats(1_024), 800);
        assert_eq!(seats(65_536), 10_000);
        assert_eq!(seats(64), 16);
    }
}

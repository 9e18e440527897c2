//! How long a request may wait until its answer begins: every route has a deadline.
//!
//! A stream of events and a file of the history must begin in this time, too. They limit their own
//! length, and the connection limits how slow the client may be.

use std::time::Duration;

/// The deadlines of the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For `/api/v1`: shorter than the patience of common clients. The answer advises to ask again,
    /// which keys make safe. A body has less time, so that a late one gets an error of its own.
    pub programs: Duration,
    /// For Stripe's webhooks: shorter than Stripe's patience. A late answer counts as a failure
    /// just the same: Stripe sends the event again. Work that has begun goes on.
    pub stripe: Duration,
    /// For pages, forms, files, probes and figures.
    pub people: Duration,
    /// How long `/metrics` waits for the database. Collectors wait for 10 seconds.
    pub figures: Duration,
}

impl Deadlines {
    /// The deadlines of a server.
    pub const SERVING: Self = Self {
        programs: Duration::from_secs(10),
        stripe: Duration::from_secs(9),
        people: Duration::from_secs(15),
        figures: Duration::from_secs(3),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_before_whoever_asks_gives_up() {
        let Deadlines { programs, stripe, people, figures } = Deadlines::SERVING;
        // Common clients, Stripe, the proxy of docs/operate/serve.md, and collectors of figures.
        assert!(programs < Duration::from_secs(15) && stripe < Duration::from_secs(10));
        assert!(people < Duration::from_secs(20) && figures < Duration::from_secs(10));
    }
}

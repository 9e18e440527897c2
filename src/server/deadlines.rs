//! How long a request may wait until its answer begins: every route has an end.
//!
//! A stream of events and a file of the history begin in this time too. How long they last is
//! their own matter, and the client's pace is that of its connection.

use std::time::Duration;

/// The deadlines of the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For `/api/v1`: before common clients give up, with the advice to ask again, which keys make
    /// safe. A body has less, so that a late one is told as such.
    pub programs: Duration,
    /// For Stripe's webhooks: before Stripe gives up, which counts as a failure just the same. What
    /// has begun goes on, and Stripe sends the event again.
    pub stripe: Duration,
    /// For pages, forms, files, probes and figures.
    pub people: Duration,
    /// How long `/metrics` waits for the database. Collectors wait for 10 seconds.
    pub figures: Duration,
}

impl Deadlines {
    /// Those of a server.
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

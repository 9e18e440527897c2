//! Compares the limits of descriptors with the connections that a server accepts.

use super::Finding;
use crate::server::connections::Descriptors;

const SUBJECT: &str = "descriptors";
const REMEDY: &str = "Raise the hard limit to 65536: LimitNOFILE in the unit of systemd, ulimit -n in \
                      a shell, --ulimit nofile for a container.";

/// Compares the limits of this process with what a server needs.
pub(super) fn examine() -> Finding {
    judge(Descriptors::of_this_process())
}

fn judge(limits: Descriptors) -> Finding {
    let shown = |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), |it| it.to_string());
    let limit = format!(
        "Here the soft limit is {}, the hard one {}",
        shown(limits.soft),
        shown(limits.hard)
    );
    let (seats, needed) = (limits.seats(), Descriptors::needed());
    if limits.are_too_few() {
        let found = format!("{limit}: too few for the server's own files.");
        Finding::bad(SUBJECT, found, REMEDY)
    } else if limits.are_enough() {
        let found = format!("{limit}: enough for {seats} connections of clients.");
        Finding::good(SUBJECT, found)
    } else {
        let found =
            format!("{limit}: enough for {seats} connections of clients; all take {needed}.");
        Finding::doubtful(SUBJECT, found, REMEDY)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn the_limits_are_judged_by_the_connections_that_they_are_enough_for() {
        for (soft, hard, verdict, words) in [
            (1_024, 65_536, Verdict::Good, "enough for 4000 connections"),
            (
                1_024,
                1_024,
                Verdict::Doubtful,
                "enough for 800 connections of clients; all take 4224",
            ),
            (100, 200, Verdict::Bad, "too few"),
        ] {
            let found = judge(Descriptors { soft: Some(soft), hard: Some(hard) });
            assert_eq!(found.verdict, verdict);
            assert!(found.found.contains(words), "{}", found.found);
        }
        let unlimited = judge(Descriptors { soft: None, hard: None }).found;
        assert!(unlimited.starts_with("Here the soft limit is none, the hard one none"));
    }
}

//! Compares the machine's clock with the database, and looks for the mark of a rehearsal.

use chrono::TimeDelta;
use sea_orm::DbErr;

use super::{Finding, unreadable};
use crate::server::{
    clock::{Clock, TOLERANCE},
    clock_watch::{Difference, difference, latest_sign_of_life},
    config::Config,
    database::{Database, lacks_table},
    rehearsal, serve,
};

const SUBJECT: &str = "clock";
/// Comparisons, of which the one with the least doubt counts.
const COMPARISONS: usize = 3;

/// Compares the clocks, and looks for the mark of a rehearsal.
pub(super) async fn examine(config: &Config, database: &Database) -> Vec<Finding> {
    let clock = serve::clock(config);
    let compared = if database.is_sqlite() {
        compare_with_rows(database, &clock).await
    } else {
        compare_with_database(database, &clock).await
    };
    let compared = compared.unwrap_or_else(|error| unreadable(SUBJECT, &error));
    let rehearsed = match rehearsal::marked(database).await {
        Ok(marked) => of_rehearsal(config.clock_ahead.num_days(), marked.num_days()),
        Err(error) if lacks_table(&error) => None,
        Err(error) => Some(unreadable("rehearsal", &error)),
    };
    [Some(compared), rehearsed].into_iter().flatten().collect()
}

async fn compare_with_database(database: &Database, clock: &Clock) -> Result<Finding, DbErr> {
    let mut best = difference(database, clock).await?;
    for _ in 1..COMPARISONS {
        let next = difference(database, clock).await?;
        best = if next.doubt < best.doubt { next } else { best };
    }
    let Difference { ahead, doubt } = best;
    let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
    let found = format!(
        "The clock of this machine is {} s {side} the database's (give or take {} s).",
        seconds(ahead.abs()),
        seconds(doubt),
    );
    Ok(if best.is_too_large() {
        let remedy = "Set the wrong clock right: a server refuses commands beyond 5 s.";
        Finding::bad(SUBJECT, found, remedy)
    } else if ahead.abs() + doubt > TOLERANCE {
        Finding::doubtful(SUBJECT, found, "The database answers too slowly to tell: try again.")
    } else {
        Finding::good(SUBJECT, found)
    })
}

/// SQLite uses the clock of this machine, so only a row from later than now shows that it is wrong.
async fn compare_with_rows(database: &Database, clock: &Clock) -> Result<Finding, DbErr> {
    let latest = match latest_sign_of_life(database).await {
        Err(error) if !lacks_table(&error) => return Err(error),
        latest => latest.ok().flatten(),
    };
    let Some(latest) = latest else {
        return Ok(Finding::good(SUBJECT, "No server has run on this database yet."));
    };
    let behind = latest - clock.machine();
    Ok(if behind > TOLERANCE {
        let found = format!(
            "The clock of this machine is {} s behind the latest row of the database, of {latest}.",
            seconds(behind)
        );
        let remedy = "Set it right. If it is right and was ahead before, stop the server, run \
                      `recharge accept-clock`, and start it again.";
        Finding::bad(SUBJECT, found, remedy)
    } else {
        let found = format!("No row is from later than now; a server was seen last at {latest}.");
        Finding::good(SUBJECT, found)
    })
}

/// Reports a rehearsal. Returns `None` if neither the settings nor the database have one.
fn of_rehearsal(ahead_days: i64, marked_days: i64) -> Option<Finding> {
    const SUBJECT: &str = "rehearsal";
    let ran = format!("This database belongs to a rehearsal that ran {marked_days} days ahead.");
    match (ahead_days, marked_days) {
        (0, 0) => None,
        (0, _) => Some(Finding::bad(
            SUBJECT,
            format!("{ran} A server does not start on it."),
            format!(
                "Set CLOCK_AHEAD_DAYS={marked_days} to go on with it, or name another database."
            ),
        )),
        (_, 0) => Some(Finding::doubtful(
            SUBJECT,
            format!("CLOCK_AHEAD_DAYS is {ahead_days}, and the database is not marked yet."),
            "Never rehearse on a database that customers use: its rows would be from the future.",
        )),
        _ => Some(Finding::doubtful(SUBJECT, ran, "Let no customer use it.")),
    }
}

fn seconds(time: TimeDelta) -> String {
    let millis = time.num_milliseconds();
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn a_rehearsal_is_said_and_its_database_is_no_other_servers() {
        let verdict = |ahead, marked| of_rehearsal(ahead, marked).map(|it| it.verdict);
        assert_eq!(verdict(0, 0), None);
        assert_eq!(verdict(0, 30), Some(Verdict::Bad));
        assert_eq!(verdict(30, 0), Some(Verdict::Doubtful));
        assert_eq!(verdict(30, 30), Some(Verdict::Doubtful));
    }

    #[test]
    fn a_time_is_written_in_seconds() {
        assert_eq!(seconds(TimeDelta::milliseconds(3_600_007)), "3600.007");
    }
}

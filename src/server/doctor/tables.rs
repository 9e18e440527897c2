//! Compares the tables with those of this release.

use super::{Finding, unreadable};
use crate::server::{
    database::{Changes, Database},
    schema::{SchemaError, carries_this_release},
};

const SUBJECT: &str = "schema";

/// Compares the tables with those of this release.
pub(super) async fn examine(database: &Database, changes: &Changes) -> Finding {
    if changes.is_empty {
        let remedy = "If this installation is new, `recharge migrate` makes them; otherwise \
                      DATABASE_URL names the wrong database.";
        return Finding::bad(SUBJECT, "The database has no tables.", remedy);
    }
    let carries = carries_this_release(database).await;
    if let Err(error @ SchemaError::TooNew { .. }) = carries {
        let found = capitalised(&error.to_string());
        return Finding::bad(SUBJECT, found, "No older release works on these tables.");
    }
    if let Some(next) = changes.pending.first() {
        let found = match changes.pending.len() {
            1 => format!("1 change of the tables is pending: {next}."),
            count => format!("{count} changes of the tables are pending, next {next}."),
        };
        let remedy =
            "`recharge migrate` makes what is pending, and so does the next start of this release.";
        return Finding::doubtful(SUBJECT, found, remedy);
    }
    match carries {
        Err(SchemaError::Database(error)) => unreadable(SUBJECT, &error),
        _ if changes.newer.is_empty() => Finding::good(SUBJECT, "The tables are up to date."),
        _ => {
            let found = match changes.newer.len() {
                1 => "A newer release has made 1 change.".to_owned(),
                count => format!("A newer release has made {count} changes."),
            };
            let remedy =
                "This release works beside it: end the upgrade or the rollback when it suits you.";
            Finding::doubtful(SUBJECT, found, remedy)
        }
    }
}

/// Turns a reason into a sentence.
fn capitalised(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}

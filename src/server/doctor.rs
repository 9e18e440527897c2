//! Examines what a server depends on, changes nothing, and says what to do about what isn't good.
//!
//! Each module examines one thing and returns a [`Finding`]: the database, the disks, the clock,
//! the tables, what must survive, and the descriptors. Whatever the database doesn't say because
//! it can't be reached stays open.

mod clock;
mod database;
mod descriptors;
mod disk;
mod durability;
mod finding;
mod tables;

use sea_orm::DbErr;

use super::{config::Config, database::Inspected};

pub use finding::{Finding, Verdict};

/// The subjects that need an answer of the database, in the order of their lines.
const ASKED: [&str; 3] = ["clock", "schema", "durability"];

/// Examines everything that the settings name.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let (itself, asked) = match database::open(config).await {
        Ok(inspected) => ask(config, inspected).await,
        Err(finding) => (finding, ASKED.map(left_open).into()),
    };
    let mut findings = vec![itself];
    findings.extend(disk::examine(config));
    findings.extend(asked);
    findings.push(descriptors::examine());
    findings
}

/// Returns what is known of the database itself, and what it says of other things.
async fn ask(config: &Config, inspected: Inspected) -> (Finding, Vec<Finding>) {
    let database = &inspected.database;
    let findings = match database.changes().await {
        Ok(changes) => {
            let mut asked = clock::examine(config, database).await;
            asked.push(tables::examine(database, &changes).await);
            asked.push(durability::examine(config, database).await);
            (database::examine(database, &changes).await, asked)
        }
        Err(error) => (unreadable("database", &error), ASKED.map(left_open).into()),
    };
    if let Err(error) = inspected.close().await {
        tracing::warn!(%error, "the database could not be closed");
    }
    findings
}

/// Says that something can't be known without the database.
fn left_open(subject: &'static str) -> Finding {
    Finding::doubtful(
        subject,
        "Not examined: the database can't be read.",
        "Mend what is said of the database first.",
    )
}

/// Says that the database was reached and doesn't answer a question.
fn unreadable(subject: &'static str, error: &DbErr) -> Finding {
    let found = format!("The database does not answer: {error}.");
    Finding::bad(subject, found, "Look at these words, and at the database's own log.")
}

//! Examines what a server depends on, changes nothing, and says how to repair what isn't good.
//!
//! Each module examines one thing and returns a [`Finding`]: the database, the disks, the clock,
//! the tables, what must survive, and the descriptors. If the database can't be reached, the
//! subjects that need its answers stay open.

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

/// The subjects that need an answer from the database, in the order of their lines.
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

/// Returns the finding about the database, and those about the subjects that need its answers.
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
        "Solve the problem with the database first.",
    )
}

/// Says that the database was reached, but doesn't answer a question.
fn unreadable(subject: &'static str, error: &DbErr) -> Finding {
    let found = format!("The database does not answer: {error}.");
    Finding::bad(subject, found, "Look at this error, and at the database's own log.")
}

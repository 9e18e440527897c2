//! Reports settings that may lose what a server acknowledges when the database's machine stops.

use sea_orm::DbErr;

use super::{Finding, unreadable};
use crate::server::{
    config::Config,
    database::{Database, risk_of_place},
};

const SUBJECT: &str = "durability";

/// Reports the settings, and those that may lose something.
pub(super) async fn examine(config: &Config, database: &Database) -> Finding {
    let asked = async { Ok::<_, DbErr>((database.durability().await?, risks(database).await?)) };
    let (settings, risks) = match asked.await {
        Ok(known) => known,
        Err(error) => return unreadable(SUBJECT, &error),
    };
    if !risks.is_empty() {
        let remedy = format!("{}.", risks.join(". "));
        return if config.is_production() {
            let found = format!("{settings}; with LEPTOS_ENV=PROD a server does not start.");
            Finding::bad(SUBJECT, found, remedy)
        } else {
            let found = format!("{settings}; in PROD a server does not start like this.");
            Finding::doubtful(SUBJECT, found, remedy)
        };
    }
    if is_to_be_switched(database, &settings) {
        let found = format!("{settings}; a server switches the journal to WAL when it starts.");
        return Finding::good(SUBJECT, found);
    }
    Finding::good(SUBJECT, format!("{settings}."))
}

/// Returns the risks that remain after a server has opened the database.
async fn risks(database: &Database) -> Result<Vec<String>, DbErr> {
    match database.sqlite_file() {
        // A server sets the rest itself.
        Some(file) => Ok(risk_of_place(&file).into_iter().collect()),
        None => database.risks().await,
    }
}

fn is_to_be_switched(database: &Database, settings: &str) -> bool {
    database.sqlite_file().is_some() && !settings.contains("journal_mode = wal")
}

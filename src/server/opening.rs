//! Opens the database that the settings name, and makes sure that it is fit for use.

use super::{
    config::Config,
    database::{Database, Inspected, Limits, MigrateError, unwritable},
    schema,
    secret::Secret,
    start_error::StartError,
};

/// Opens the database that the settings name, without touching its tables, for a command that may
/// read or write much of it.
///
/// # Errors
/// If it can't be reached.
pub async fn connect(config: &Config) -> Result<Database, StartError> {
    connect_within(config, Limits::PATIENT).await
}

/// Opens the database with these limits.
pub(super) async fn connect_within(
    config: &Config,
    limits: Limits,
) -> Result<Database, StartError> {
    let url = config.database_url.reveal();
    let direct = config.database_direct_url.as_ref().map(Secret::reveal);
    Database::connect_with(url, direct, limits).await.map_err(|source| {
        let other = || StartError::Database { place: place_of(url), source };
        not_writable(url).unwrap_or_else(other)
    })
}

/// Opens the database that the settings name and leaves it as it is, with the limits of a server.
pub(super) async fn inspect(config: &Config) -> Result<Inspected, StartError> {
    let url = config.database_url.reveal();
    let direct = config.database_direct_url.as_ref().map(Secret::reveal);
    Inspected::open(url, direct, Limits::SERVING)
        .await
        .map_err(|source| StartError::Database { place: place_of(url), source })
}

/// Refuses in production a database that may lose what it acknowledges; elsewhere warns of it.
pub(super) async fn refuse_risks(config: &Config, database: &Database) -> Result<(), StartError> {
    let place = || place_of(config.database_url.reveal());
    let risks = database.risks().await;
    let risks = risks.map_err(|source| StartError::Database { place: place(), source })?;
    match risks.into_iter().next() {
        Some(risk) if config.is_production() => Err(StartError::Risk(risk)),
        Some(risk) => {
            tracing::warn!("{risk}.");
            Ok(())
        }
        None => Ok(()),
    }
}

/// Brings the tables up to date, and checks that they still carry this release.
///
/// # Errors
/// If a statement fails, or the tables need a newer release.
pub async fn migrate(config: &Config, database: &Database) -> Result<(), StartError> {
    if let Some(refusal) = not_writable(config.database_url.reveal()) {
        return Err(refusal);
    }
    are_up_to_date(config, database, database.migrate().await).await
}

/// Brings the tables of a copy up to date, and checks that they still carry this release.
///
/// # Errors
/// If a statement fails, or the tables need a newer release.
pub(super) async fn migrate_copy(config: &Config, database: &Database) -> Result<(), StartError> {
    are_up_to_date(config, database, database.migrate_copy().await).await
}

async fn are_up_to_date(
    config: &Config,
    database: &Database,
    migrated: Result<(), MigrateError>,
) -> Result<(), StartError> {
    let place = || place_of(config.database_url.reveal());
    migrated.map_err(|source| StartError::Migration { place: place(), source })?;
    let carries = schema::carries_this_release(database).await;
    carries.map_err(|source| StartError::Schema { place: place(), source })
}

/// Returns the error of a SQLite file that this user can't write to. Returns `None` if it can be
/// written to, or the database is PostgreSQL.
fn not_writable(database_url: &str) -> Option<StartError> {
    let (path, source) = unwritable(&Database::file_of(database_url)?)?;
    Some(StartError::Unwritable { path, source })
}

/// Checks that this release can work with the tables, and leaves them as they are.
///
/// # Errors
/// If they are older or newer than this release.
pub async fn check_schema(config: &Config, database: &Database) -> Result<(), StartError> {
    let place = place_of(config.database_url.reveal());
    schema::fits(database).await.map_err(|source| StartError::Schema { place, source })
}

/// Returns the address of a database as it may be shown: without user, password and options.
fn place_of(database_url: &str) -> String {
    match url::Url::parse(database_url) {
        Ok(url) if url.has_host() && !url.scheme().starts_with("sqlite") => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let host = url.host_str().unwrap_or_default();
            format!("{}://{host}{port}{}", url.scheme(), url.path())
        }
        _ if database_url.starts_with("sqlite:") => database_url.to_owned(),
        _ => "what it names".to_owned(),
    }
}

//! Opens the database that the settings name, and makes sure that it is fit for use.

use super::{
    config::Config,
    database::{Database, Inspected, Limits},
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
    Database::connect_with(url, direct, limits)
        .await
        .map_err(|source| StartError::Database { place: place_of(url), source })
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
/// Where a statement fails, or a newer release needs a newer program.
pub async fn migrate(config: &Config, database: &Database) -> Result<(), StartError> {
    let place = || place_of(config.database_url.reveal());
    database.migrate().await.map_err(|source| StartError::Migration { place: place(), source })?;
    let carries = schema::carries_this_release(database).await;
    carries.map_err(|source| StartError::Schema { place: place(), source })
}

/// Checks that this release can work with the tables, and leaves them as they are.
///
/// # Errors
/// Where they are older or newer than this release.
pub async fn check_schema(config: &Config, database: &Database) -> Result<(), StartError> {
    let place = place_of(config.database_url.reveal());
    schema::fits(database).await.map_err(|source| StartError::Schema { place, source })
}

/// A database as it may be shown: without user, password and options.
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

//! The catalogue, for operators: `recharge catalogue publish`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::CommandError;
use crate::server::{
    catalogue::{self, file},
    config::Config,
    serve::{self, StartError},
};

#[derive(clap::Subcommand)]
pub(super) enum CatalogueCommand {
    /// Publish a catalogue as a new version, which never changes again; running servers take it up
    /// within seconds
    Publish(Publish),
}

#[derive(clap::Args)]
pub(super) struct Publish {
    /// The TOML file with packages, prices and rates
    file: PathBuf,
    /// When it takes effect, such as 2027-01-01T00:00:00Z; without it, now
    #[arg(long, value_name = "INSTANT")]
    effective_from: Option<DateTime<Utc>>,
}

/// Runs the command, and returns the text to print.
pub(super) async fn run(
    config: &Config,
    command: CatalogueCommand,
) -> Result<impl std::fmt::Display, CommandError> {
    let CatalogueCommand::Publish(new) = command;
    let file = file::load(Some(&new.file)).map_err(StartError::from)?;
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    let now = serve::trusted_clock(config, &database).await?.now();
    let published = catalogue::publish(&database, &file, new.effective_from, now).await?;
    Ok(published)
}

//! Why the program can't start.

use std::{net::SocketAddr, path::PathBuf};

use sea_orm::DbErr;

use super::{
    catalogue::{PublishError, file::CatalogueFileError},
    config::ConfigError,
    database::MigrateError,
    rehearsal::RehearsalError,
    schema::SchemaError,
};

/// Why the program can't start, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database can't be opened.
    #[error("DATABASE_URL: {place} can't be opened: {source}.")]
    Database {
        /// The database, without user and password.
        place: String,
        /// What it said.
        source: DbErr,
    },
    /// A SQLite file or its folder can only be read.
    #[error("DATABASE_URL: {} can't be written to: {source}.", .path.display())]
    Unwritable {
        /// The file or the folder.
        path: PathBuf,
        /// The answer of the system.
        source: std::io::Error,
    },
    /// The tables can't be brought up to date.
    #[error("The tables of {place} can't be brought up to date: {source}.")]
    Migration {
        /// The database, without user and password.
        place: String,
        /// The reason.
        source: MigrateError,
    },
    /// What the database acknowledges may be lost.
    #[error("{0}. In PROD the server does not start like this.")]
    Risk(String),
    /// The tables are not those that this release works with.
    #[error("{place}: {source}.")]
    Schema {
        /// The database, without user and password.
        place: String,
        /// The reason.
        source: SchemaError,
    },
    /// The address can't be listened on.
    #[error("LEPTOS_SITE_ADDR: {address} can't be listened on: {source}.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said: mostly that the port is taken.
        source: std::io::Error,
    },
    /// Nothing could be sold.
    #[error("CATALOGUE: {0}.")]
    Catalogue(#[from] CatalogueFileError),
    /// What would be sold can't be published.
    #[error("CATALOGUE: {0}.")]
    Publish(#[from] PublishError),
    /// The clock of this machine is off, or nobody knows whether it is right.
    #[error("Nothing was written. {0}")]
    Clock(String),
    /// The database belongs to a rehearsal.
    #[error(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// The machine refuses.
    #[error("{0}.")]
    System(String),
}

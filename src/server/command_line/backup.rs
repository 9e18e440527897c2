//! Backups, for operators: `recharge backup PATH` and `recharge restore PATH`.

use std::path::{Path, PathBuf};

use super::verify::{VerifyFailed, verify_rows};
use crate::server::{
    config::Config,
    database::{BackupError, Database, copy_backup, put_copy_in_place, set_aside},
    opening,
    secret::Secret,
    serve::{self, StartError},
};

#[derive(clap::Subcommand)]
pub(super) enum BackupCommand {
    /// Copy the database into a new file while others write to it (SQLite)
    Backup(BackUp),
    /// Verify a backup, and put it in the place of a database that doesn't exist yet (SQLite)
    Restore(Restore),
}

#[derive(clap::Args)]
pub(super) struct BackUp {
    /// The new file
    path: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Restore {
    /// The backup; a log beside it (PATH-wal) is restored with it
    path: PathBuf,
}

/// Why a command about backups failed, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BackupCommandError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is no backup.
    #[error("No backup was made: {0}.")]
    NotBackedUp(BackupError),
    /// There is no database.
    #[error("Nothing was restored: {0}.")]
    NotRestored(BackupError),
    /// Something in the backup doesn't add up.
    #[error("The restored database is now {path}, where no server uses it: {source}")]
    NotVerified {
        /// The restored database.
        path: String,
        /// The finding.
        source: Box<VerifyFailed>,
    },
}

/// Runs the command, and returns the text to print.
pub(super) async fn run(
    config: &Config,
    command: BackupCommand,
) -> Result<String, BackupCommandError> {
    match command {
        BackupCommand::Backup(asked) => back_up(config, asked).await,
        BackupCommand::Restore(asked) => restore(config, asked).await,
    }
}

/// Copies the database, and says where the copy is.
async fn back_up(config: &Config, asked: BackUp) -> Result<String, BackupCommandError> {
    let refused = BackupCommandError::NotBackedUp;
    let file = Database::file_of(config.database_url.reveal());
    let file = file.ok_or_else(|| refused(BackupError::Postgres))?;
    if !file.exists() {
        // Connecting would create it.
        return Err(refused(BackupError::Missing(file)));
    }
    let database = serve::connect(config).await?;
    database.back_up(&asked.path).await.map_err(refused)?;
    Ok(format!("{} has all that was committed before the backup began.", asked.path.display()))
}

/// Copies a backup, brings the tables of the copy up to date and verifies it, and puts it in place.
/// Moves it aside if it doesn't add up: no server may find it, even if this process is killed.
async fn restore(config: &Config, asked: Restore) -> Result<String, BackupCommandError> {
    let refused = BackupCommandError::NotRestored;
    let file = Database::file_of(config.database_url.reveal());
    let file = file.ok_or_else(|| refused(BackupError::Postgres))?;
    let copy = copy_backup(&asked.path, &file).await.map_err(refused)?;
    match verify_copy(config, &copy).await {
        Ok(verified) => {
            put_copy_in_place(&copy, &file).await.map_err(refused)?;
            let (path, backup) = (file.display(), asked.path.display());
            Ok(format!("{path} was restored from {backup}: {verified}"))
        }
        Err(source) => {
            let path = set_aside(&copy, &file).map_err(refused)?.display().to_string();
            Err(BackupCommandError::NotVerified { path, source: source.into() })
        }
    }
}

async fn verify_copy(config: &Config, copy: &Path) -> Result<String, VerifyFailed> {
    let url = Secret::new(&format!("sqlite://{}", copy.display()));
    let config = Config { database_url: url, ..config.clone() };
    let database = serve::connect(&config).await?;
    let verified = async {
        opening::migrate_copy(&config, &database).await?;
        verify_rows(&config, database.clone()).await
    };
    let verified = verified.await;
    // A connection that is not closed is noticed when the copy is put in place.
    database.close().await.ok();
    verified
}

//! Backups, for operators: `recharge backup PATH` and `recharge restore PATH`.

use std::path::PathBuf;

use super::verify::{VerifyFailed, verify_rows};
use crate::server::{
    config::Config,
    database::{BackupError, Database, restore_file, set_aside},
    serve::{self, StartError},
};

#[derive(clap::Subcommand)]
pub(super) enum BackupCommand {
    /// Copy the database into a new file while others write to it (SQLite)
    Backup(BackUp),
    /// Put a backup in the place of a database that doesn't exist yet, and verify it (SQLite)
    Restore(Restore),
}

#[derive(clap::Args)]
pub(super) struct BackUp {
    /// The new file
    path: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Restore {
    /// The backup; a log beside it (PATH-wal) is taken up
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
    #[error("What was restored is now {path}, where no server uses it: {source}")]
    NotVerified {
        /// The restored database.
        path: String,
        /// The finding.
        source: Box<VerifyFailed>,
    },
}

/// Does it, and tells what is to be printed.
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
        // Connecting would make it.
        return Err(refused(BackupError::Missing(file)));
    }
    let database = serve::connect(config).await?;
    database.back_up(&asked.path).await.map_err(refused)?;
    Ok(format!("{} has all that was committed before the backup began.", asked.path.display()))
}

/// Puts a backup in place, brings its tables up to date, verifies it, and says so. A server must
/// not find it in place if it doesn't add up.
async fn restore(config: &Config, asked: Restore) -> Result<String, BackupCommandError> {
    let refused = BackupCommandError::NotRestored;
    let file = Database::file_of(config.database_url.reveal());
    let file = file.ok_or_else(|| refused(BackupError::Postgres))?;
    restore_file(&asked.path, &file).await.map_err(refused)?;
    match verify_restored(config).await {
        Ok(verified) => {
            let (path, backup) = (file.display(), asked.path.display());
            Ok(format!("{path} was restored from {backup}: {verified}"))
        }
        Err(source) => {
            let path = set_aside(&file).map_err(refused)?.display().to_string();
            Err(BackupCommandError::NotVerified { path, source: source.into() })
        }
    }
}

async fn verify_restored(config: &Config) -> Result<String, VerifyFailed> {
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    verify_rows(config, database).await
}

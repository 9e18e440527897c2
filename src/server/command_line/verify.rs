//! `recharge verify`: checks that the ledger adds up and the rows beside it agree, or that it has
//! all that was acknowledged.

use std::{io::Write, path::PathBuf};

use chrono::TimeDelta;
use sea_orm::DbErr;

use crate::server::{
    config::Config,
    database::Database,
    ledger::{FilesError, Ledger, VerifyError},
    rehearsal::{self, RehearsalError},
    serve::{self, StartError},
    verify,
};

#[derive(clap::Args)]
pub struct Verify {
    /// List instead the acknowledged entries in these files that the database has forgotten, one
    /// line of JSON each
    #[arg(long, value_name = "FILE", num_args = 1..)]
    acknowledged: Vec<PathBuf>,
}

/// Why the ledger could not be verified, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFailed {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The mark of a rehearsal can't be read.
    #[error(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// Something doesn't add up.
    #[error("The ledger could not be verified: {0}.")]
    Verify(#[from] VerifyError),
    /// The rows beside the ledger can't be read.
    #[error("The rows beside the ledger could not be verified: {0}.")]
    Beside(#[from] DbErr),
    /// Rows beside the ledger are wrong; they were listed.
    #[error("Rows beside the ledger that are wrong: {0}.")]
    Wrong(u64),
    /// The files or the database can't be read.
    #[error("The acknowledged entries could not be compared: {0}.")]
    Files(#[from] FilesError),
    /// Acknowledged entries are gone.
    #[error("The database has forgotten {count} of {lines} acknowledged entries{damaged}.")]
    Forgotten {
        /// How many are gone.
        count: usize,
        /// How many were acknowledged.
        lines: usize,
        /// The damaged lines, in words; empty if there are none.
        damaged: String,
    },
    /// Nobody listens.
    #[error("The result could not be written: {0}.")]
    Output(#[from] std::io::Error),
}

/// Verifies, and returns the text to print.
///
/// # Errors
/// Fails if something doesn't add up, was forgotten, or can't be read.
pub async fn run(config: &Config, command: Verify) -> Result<String, VerifyFailed> {
    let database = serve::connect(config).await?;
    serve::check_schema(config, &database).await?;
    if command.acknowledged.is_empty() {
        return verify_rows(config, database).await;
    }
    let ledger = Ledger::start(database, serve::clock(config));
    let compared = ledger.compare_files(&command.acknowledged).await?;
    let damaged = match compared.damaged {
        0 => String::new(),
        count => format!("; {count} lines of the files are damaged and were skipped"),
    };
    let (count, lines) = (compared.forgotten.len(), compared.lines);
    if count == 0 {
        return Ok(format!("compared {lines} acknowledged entries: none is forgotten{damaged}"));
    }
    let mut output = std::io::stdout().lock();
    for forgotten in &compared.forgotten {
        writeln!(output, "{forgotten}")?;
    }
    Err(VerifyFailed::Forgotten { count, lines, damaged })
}

/// Lists the wrong rows beside the ledger, and verifies the ledger whether or not there are any.
///
/// # Errors
/// Fails if something doesn't add up or can't be read.
pub(super) async fn verify_rows(
    config: &Config,
    database: Database,
) -> Result<String, VerifyFailed> {
    let clock = serve::clock(config);
    // The entries of a rehearsal are ahead of time, even if the settings don't say so now.
    let marked = rehearsal::marked(&database).await.map_err(RehearsalError::from)?;
    clock.advance((marked - config.clock_ahead).max(TimeDelta::zero()));
    let beside = verify::beside_the_ledger(&database, &clock).await?;
    for wrong in &beside.named {
        writeln!(std::io::stdout(), "{wrong}")?;
    }
    let verified = Ledger::start(database, clock).verify().await?;
    match beside.count() {
        0 => Ok(verified.to_string()),
        count => Err(VerifyFailed::Wrong(count)),
    }
}

//! `recharge verify`: whether the ledger adds up, and whether it has all that was acknowledged.

use std::{io::Write, path::PathBuf};

use chrono::TimeDelta;

use crate::server::{
    config::Config,
    ledger::{FilesError, Ledger, VerifyError},
    rehearsal::{self, RehearsalError},
    serve::{self, StartError},
};

#[derive(clap::Args)]
pub struct Verify {
    /// Instead list what was acknowledged according to these files and the database has forgotten,
    /// one line of JSON each
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
    /// The files or the database can't be read.
    #[error("What was acknowledged could not be compared: {0}.")]
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

/// Verifies, and returns what is to be said.
///
/// # Errors
/// Fails if something doesn't add up, was forgotten, or can't be read.
pub async fn run(config: &Config, command: Verify) -> Result<String, VerifyFailed> {
    let database = serve::connect(config).await?;
    serve::check_schema(config, &database).await?;
    let clock = serve::clock(config);
    // The entries of a rehearsal are ahead of time, also where nobody says so now.
    let marked = rehearsal::marked(&database).await.map_err(RehearsalError::from)?;
    clock.advance((marked - config.clock_ahead).max(TimeDelta::zero()));
    let ledger = Ledger::start(database, clock);
    if command.acknowledged.is_empty() {
        return Ok(ledger.verify().await?.to_string());
    }
    let compared = ledger.compare_files(&command.acknowledged).await?;
    let damaged = match compared.damaged {
        0 => String::new(),
        count => format!("; {count} lines of the files are damaged and say nothing"),
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

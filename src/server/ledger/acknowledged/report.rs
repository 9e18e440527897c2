//! Compares files with the database, for operators.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use serde::Serialize;

use super::{super::Ledger, Forgotten, compare, files, line::Line};
use crate::{
    credits::{Credits, EntryKind, Operation, Source},
    server::clock::from_millis,
};

/// The prefix of programs' idempotency keys. It keeps them apart from keys of our own.
const OF_PROGRAMS: &str = "api:";

/// The result of comparing files with the database.
#[derive(Debug)]
pub struct FilesCompared {
    /// The number of acknowledged entries in the files.
    pub lines: usize,
    /// The number of lines in the middle of a file that can't be read.
    pub damaged: u64,
    /// The entries that the database doesn't have, by account and number.
    pub forgotten: Vec<Forgotten>,
}

/// Why files could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The database can't be read.
    #[error("the database can't be read: {0}")]
    Database(#[from] DbErr),
}

impl Ledger {
    /// Compares each line of some files with the database.
    ///
    /// # Errors
    /// If a file or the database can't be read.
    pub async fn compare_files(&self, paths: &[PathBuf]) -> Result<FilesCompared, FilesError> {
        let (mut lines, mut damaged) = (BTreeSet::new(), 0);
        for path in paths {
            damaged += read(path, &mut lines).map_err(|source| {
                let path = path.display().to_string();
                FilesError::File { path, source }
            })?;
        }
        let count = lines.len();
        let forgotten = compare::forgotten(&self.database, lines).await?;
        Ok(FilesCompared { lines: count, damaged, forgotten })
    }
}

/// Reads a file. A missing file is an error: the operator has named it.
fn read(path: &Path, lines: &mut BTreeSet<Line>) -> io::Result<u64> {
    path.metadata()?;
    files::read(path, &mut |line| {
        lines.insert(line);
    })
}

/// A forgotten entry as operators and their programs read it.
#[derive(Serialize)]
struct Listed<'a> {
    account: &'a str,
    entry: i64,
    at: DateTime<Utc>,
    kind: EntryKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase: Option<&'a str>,
    key: &'a str,
    /// The key as a program sends it; `None` if no header can carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    /// `missing`, or `another entry` if one has the number now.
    now: &'static str,
}

/// Prints one line of JSON.
impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = &self.line;
        let idempotency_key = line.key.strip_prefix(OF_PROGRAMS);
        let listed = Listed {
            account: &line.account,
            entry: line.seq,
            at: from_millis(line.at),
            kind: line.kind,
            operation: line.operation,
            amount: moved(line).plain(),
            hold: line.hold,
            source: line.source,
            expires_at: line.until.map(from_millis),
            purchase: line.purchase.as_deref(),
            key: &line.key,
            idempotency_key: idempotency_key.filter(|key| !key.contains(char::is_control)),
            now: if self.is_given_again { "another entry" } else { "missing" },
        };
        f.write_str(&serde_json::to_string(&listed).map_err(|_| fmt::Error)?)
    }
}

/// Returns how much was spent, granted, set aside or given back, without a sign.
fn moved(line: &Line) -> Credits {
    let changed = line.amount().thousandths();
    let moved = if changed == 0 { line.held_change } else { changed };
    Credits::from_thousandths(moved.abs())
}

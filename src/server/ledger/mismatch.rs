//! What a row says, and what it should say.

use std::fmt;

/// The first row that disagrees with the entries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} {row}: {message}")]
pub struct Mismatch {
    /// The table of the row.
    pub table: &'static str,
    /// The row's key: `acc_…/12`.
    pub row: String,
    /// What it says, and what it should say.
    pub message: String,
}

/// Whether something adds up.
pub(super) type Checked = Result<(), Mismatch>;

pub(super) fn mismatch(
    table: &'static str,
    row: impl Into<String>,
    message: impl Into<String>,
) -> Mismatch {
    Mismatch { table, row: row.into(), message: message.into() }
}

/// Fails with what a row says and what it should say.
pub(super) fn equal<T: PartialEq + fmt::Display>(
    place: (&'static str, &str),
    what: &str,
    (found, expected): (T, T),
) -> Checked {
    if found == expected {
        return Ok(());
    }
    let message = format!("{what} is {found}, its entries say {expected}");
    Err(mismatch(place.0, place.1, message))
}

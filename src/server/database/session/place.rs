//! Notices that the file of a SQLite database was moved, removed or replaced while it was open. A
//! commit still succeeds then, in a file that the next process doesn't open.

use std::{fs, io, os::unix::fs::MetadataExt, path::PathBuf, sync::OnceLock};

use sea_orm::{DbErr, sqlx::Error};

use super::{Session, failed};

/// The path of a SQLite file, and the file that was opened there first.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    file: OnceLock<Identity>,
}

/// The device of a file, and its number there.
type Identity = (u64, u64);

/// Returns what stays the same when a file is renamed, and differs in every other file.
pub fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino())
}

impl Place {
    pub const fn new(path: PathBuf) -> Self {
        Self { path, file: OnceLock::new() }
    }

    /// Remembers the file that is there now, unless one was remembered before.
    pub fn remember(&self) -> io::Result<()> {
        let file = fs::metadata(&self.path)?;
        self.file.get_or_init(|| identity(&file));
        Ok(())
    }

    /// Fails if another file, or none, is there now.
    pub fn check(&self) -> io::Result<()> {
        let Some(file) = self.file.get() else { return Ok(()) };
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == *file => Ok(()),
            _ => Err(io::Error::other(
                "the file of the database was moved or replaced while it was open: put it back, \
                 or start the program again",
            )),
        }
    }
}

impl Session {
    /// Fails if what was committed just now is in a file that the next process doesn't open.
    pub(super) fn is_in_its_place(&mut self) -> Result<(), DbErr> {
        let checked = self.place.as_ref().map_or(Ok(()), |place| place.check());
        self.is_doubtful |= checked.is_err();
        checked.map_err(|error| failed(Error::Io(error)))
    }
}

//! The files of acknowledged commands: append-only, rotated, one set for each process.
//!
//! A process locks the first free slot of its database, and writes `….0.log`. When that file is
//! full, it becomes `….0.log.1`, and the one before it `….0.log.2`. The lock ends with the
//! process, whatever ends it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::line::Line;
use crate::server::database::Database;

/// The most processes that write for one database in one folder.
const SLOTS: usize = 16;
/// The largest size of a file, about 50,000 lines: a file is rotated before it grows larger.
const LARGEST_FILE: u64 = 16_000_000;
/// The older files that are kept beside the current one.
const OLD_FILES: usize = 2;

/// The folder and the name of the files of one database.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    name: String,
    largest: u64,
}

impl Place {
    /// Returns the place for a database. If `folder` is `None`, that is the folder of the SQLite
    /// file, or `data` for PostgreSQL. The files bear only the name of a PostgreSQL database: its
    /// hosts, users and options may change while the database stays the same.
    #[must_use]
    pub fn of(database_url: &str, folder: Option<&Path>) -> Self {
        let (beside, name) = match Database::file_of(database_url) {
            Some(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (file.parent().unwrap_or(Path::new("")).to_owned(), name)
            }
            None => {
                let name = Database::name_of(database_url).unwrap_or_default();
                ("data".into(), format!("postgres-{}", safe(&name)))
            }
        };
        let folder = folder.map_or(beside, Path::to_owned);
        Self { folder, name, largest: LARGEST_FILE }
    }

    /// Returns the same place with another largest size, for tests of the rotation.
    #[must_use]
    pub fn with_largest_file(self, largest: u64) -> Self {
        Self { largest, ..self }
    }

    /// Returns the folder of the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a shell pattern that matches all files.
    #[must_use]
    pub fn pattern(&self) -> String {
        let name = [&*self.name, "acknowledged", "*"].join(".");
        self.folder.join(name).display().to_string()
    }

    fn file(&self, slot: usize, end: &str) -> PathBuf {
        self.folder.join(format!("{}.acknowledged.{slot}.{end}", self.name))
    }

    /// Returns the files of a slot, the oldest first.
    fn files(&self, slot: usize) -> impl Iterator<Item = PathBuf> {
        let old = (1..=OLD_FILES).rev().map(move |age| self.file(slot, &format!("log.{age}")));
        old.chain([self.file(slot, "log")])
    }

    /// Locks a slot. Returns `None` if another process has it.
    fn lock(&self, slot: usize) -> io::Result<Option<File>> {
        let file = open(&self.file(slot, "lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Turns the name of a database into a part of a file name that a shell takes without quotes. If a
/// character must be replaced, adds a checksum, so that different names stay different.
fn safe(name: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.chars().all(is_safe) {
        return name.to_owned();
    }
    let replaced = name.replace(|character| !is_safe(character), "_");
    format!("{replaced}-{:08x}", crc32fast::hash(name.as_bytes()))
}

/// The file that a process appends to.
#[derive(Debug)]
pub struct Log {
    place: Place,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    slot: usize,
    _lock: File,
    file: File,
    length: u64,
    /// True if the last line may be incomplete.
    is_torn: bool,
    is_synced: bool,
}

impl Log {
    pub const fn new(place: Place) -> Self {
        Self { place, open: None }
    }

    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Takes a free slot, and passes to `take` each line that earlier processes left in free slots.
    ///
    /// # Errors
    /// If the folder can't be made, or a file can't be read or written.
    pub fn start(&mut self, mut take: impl FnMut(Line)) -> io::Result<()> {
        std::fs::create_dir_all(&self.place.folder)?;
        let mut own = None;
        for slot in 0..SLOTS {
            if own.is_some() && !self.place.files(slot).any(|file| file.exists()) {
                continue;
            }
            let Some(lock) = self.place.lock(slot)? else { continue };
            for file in self.place.files(slot) {
                read(&file, &mut take)?;
            }
            own.get_or_insert((slot, lock));
        }
        let (slot, lock) = own.ok_or_else(|| io::Error::other("all slots are taken"))?;
        self.open = Some(Open::new(&self.place, slot, lock)?);
        Ok(())
    }

    /// Appends whole lines. Takes a slot first if that failed at the start.
    ///
    /// # Errors
    /// If the lines can't be written now. A part of them may be written nevertheless.
    pub fn append(&mut self, text: &[u8], take: impl FnMut(Line)) -> io::Result<()> {
        if self.open.is_none() {
            self.start(take)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if open.length > 0 && open.length.saturating_add(length) > self.place.largest {
            open.rotate(&self.place)?;
        }
        open.append(text)
    }

    /// Waits until the disk has what was appended.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(open) if !open.is_synced => open.sync(),
            _ => Ok(()),
        }
    }

    /// Gives the slot back.
    pub fn close(&mut self) {
        self.open = None;
    }
}

impl Open {
    fn new(place: &Place, slot: usize, lock: File) -> io::Result<Self> {
        let file = open(&place.file(slot, "log"))?;
        let length = file.metadata()?.len();
        Ok(Self { slot, _lock: lock, file, length, is_torn: length > 0, is_synced: true })
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
        }
        (self.is_torn, self.is_synced) = (true, false);
        self.file.write_all(text)?;
        self.is_torn = false;
        self.length += u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.is_synced = true;
        Ok(())
    }

    /// Opens the new file before it renames the others: if there is no room for it, all stay.
    fn rotate(&mut self, place: &Place) -> io::Result<()> {
        self.sync()?;
        let next = place.file(self.slot, "log.next");
        let file = open(&next)?;
        let files: Vec<_> = place.files(self.slot).collect();
        for pair in files.windows(2) {
            match std::fs::rename(&pair[1], &pair[0]) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(next, place.file(self.slot, "log"))?;
        (self.file, self.length, self.is_torn) = (file, 0, false);
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Passes the whole lines of a file to `take`, and returns the number of damaged ones. A torn last
/// line doesn't count: its writer was killed. A missing file has no lines.
///
/// # Errors
/// If the file can't be read.
pub fn read(path: &Path, take: &mut impl FnMut(Line)) -> io::Result<u64> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened?,
    };
    let (mut damaged, mut torn) = (0, 0);
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        damaged += std::mem::take(&mut torn);
        match Line::read(&line) {
            Some(line) => take(line),
            None if line.is_empty() => {}
            None => torn = 1,
        }
    }
    Ok(damaged)
}

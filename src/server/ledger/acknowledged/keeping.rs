//! The files and the memory of one process, and their keeper.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Batch, Forgotten,
    compare::Named,
    files::{Log, Place},
    lock,
    memory::Memory,
};
use crate::server::readiness::{Readiness, Trouble};

/// The most bytes that wait while the file can't be written.
const LARGEST_UNSAVED: usize = 4_000_000;

/// The thread that writes, and the task that compares.
pub type Tasks = (thread::JoinHandle<()>, JoinHandle<()>);

/// Keeps what a process has acknowledged, in files and in memory.
#[derive(Debug)]
pub struct Keeper {
    pub keeping: Mutex<Keeping>,
    pub tasks: Mutex<Option<Tasks>>,
    pub closing: CancellationToken,
    unwritten: Arc<AtomicU64>,
    readiness: Readiness,
    /// A shell pattern that matches the files.
    pattern: String,
}

impl Keeper {
    pub fn new(place: Place, readiness: Readiness) -> Self {
        let (pattern, unwritten) = (place.pattern(), Arc::new(AtomicU64::new(0)));
        let keeping = Mutex::new(Keeping::new(Log::new(place), Arc::clone(&unwritten)));
        let (tasks, closing) = (Mutex::default(), CancellationToken::new());
        Self { keeping, tasks, closing, unwritten, readiness, pattern }
    }

    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Reports the forgotten entries, or clears the trouble if there are none.
    pub fn report(&self, forgotten: &[Forgotten]) {
        if forgotten.is_empty() {
            return self.readiness.clear(Trouble::Forgotten);
        }
        let (count, named, files) = (forgotten.len(), Named(forgotten), &self.pattern);
        let sentence = format!(
            "The database has forgotten {count} acknowledged entries ({named}). \
             `recharge verify --acknowledged {files}` lists them; docs/operate/forgotten.md says \
             how to apply them again. If you restored a backup and accept the loss, stop the \
             process and move {files} away."
        );
        self.readiness.report(Trouble::Forgotten, sentence);
    }

    /// Asks the thread and the task to end, and returns them. Returns `None` if they haven't
    /// started, or if another caller has them.
    pub fn close(&self) -> Option<Tasks> {
        self.closing.cancel();
        lock(&self.tasks).take()
    }
}

/// The memory, the file, and the lines that are still to be written.
#[derive(Debug)]
pub struct Keeping {
    pub memory: Memory,
    log: Log,
    /// Lines that are not in the file yet.
    unsaved: Vec<u8>,
    unsaved_lines: u64,
    /// How many lines will never be in the file: too many waited for it.
    lost: u64,
    is_failing: bool,
    unwritten: Arc<AtomicU64>,
}

impl Keeping {
    fn new(log: Log, unwritten: Arc<AtomicU64>) -> Self {
        let (memory, unsaved) = (Memory::new(), Vec::new());
        Self { memory, log, unsaved, unsaved_lines: 0, lost: 0, is_failing: false, unwritten }
    }

    /// Opens the file, and remembers the lines that earlier processes left.
    pub fn start(&mut self) {
        if let Err(error) = self.log.start(|line| self.memory.add(line)) {
            self.fails(&error);
        }
    }

    /// Remembers batches, and appends them to the file.
    pub fn take(&mut self, batches: &[Batch], dropped: u64) {
        self.lost += dropped;
        for line in batches.iter().flat_map(Batch::lines) {
            if self.unsaved.len() < LARGEST_UNSAVED {
                line.write(&mut self.unsaved);
                self.unsaved_lines += 1;
            } else {
                self.lost += 1;
            }
            self.memory.add(line);
        }
        if !self.unsaved.is_empty() {
            let saved = self.log.append(&self.unsaved, |line| self.memory.add(line));
            match saved {
                Ok(()) => {
                    self.unsaved.clear();
                    self.unsaved_lines = 0;
                }
                Err(error) => self.fails(&error),
            }
        }
        self.count_unwritten();
    }

    fn count_unwritten(&self) {
        self.unwritten.store(self.unsaved_lines + self.lost, Ordering::Relaxed);
    }

    /// Syncs the file, and returns whether all lines are on disk now. Lines that were too many to
    /// wait for the file count as unwritten until then.
    pub fn sync(&mut self) -> bool {
        if let Err(error) = self.log.sync() {
            self.fails(&error);
            return false;
        }
        let is_on_disk = self.unsaved.is_empty();
        if is_on_disk && std::mem::take(&mut self.is_failing) {
            let files = self.log.place().pattern();
            tracing::info!("what is acknowledged is written to {files} again");
        }
        if is_on_disk && self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            tracing::warn!(lost, "acknowledged commands stand in no file: too many had to wait");
            self.count_unwritten();
        }
        is_on_disk
    }

    /// Syncs the file, and frees its slot for the next process.
    pub fn end(&mut self) {
        self.sync();
        self.log.close();
    }

    /// Logs once that the file can't be written. The outage lasts until a sync succeeds: a failing
    /// disk may accept writes that it doesn't keep.
    fn fails(&mut self, error: &std::io::Error) {
        if std::mem::replace(&mut self.is_failing, true) {
            return;
        }
        let files = self.log.place().pattern();
        tracing::error!(
            "ALERT: what is acknowledged can't be written to {files}: {error}. Commands go on; \
             after a crash nobody could tell from outside the database what was acknowledged."
        );
    }
}

//! A disk that fails to sync: `/dev/null` takes every write and refuses every sync.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tempfile::{NamedTempFile, TempDir};

use super::{super::Shared, Keeper, Keeping, Place, lock};
use crate::server::readiness::Readiness;

const AT_LAST: Duration = Duration::from_secs(20);
const FAILS: &str = "can't be written to";
const WORKS: &str = "is written to";

/// A folder whose file can't be synced.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.fails();
        folder
    }

    fn place(&self) -> Place {
        Place::of("sqlite://recharge.db", Some(self.0.path()))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("recharge.db.acknowledged.0.log")
    }

    /// A file that is opened from now on fails.
    fn fails(&self) {
        fs::remove_file(self.file()).ok();
        symlink("/dev/null", self.file()).unwrap();
    }

    /// A file that is opened from now on is sound.
    fn works(&self) {
        fs::remove_file(self.file()).unwrap();
    }
}

fn writes_a_line(keeping: &mut Keeping) {
    keeping.unsaved.extend_from_slice(b"a line\n");
    keeping.take(&[], 0);
}

#[test]
fn an_outage_of_syncs_is_said_once_and_its_end_when_a_sync_has_succeeded() {
    let said = NamedTempFile::new().unwrap();
    let log = Arc::new(said.reopen().unwrap());
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(log).finish();
    let _logging = tracing::subscriber::set_default(log);
    let said = |words: &str| fs::read_to_string(said.path()).unwrap().matches(words).count();
    let folder = Folder::new();
    let mut keeping =
        Keeper::new(folder.place(), Readiness::default()).keeping.into_inner().unwrap();
    keeping.start();
    for outage in 1..=2 {
        for _ in 0..3 {
            writes_a_line(&mut keeping);
            assert!(!keeping.sync(), "the line is not on disk");
            assert_eq!((said(FAILS), said(WORKS)), (outage, outage - 1));
        }
        keeping.log.close();
        folder.works();
        writes_a_line(&mut keeping);
        assert_eq!(said(WORKS), outage - 1, "nothing is synced yet");
        for _ in 0..2 {
            assert!(keeping.sync());
            assert_eq!((said(FAILS), said(WORKS)), (outage, outage));
        }
        assert_eq!(fs::read(folder.file()).unwrap(), b"a line\n");
        keeping.log.close();
        folder.fails();
    }
}

#[test]
fn what_could_not_wait_for_the_file_counts_as_unwritten_until_the_disk_works() {
    let folder = Folder::new();
    let keeper = Keeper::new(folder.place(), Readiness::default());
    let mut keeping = lock(&keeper.keeping);
    keeping.start();
    writes_a_line(&mut keeping);
    keeping.take(&[], 3);
    assert!(!keeping.sync());
    assert_eq!(keeper.unwritten(), 3);
    keeping.log.close();
    folder.works();
    writes_a_line(&mut keeping);
    assert!(keeping.sync());
    assert_eq!(keeper.unwritten(), 0);
}

/// Nothing else wakes the thread that syncs.
#[test]
fn what_a_comparison_has_written_is_synced_soon() {
    let (folder, shared) = (Folder::new(), Arc::new(Shared::default()));
    shared.keeper.set(Keeper::new(folder.place(), Readiness::default())).unwrap();
    let keeper = shared.keeper.get().unwrap();
    lock(&keeper.keeping).start();
    let writing = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || shared.keep_writing())
    };
    {
        let mut keeping = lock(&keeper.keeping);
        keeping.unsaved.extend_from_slice(b"a line\n");
        shared.collect(&mut keeping);
        assert!(keeping.unsaved.is_empty(), "it is written at once");
    }
    let begun = Instant::now();
    while !lock(&keeper.keeping).is_failing {
        assert!(begun.elapsed() < AT_LAST, "nobody syncs it");
        thread::sleep(Duration::from_millis(5));
    }
    keeper.close();
    drop(lock(&shared.waiting));
    shared.arrived.notify_all();
    writing.join().unwrap();
}

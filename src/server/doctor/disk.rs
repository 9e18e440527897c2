//! Measures the room on the disks that files are written to.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access, statvfs};

use super::{Finding, Verdict};
use crate::server::{config::Config, database::Database, ledger::Place};

const SUBJECT: &str = "disk";
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Examines the folder of a SQLite file, and that of the files of what was acknowledged.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let url = config.database_url.reveal();
    let acknowledged = Place::of(url, config.acknowledged_folder.as_deref());
    let acknowledged = named(acknowledged.folder());
    let Some(file) = Database::file_of(url) else {
        let what = "the files of what was acknowledged (the disk of PostgreSQL can't be seen from \
                    here)";
        return vec![folder(&acknowledged, what)];
    };
    let data = named(file.parent().unwrap_or(Path::new("")));
    if data == acknowledged {
        return vec![folder(&data, "the database and the files of what was acknowledged")];
    }
    vec![folder(&data, "the database"), folder(&acknowledged, "the files of what was acknowledged")]
}

fn named(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
}

/// Examines the disk of a folder; `what` names what a server writes there.
fn folder(folder: &Path, what: &str) -> Finding {
    // The server makes a folder that is missing.
    let existing = folder.ancestors().map(named).find(|it| it.exists());
    let existing = existing.unwrap_or_else(|| PathBuf::from("/"));
    let shown = folder.display();
    let space = match Space::on(&existing) {
        Ok(space) => space,
        Err(error) => {
            let found = format!("The free space in {shown} can't be read: {error}.");
            return Finding::doubtful(SUBJECT, found, "Check it with df.");
        }
    };
    let found = format!("{space} in {shown}, for {what}.");
    if let Err(error) = access(&existing, Access::WRITE_OK) {
        let found = format!("{found} This user can't write there: {error}.");
        let remedy = "Let the user who runs the server write there, or set ACKNOWLEDGED_FOLDER.";
        return Finding::doubtful(SUBJECT, found, remedy);
    }
    match space.verdict() {
        Verdict::Good => Finding::good(SUBJECT, found),
        Verdict::Doubtful => Finding::doubtful(SUBJECT, found, "Make room soon."),
        Verdict::Bad => {
            Finding::bad(SUBJECT, found, "Make room now: without room nothing can be written.")
        }
    }
}

/// The room on a disk, in bytes.
#[derive(Clone, Copy, Debug)]
struct Space {
    /// The bytes that a user other than root may still use.
    free: u64,
    total: u64,
}

impl Space {
    fn on(path: &Path) -> io::Result<Self> {
        let disk = statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }

    fn verdict(self) -> Verdict {
        if self.free < 100 * MIB {
            Verdict::Bad
        } else if self.free < GIB || self.free < self.total / 10 {
            Verdict::Doubtful
        } else {
            Verdict::Good
        }
    }
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = self.free.saturating_mul(100).checked_div(self.total).unwrap_or(0);
        let (free, total) = (written(self.free), written(self.total));
        write!(f, "{free} of {total} are free ({percent} %)")
    }
}

/// Writes bytes with one decimal.
fn written(bytes: u64) -> String {
    let (unit, name) = if bytes < GIB { (MIB, "MiB") } else { (GIB, "GiB") };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_what_is_left() {
        for (free, total, verdict, shown) in [
            (50 * GIB, 100 * GIB, Verdict::Good, "50.0 GiB of 100.0 GiB are free (50 %)"),
            (10 * GIB, 100 * GIB, Verdict::Good, "10.0 GiB of 100.0 GiB are free (10 %)"),
            (9 * GIB, 100 * GIB, Verdict::Doubtful, "9.0 GiB of 100.0 GiB are free (9 %)"),
            (900 * MIB, GIB, Verdict::Doubtful, "900.0 MiB of 1.0 GiB are free (87 %)"),
            (100 * MIB, GIB, Verdict::Doubtful, "100.0 MiB of 1.0 GiB are free (9 %)"),
            (100 * MIB - 1, GIB, Verdict::Bad, "99.9 MiB of 1.0 GiB are free (9 %)"),
            (0, 0, Verdict::Bad, "0.0 MiB of 0.0 MiB are free (0 %)"),
        ] {
            let space = Space { free, total };
            assert_eq!((space.verdict(), &*space.to_string()), (verdict, shown));
        }
    }
}

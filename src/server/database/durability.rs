//! Finds settings and places of a database that may lose acknowledged entries.

use std::{fs, path::Path};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

use super::{Database, address::Address};

/// Network file systems: SQLite can't rely on their locks and flushes.
const NETWORK: [&str; 14] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
];

impl Database {
    /// Returns the risks that may lose acknowledged entries: one sentence each, with its remedy. A
    /// setting that our connections make themselves is among them only if it has no effect.
    ///
    /// # Errors
    /// If the database doesn't answer.
    pub async fn risks(&self) -> Result<Vec<String>, DbErr> {
        match &*self.direct {
            Address::Sqlite(path) => self.risks_of_sqlite(path).await,
            Address::Postgres { .. } => self.risks_of_postgres().await,
        }
    }

    /// Returns the settings that decide whether a commit is on disk when it is answered, as a
    /// connection that writes has them: `journal_mode = wal, synchronous = full`.
    ///
    /// # Errors
    /// If the database doesn't answer.
    pub async fn durability(&self) -> Result<String, DbErr> {
        if self.is_sqlite() {
            let journal: String = self.first("PRAGMA journal_mode").await?;
            let synchronous = match self.first::<i64>("PRAGMA synchronous").await? {
                0 => "off",
                1 => "normal",
                2 => "full",
                _ => "extra",
            };
            return Ok(format!("journal_mode = {journal}, synchronous = {synchronous}"));
        }
        let settings = "SELECT string_agg(name || ' = ' || setting, ', ' ORDER BY name)
                        FROM pg_settings
                        WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')";
        self.first(settings).await
    }

    async fn risks_of_sqlite(&self, path: &Path) -> Result<Vec<String>, DbErr> {
        let mut risks = Vec::new();
        let journal: String = self.first("PRAGMA journal_mode").await?;
        if !journal.eq_ignore_ascii_case("wal") {
            risks.push(format!(
                "The journal of SQLite is {journal} instead of WAL: put the file where WAL works"
            ));
        }
        let synchronous: i64 = self.first("PRAGMA synchronous").await?;
        if synchronous < 2 {
            risks.push("SQLite does not flush its log at each commit".to_owned());
        }
        risks.extend(risk_of_place(path));
        Ok(risks)
    }

    async fn risks_of_postgres(&self) -> Result<Vec<String>, DbErr> {
        let off = "SELECT name FROM pg_settings
                   WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name";
        let statement = Statement::from_string(self.writers.backend(), off);
        let rows = self.writers.query_all_raw(statement).await?;
        let mut risks = Vec::new();
        for row in rows {
            let name: String = row.try_get_by_index(0)?;
            risks.push(format!(
                "PostgreSQL has {name} = off, so it may lose acknowledged entries when its machine \
                 stops: set it to on and restart PostgreSQL"
            ));
        }
        let commit: String = self.first("SELECT current_setting('synchronous_commit')").await?;
        if commit == "off" {
            risks.push("PostgreSQL has synchronous_commit = off, and we can't set it".to_owned());
        }
        Ok(risks)
    }

    /// Returns the first value of the first row, as a connection that writes has it.
    async fn first<T: sea_orm::TryGetable>(&self, sql: &str) -> Result<T, DbErr> {
        let statement = Statement::from_string(self.writers.backend(), sql);
        let row: Option<QueryResult> = self.writers.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
        row.try_get_by_index(0)
    }
}

/// Returns the risk of a SQLite file's place, in one sentence with its remedy. Returns `None` if
/// the file is on a local disk or its place is unknown.
#[must_use]
pub fn risk_of_place(path: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    risk_among(&mounts, &fs::canonicalize(path).ok()?)
}

/// Returns the same for a path without symbolic links, from the table of mounts.
fn risk_among(mounts: &str, path: &Path) -> Option<String> {
    let kind = file_system(mounts, path)?;
    NETWORK.contains(&kind).then(|| {
        format!(
            "The SQLite file is on a network file system ({kind}), whose locks and flushes \
             can\u{2019}t be relied on: put it on a local disk, or use PostgreSQL"
        )
    })
}

/// Returns the kind of file system that a path is on, or `None` if the table of mounts doesn't say.
/// The last mount of the longest place wins, as in the kernel.
fn file_system<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mount = |line: &'m str| {
        let (place, kind) = line.split_once(" - ")?;
        let place = place.split(' ').nth(4)?.replace("\\040", " ");
        let kind = kind.split(' ').next()?;
        path.starts_with(&place).then_some((place.len(), kind))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:27 / /srv rw - nfs4 files:/srv rw,vers=4.2
32 31 0:28 / /srv/my\\040disk rw - xfs /dev/vdb rw
";

    #[test]
    fn a_path_is_on_the_file_system_of_its_longest_mount() {
        for (path, kind) in [
            ("/data/recharge.db", "ext4"),
            ("/srv/recharge.db", "nfs4"),
            ("/srvother/recharge.db", "ext4"),
            ("/srv/my disk/recharge.db", "xfs"),
        ] {
            assert_eq!(file_system(MOUNTS, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(file_system("", Path::new("/data")), None);
    }

    #[test]
    fn a_file_behind_a_network_is_a_risk_and_one_on_a_disk_is_none() {
        let risk = |kind: &str| {
            let mounts =
                format!("22 1 254:0 / / rw - ext4 /dev/vda rw\n31 22 0:27 / /srv rw - {kind} x rw");
            assert_eq!(risk_among(&mounts, Path::new("/data/recharge.db")), None);
            risk_among(&mounts, Path::new("/srv/recharge.db"))
        };
        for kind in NETWORK {
            let said = risk(kind).unwrap();
            assert!(said.contains(&format!("on a network file system ({kind})")), "{said}");
        }
        for kind in ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuse.bindfs"] {
            assert_eq!(risk(kind), None, "{kind}");
        }
    }
}

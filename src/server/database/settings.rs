//! The settings of our connections. A connection sets everything that we rely on itself, whatever
//! the database or its role says.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::{Access, access};
use sea_orm::sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{address::Address, connector::Opening, limits::Limits, session::Place};

/// How long SQLite waits for another process that writes. Shorter than a statement may take.
const BUSY: Duration = Duration::from_secs(4);
/// The most kB of pages that a connection to SQLite caches, as a negative number.
const SQLITE_CACHE: &str = "-16000";
/// SQLite moves its log into the database when the log has this many pages.
const SQLITE_CHECKPOINT: &str = "8000";
/// The number of statements that a connection to SQLite keeps prepared.
const SQLITE_STATEMENTS: usize = 256;
/// The planner settings of connections that write. Their statements find rows by keys, even in
/// tables that were empty when PostgreSQL planned the statement. PostgreSQL plans each statement
/// once, not for each batch.
const PLANS: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    // With scans switched off, a statement that needs one has a huge estimated cost. PostgreSQL would
    // compile such a statement before it runs: 0.1 s for a table of ten rows.
    ("jit", "off"),
];
/// How PostgreSQL notices within 14 s that our machine is gone. It probes a connection that has
/// been idle for 5 s, again every 3 s, and ends it after three probes or 10 s without an answer. A
/// statement that works or waits ends within 2 s after its connection.
const NOTICING: [(&str, &str); 5] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    (ENDED_CLIENTS, "2000"),
];
/// The one of these settings that PostgreSQL refuses on systems that can't notice such an end.
const ENDED_CLIENTS: &str = "client_connection_check_interval";
/// How long PostgreSQL keeps a transaction open whose process sends nothing more.
pub(super) const IDLE_IN_TRANSACTION: &str = "5s";

/// Returns how to open connections that write, or that only read.
pub(super) fn opening(address: &Address, limits: Limits, writes: bool) -> Opening {
    match address {
        Address::Sqlite(path) => {
            let place = Arc::new(Place::new(path.clone()));
            Opening::Sqlite(Box::new(sqlite_options(path, writes)), place)
        }
        Address::Postgres { hosts, is_pooled } => Opening::Postgres {
            hosts: hosts.clone(),
            settings: postgres_settings(limits, writes, *is_pooled).into(),
            is_pooled: *is_pooled,
        },
    }
}

/// Makes a missing SQLite file and its folder. Only its owner may read the file: it has secrets. The
/// files that SQLite puts beside it get the same rights.
pub(super) fn make_missing_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the SQLite file or the folder that this user can't write to, with the answer of the
/// system. Returns `None` if SQLite can write the file, and its log beside it. A folder that is
/// missing would be made in the nearest one that is there.
#[must_use]
pub fn unwritable(file: &Path) -> Option<(PathBuf, io::Error)> {
    let here = |folder| if folder == Path::new("") { Path::new(".") } else { folder };
    let folder = file.ancestors().skip(1).map(here).find(|folder| folder.exists());
    let mut there = [Some(file).filter(|file| file.exists()), folder].into_iter().flatten();
    let refused = |path: &Path| {
        let refusal = access(path, Access::WRITE_OK).err()?;
        Some((path.to_owned(), refusal.into()))
    };
    there.find_map(refused)
}

pub(super) fn sqlite_options(path: &Path, writes: bool) -> SqliteConnectOptions {
    let options = existing_sqlite(path, writes);
    options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
}

/// Returns how to open an existing file, whose journal stays as it is.
pub(super) fn existing_sqlite(path: &Path, writes: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("query_only", if writes { "off" } else { "on" })
        .pragma("cache_size", SQLITE_CACHE)
        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
        .statement_cache_capacity(SQLITE_STATEMENTS)
        .disable_statement_logging()
}

/// Returns the statements that set what we rely on, whatever the database or the role says. Behind
/// a pooler they hold for one transaction.
fn postgres_settings(limits: Limits, writes: bool, is_pooled: bool) -> String {
    let (millis, scope) = (|it: Duration| it.as_millis(), if is_pooled { "LOCAL " } else { "" });
    let mut settings = vec![
        ("statement_timeout", millis(limits.at_server()).to_string()),
        ("lock_timeout", millis(limits.lock).to_string()),
        ("idle_in_transaction_session_timeout", format!("'{IDLE_IN_TRANSACTION}'")),
        // A cancelled wait for a synchronous standby is only a warning.
        ("client_min_messages", "warning".to_owned()),
    ];
    if writes {
        settings.extend(PLANS.map(|(name, value)| (name, value.to_owned())));
    }
    let set = |(name, value)| format!("SET {scope}{name} = {value}; ");
    let settings: String = settings.into_iter().map(set).collect();
    // The operator configures the connections of a pooler to PostgreSQL.
    let noticing = if is_pooled { String::new() } else { format!("{}; ", noticing_our_end()) };
    // An answered commit must be on disk. Values other than off stay: they say where else it must be.
    format!(
        "{settings}{noticing}SELECT set_config('synchronous_commit', 'on', {is_pooled})
         WHERE current_setting('synchronous_commit') = 'off'"
    )
}

/// Returns the statement that lets PostgreSQL notice soon when the other end of a session is gone.
/// Older versions lack some of the settings: 12 has `tcp_user_timeout`, 14 the check of clients.
pub(super) fn noticing_our_end() -> String {
    let wanted = NOTICING.map(|(name, value)| format!("('{name}', '{value}')")).join(", ");
    format!(
        "SELECT set_config(name, value, false) FROM (VALUES {wanted}) AS wanted (name, value)
         WHERE current_setting(name, true) IS NOT NULL
           AND (name <> '{ENDED_CLIENTS}' OR version() LIKE '%linux%')"
    )
}

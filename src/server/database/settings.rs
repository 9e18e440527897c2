//! What connections are opened with: nothing that we rely on is left to what the database or its
//! role say.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use sea_orm::sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{address::Address, connector::Opening, limits::Limits};

/// How long SQLite waits for another process that writes. Shorter than a statement may take.
const BUSY: Duration = Duration::from_secs(4);
/// SQLite: kB of pages that a connection keeps at most, as a negative number; pages of the log
/// after which it is moved into the database; statements that a connection keeps prepared.
const SQLITE_CACHE: &str = "-16000";
const SQLITE_CHECKPOINT: &str = "8000";
const SQLITE_STATEMENTS: usize = 256;
/// What a connection that writes plans with: rows are found by their keys, also in tables that
/// were empty when the statement was planned; and it is planned once, not for each batch.
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
/// How PostgreSQL notices that our machine is gone, within 14 s: it asks a connection that rests for
/// 5 s, again every 3 s, and ends it after three questions or 10 s without an answer. A statement
/// that works or waits ends 2 s after its connection.
const NOTICING: [(&str, &str); 5] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    (ENDED_CLIENTS, "2000"),
];
/// The one setting of them that PostgreSQL refuses where its system can't tell.
const ENDED_CLIENTS: &str = "client_connection_check_interval";
/// How long PostgreSQL keeps a transaction open whose process says nothing more.
pub(super) const IDLE_IN_TRANSACTION: &str = "5s";

/// Returns how connections are opened that write, or that only read.
pub(super) fn opening(address: &Address, limits: Limits, writes: bool) -> Opening {
    match address {
        Address::Sqlite(path) => Opening::Sqlite(Box::new(sqlite_options(path, writes))),
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

pub(super) fn sqlite_options(path: &Path, writes: bool) -> SqliteConnectOptions {
    let options = existing_sqlite(path, writes);
    options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
}

/// Returns how a file is opened that is there already, and whose journal stays as it is.
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
    ];
    if writes {
        settings.extend(PLANS.map(|(name, value)| (name, value.to_owned())));
    }
    let set = |(name, value)| format!("SET {scope}{name} = {value}; ");
    let settings: String = settings.into_iter().map(set).collect();
    // The connection of a pooler to PostgreSQL is the operator's.
    let noticing = if is_pooled { String::new() } else { format!("{}; ", noticing_our_end()) };
    // A commit that is answered is on disk. Other values than off say where else it must be.
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

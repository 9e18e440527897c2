//! Makes one change of the tables and records it, in one transaction.
//!
//! On PostgreSQL all later statements on a table queue behind a change that waits for the table. So
//! a change waits only a moment, gives way for several times as long, and tries again. Meanwhile it
//! keeps the migration lock, so that no other process waits for the table in its place.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use migration::Migration;
use sea_orm::DbErr;

use super::{Limits, is_locked, own_connection::OwnConnection, settings::IDLE_IN_TRANSACTION};

/// Names the lock under which only one process migrates: "recharge" in ASCII.
const MIGRATION_LOCK: i64 = 0x7265_6368_6172_6765;
/// How long a process waits for another one that migrates, or for tables that are in use.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// Undoes what a change has done so far, and releases its locks.
const GIVE_BACK: &str = "ROLLBACK TO SAVEPOINT change";
/// The longest pause, as a multiple of the wait: even a busy table is free most of the time.
const LONGEST_PAUSE: u32 = 10;
/// The table in which a database records its migrations. Its name and columns are those of SeaORM,
/// with which earlier releases migrated.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS seaql_migrations (
    version    TEXT   NOT NULL PRIMARY KEY,
    applied_at BIGINT NOT NULL
)";

/// Makes a change, first tried at `begun`. Does nothing if another process was quicker.
pub(super) async fn apply(
    connection: &mut OwnConnection,
    migration: &Migration,
    begun: Instant,
) -> Result<(), DbErr> {
    begin(connection).await?;
    let applied = applied(connection).await?;
    if applied.iter().any(|name| name == migration.name) {
        return step(connection, "ROLLBACK").await;
    }
    for attempt in 1.. {
        match carry_out(connection, migration, applied.is_empty()).await {
            Err(error) if is_locked(&error) && begun.elapsed() < PATIENCE => {}
            outcome => {
                outcome?;
                break;
            }
        }
        give_way(connection, attempt).await?;
    }
    step(connection, "COMMIT").await
}

async fn begin(connection: &mut OwnConnection) -> Result<(), DbErr> {
    if cfg!(debug_assertions) {
        abort_if_asked();
    }
    if connection.is_sqlite() {
        return connection.execute("BEGIN IMMEDIATE").await;
    }
    let Limits { whole, table, .. } = connection.limits;
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {};
         SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}';
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK}); SAVEPOINT change",
        whole.as_millis(),
        table.as_millis(),
    );
    connection.execute_after(table, &begin).await
}

async fn carry_out(
    connection: &mut OwnConnection,
    migration: &Migration,
    is_first: bool,
) -> Result<(), DbErr> {
    if is_first {
        step(connection, RECORDS).await?;
    }
    for statement in migration.statements {
        step(connection, statement).await?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let record = format!("INSERT INTO seaql_migrations VALUES ('{}', {now})", migration.name);
    step(connection, &record).await
}

/// Releases the locks of this change and pauses, so that the statements behind it go on. The
/// transaction may stay idle for longer meanwhile, because it holds only the migration lock.
async fn give_way(connection: &mut OwnConnection, attempt: u32) -> Result<(), DbErr> {
    let pause = pause(connection.limits.table, attempt);
    let rest = format!(
        "{GIVE_BACK}; SET LOCAL idle_in_transaction_session_timeout = {}",
        2 * PATIENCE.as_millis()
    );
    connection.execute(&rest).await?;
    tokio::time::sleep(pause).await;
    // This undoes the longer timeout, too.
    connection.execute(GIVE_BACK).await
}

/// Returns how long a change gives way after this attempt: longer each time up to a limit, and
/// partly random, so that changes don't pause in step.
fn pause(wait: Duration, attempt: u32) -> Duration {
    let waits = attempt.saturating_add(2).min(LONGEST_PAUSE);
    (wait * waits).mul_f32(rand::random_range(0.75..=1.0))
}

/// Returns the names of the migrations that a database has, in their order.
///
/// On PostgreSQL a query looks for the table, because `to_regclass` answers from a cache, which
/// misses a table that another process has made since this transaction began.
pub(super) async fn applied(connection: &mut OwnConnection) -> Result<Vec<String>, DbErr> {
    let table = if connection.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE name = 'seaql_migrations'"
    } else {
        "SELECT CAST(tablename AS TEXT) FROM pg_tables
         WHERE tablename = 'seaql_migrations' AND schemaname = ANY (current_schemas(FALSE))"
    };
    if connection.texts(table).await?.is_empty() {
        return Ok(Vec::new());
    }
    connection.texts("SELECT version FROM seaql_migrations ORDER BY version").await
}

/// Runs one statement of a migration.
async fn step(connection: &mut OwnConnection, statement: &str) -> Result<(), DbErr> {
    if cfg!(debug_assertions) {
        abort_if_asked();
    }
    connection.execute_long(statement).await
}

/// Kills the process before the statement whose number a test has put into the environment, as a
/// power cut would. Release builds don't call it.
fn abort_if_asked() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATEMENTS: AtomicU64 = AtomicU64::new(0);
    let number = STATEMENTS.fetch_add(1, Ordering::SeqCst) + 1;
    let asked = std::env::var("RECHARGE_ABORT_AT_STATEMENT");
    if asked.is_ok_and(|asked| asked.parse() == Ok(number)) {
        std::process::abort();
    }
}

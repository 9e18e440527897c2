//! The two databases behind one interface, and the rules for talking to them.
//!
//! - Every transaction is begun in a task of its own: a caller that goes away can't leave one
//!   open on a pooled connection.
//! - SQLite has one writing connection, and what writes begins IMMEDIATE: a deferred transaction
//!   that writes later fails at once, whatever the timeout says.
//! - A conflict is told from a failure in [`errors`], and the whole work is run again.
//! - Who writes all the time on PostgreSQL keeps a [`line`] of its own.

mod errors;
mod line;

use std::{path::Path, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
    sqlx::{self, Executor, sqlite},
};

pub use errors::{is_conflict, is_outage, is_overtaken, is_taken};
pub use line::Line;

/// How often a work that lost a conflict is run again.
const ATTEMPTS: u32 = 10;
/// How long a connection is waited for before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read, and that write on PostgreSQL.
const READERS: u32 = 12;
const WRITERS: u32 = 10;
/// SQLite: kB of pages that a connection keeps at most, as a negative number; pages of the log
/// after which it is moved into the database; statements that a connection keeps prepared.
const SQLITE_CACHE: &str = "-16000";
const SQLITE_CHECKPOINT: &str = "8000";
const SQLITE_STATEMENTS: usize = 256;
/// Names the lock under which only one process migrates: "recharge" in ASCII.
const MIGRATION_LOCK: i64 = 0x7265_6368_6172_6765;

/// A connected database. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Database {
    readers: DatabaseConnection,
    writers: DatabaseConnection,
}

/// Work on an open transaction.
type Work<T> =
    Arc<dyn for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync>;

impl Database {
    /// Connects to `sqlite://PATH` (made where it is missing) or `postgres://…`.
    ///
    /// # Errors
    /// Where the URL is of neither kind or the database can't be reached.
    pub async fn connect(url: &str) -> Result<Self, DbErr> {
        if url.starts_with("sqlite:") {
            return Self::connect_sqlite(url).await;
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Self::connect_postgres(url).await;
        }
        let message = "the URL must start with sqlite:// or postgres://".to_owned();
        Err(DbErr::Conn(RuntimeErr::Internal(message)))
    }

    async fn connect_sqlite(url: &str) -> Result<Self, DbErr> {
        let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
        let path = path.split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?;
        }
        let options = |connections: u32, only_reads: bool| {
            let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
            options
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite
                        .journal_mode(sqlite::SqliteJournalMode::Wal)
                        .synchronous(sqlite::SqliteSynchronous::Full)
                        .busy_timeout(ACQUIRE_TIMEOUT)
                        .foreign_keys(true)
                        .pragma("query_only", if only_reads { "on" } else { "off" })
                        .pragma("cache_size", SQLITE_CACHE)
                        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
                        .statement_cache_capacity(SQLITE_STATEMENTS)
                });
            options
        };
        // The writer first: it makes the file and switches it to WAL.
        let writers = sea_orm::Database::connect(options(1, false)).await?;
        let readers = sea_orm::Database::connect(options(READERS, true)).await?;
        Ok(Self { readers, writers })
    }

    async fn connect_postgres(url: &str) -> Result<Self, DbErr> {
        let options = |connections: u32, only_writes: bool| {
            let mut options = ConnectOptions::new(url.to_owned());
            options
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .sqlx_logging(false)
                .map_sqlx_postgres_opts(move |postgres| {
                    let time = [("idle_in_transaction_session_timeout", "30s")];
                    let plans = [
                        "enable_seqscan",
                        "enable_bitmapscan",
                        "enable_hashjoin",
                        "enable_mergejoin",
                    ];
                    let postgres = postgres.options(time);
                    // What is written is found by its key, also in tables that were empty when
                    // the statement was planned; and it is planned once, not for each batch.
                    if only_writes {
                        let postgres = postgres.options(plans.map(|plan| (plan, "off")));
                        postgres.options([("plan_cache_mode", "force_generic_plan")])
                    } else {
                        postgres
                    }
                })
                // sqlx #4385: a connection may come back inside a transaction. This also finds
                // out whether it still lives. Without BEGIN, PostgreSQL would warn each time that
                // there is nothing to roll back; in a failed transaction BEGIN fails, and the
                // pool opens another connection.
                .map_sqlx_postgres_before_acquire(|connection, _| {
                    Box::pin(async move {
                        connection
                            .execute(sqlx::AssertSqlSafe("BEGIN; ROLLBACK"))
                            .await
                            .map(|_| true)
                    })
                });
            options
        };
        let writers = sea_orm::Database::connect(options(WRITERS, true)).await?;
        let readers = sea_orm::Database::connect(options(READERS, false)).await?;
        Ok(Self { readers, writers })
    }

    /// Brings the tables up to date; of several processes one at a time.
    ///
    /// # Errors
    /// Where a statement fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        if self.is_sqlite() {
            return Migrator::up(&self.writers, None).await;
        }
        let lock = self.writers.begin().await?;
        let take = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        lock.execute_unprepared(&take).await?;
        Migrator::up(&self.writers, None).await?;
        lock.commit().await
    }

    /// Whether this is SQLite, which has exactly one writer.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.writers.get_database_backend() == DbBackend::Sqlite
    }

    /// For single statements that read.
    #[must_use]
    pub const fn reader(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// For single statements that find rows by their keys: on PostgreSQL those connections plan
    /// for it that write; on SQLite the one that writes is not to be waited for.
    #[must_use]
    pub fn finder(&self) -> &DatabaseConnection {
        if self.is_sqlite() { &self.readers } else { &self.writers }
    }

    /// The texts of the JSON array `$1` as rows of `listed`, each its `id`: what is asked stays the
    /// same however many they are.
    #[must_use]
    pub fn listed(&self) -> &'static str {
        if self.is_sqlite() {
            "(SELECT value AS id FROM json_each($1)) AS listed"
        } else {
            "json_array_elements_text(CAST($1 AS json)) AS listed (id)"
        }
    }

    /// For single statements that write.
    #[must_use]
    pub const fn writer(&self) -> &DatabaseConnection {
        &self.writers
    }

    /// Calls back with every statement that reads, for tests that count them.
    pub fn on_read(&mut self, callback: impl Fn(&str) + Send + Sync + 'static) {
        self.readers.set_metric_callback(move |info| callback(&info.statement.sql));
    }

    /// Reads several things from one snapshot.
    ///
    /// # Errors
    /// Where a statement fails.
    pub async fn snapshot<T, F>(&self, read: F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, DbErr>>
            + Send
            + Sync
            + 'static,
    {
        let options = if self.is_sqlite() {
            TransactionOptions::default()
        } else {
            TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            }
        };
        in_own_task(self.readers.clone(), options, Arc::new(read)).await
    }

    /// Writes in one transaction; run again as a whole where it lost a conflict.
    ///
    /// # Errors
    /// Where a statement fails for another reason, or the conflict does not end.
    pub async fn write<T, F>(&self, work: F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, DbErr>>
            + Send
            + Sync
            + 'static,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: self.is_sqlite().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        in_own_task(self.writers.clone(), options, Arc::new(work)).await
    }
}

async fn in_own_task<T: Send + 'static>(
    connection: DatabaseConnection,
    options: TransactionOptions,
    work: Work<T>,
) -> Result<T, DbErr> {
    let task = tokio::spawn(async move {
        let mut attempt = 1;
        loop {
            match run(&connection, options, &work).await {
                Err(error) if is_conflict(&error) && attempt < ATTEMPTS => {
                    let spread = Duration::from_millis(rand::random_range(0..=10));
                    tokio::time::sleep(spread * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    });
    task.await.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

async fn run<T>(
    connection: &DatabaseConnection,
    options: TransactionOptions,
    work: &Work<T>,
) -> Result<T, DbErr> {
    let transaction = connection.begin_with_options(options).await?;
    match work(&transaction).await {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a failed rollback ends the connection.
            transaction.rollback().await.ok();
            Err(error)
        }
    }
}

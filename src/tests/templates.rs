//! Databases with tables and nothing in them, of which each test gets a copy: to make the tables
//! anew takes ten times as long.
//!
//! They are named after the test program, whose migrations made them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use recharge::server::database::Database;
use sea_orm::{
    ConnectionTrait,
    sqlx::{self, Connection, PgConnection},
};

use crate::databases::{on_server, on_the_same};

/// Held while a template is made: any number that nobody else takes.
const MAKING: i64 = 0x7265_6368_6172_6765;

/// Returns a SQLite file with all tables.
pub async fn sqlite() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = folder.join(format!("{}.db", name()));
    if !made.exists() {
        forget_others(folder);
        // Several processes may make one: the last rename wins, and all are the same.
        let making = tempfile::TempDir::new_in(folder).unwrap();
        let [file, copy] = ["recharge.db", "copy.db"].map(|name| making.path().join(name));
        let database = with_tables(&format!("sqlite://{}", file.display())).await;
        let whole = "PRAGMA wal_checkpoint(TRUNCATE)";
        database.writer().execute_unprepared(whole).await.unwrap();
        std::fs::copy(file, &copy).unwrap();
        std::fs::rename(copy, &made).unwrap();
    }
    made
}

/// Returns the name of a database with all tables in this cluster.
pub async fn postgres(server: &str) -> String {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let name = name();
    if !exists(&mut connection, &name).await {
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(MAKING);
        lock.execute(&mut connection).await.unwrap();
    }
    if !exists(&mut connection, &name).await {
        let making = format!("{name}_making");
        on_server(server, &format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)")).await;
        on_server(server, &format!("CREATE DATABASE {making}")).await;
        // PostgreSQL waits until the connections to it have ended.
        drop(with_tables(&on_the_same(server, &making)).await);
        on_server(server, &format!("ALTER DATABASE {making} RENAME TO {name}")).await;
    }
    connection.close().await.unwrap();
    name
}

async fn exists(connection: &mut PgConnection, name: &str) -> bool {
    let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(name);
    found.fetch_optional(connection).await.unwrap().is_some()
}

async fn with_tables(url: &str) -> Database {
    let database = Database::connect(url).await.unwrap();
    database.migrate().await.unwrap();
    database
}

/// Removes the files of programs of before, which nobody runs any more.
fn forget_others(folder: &Path) {
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|it| it.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_hours(2)))
    };
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("tables_") && is_old(&entry.path()) {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

fn name() -> String {
    let program = std::env::current_exe().unwrap();
    let mut hasher = DefaultHasher::new();
    program.metadata().unwrap().modified().unwrap().hash(&mut hasher);
    program.hash(&mut hasher);
    format!("tables_{:016x}", hasher.finish())
}

//! A fresh database for each test: a SQLite file, or a database in the test cluster.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use recharge::server::database::{Database, is_conflict};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use uuid::Uuid;

use crate::templates;

/// How long a change behind the product's back waits for a process at work.
const PATIENCE: Duration = Duration::from_secs(20);

/// A fresh, migrated database, removed at the end.
pub struct TestDatabase {
    pub database: Database,
    /// Where other processes would find it.
    pub url: String,
    cleanup: Cleanup,
}

enum Cleanup {
    Folder(#[expect(dead_code, reason = "removed when it is dropped")] TempDir),
    Postgres { server: String, name: String },
}

/// What a test starts from.
pub trait Given {
    /// Puts it up on a fresh database.
    async fn given(database: TestDatabase) -> Self;
}

impl Given for TestDatabase {
    async fn given(database: TestDatabase) -> Self {
        database
    }
}

/// Runs a test with what it starts from.
pub async fn run<G: Given, F: Future<Output = ()>>(
    test: impl FnOnce(G) -> F,
    database: TestDatabase,
) {
    test(G::given(database).await).await;
}

/// Runs tests on both databases: each is an `async fn` of what it starts from, a [`TestDatabase`]
/// or a [`crate::app::TestApp`]. One that is not named here is dead code, which clippy refuses.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                let database = crate::databases::TestDatabase::sqlite().await;
                crate::databases::run(super::$test, database).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                let database = crate::databases::TestDatabase::postgres().await;
                crate::databases::run(super::$test, database).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;

impl TestDatabase {
    /// A SQLite file in a folder of its own.
    pub async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::copy(templates::sqlite().await, folder.path().join("recharge.db")).unwrap();
        Self::in_folder(folder).await
    }

    /// The same without tables.
    pub async fn empty_sqlite() -> Self {
        Self::in_folder(TempDir::new().unwrap()).await
    }

    async fn in_folder(folder: TempDir) -> Self {
        let url = format!("sqlite://{}/recharge.db", folder.path().display());
        Self::connected(url, Cleanup::Folder(folder)).await
    }

    /// A database of its own in the cluster at `TEST_POSTGRES_URL`.
    pub async fn postgres() -> Self {
        let server = test_cluster();
        let template = templates::postgres(&server).await;
        Self::new_on(server, &template).await
    }

    /// The same without tables.
    pub async fn empty_postgres() -> Self {
        Self::new_on(test_cluster(), "template1").await
    }

    /// A database of its own in this cluster.
    pub async fn on_cluster(server: String) -> Self {
        let new = Self::new_on(server, "template1").await;
        new.database.migrate().await.unwrap();
        new
    }

    async fn new_on(server: String, template: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        on_server(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let url = on_the_same(&server, &name);
        Self::connected(url, Cleanup::Postgres { server, name }).await
    }

    async fn connected(url: String, cleanup: Cleanup) -> Self {
        let database = Database::connect(&url).await.unwrap();
        Self { database, url, cleanup }
    }

    /// Connects once more, as another process would.
    pub async fn another_process(&self) -> Database {
        Database::connect(&self.url).await.unwrap()
    }

    /// Takes a PostgreSQL database away, or lets it come back.
    pub async fn refuse_connections(&self, refuse: bool) {
        let Cleanup::Postgres { server, name } = &self.cleanup else {
            panic!("a file can't be away");
        };
        on_server(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !refuse)).await;
        if refuse {
            let end = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            on_server(server, &end).await;
        }
    }

    /// Changes rows behind the product's back.
    pub async fn tamper(&self, sql: &str) -> u64 {
        let (writer, begun) = (self.database.writer(), Instant::now());
        // On SQLite a process at work may not let us in at once.
        loop {
            // Prepared where it can be: other statements end their connection.
            let done = if sql.contains(';') {
                writer.execute_unprepared(sql).await
            } else {
                let sql = Statement::from_string(writer.get_database_backend(), sql);
                writer.execute_raw(sql).await
            };
            match done {
                Ok(done) => return done.rows_affected(),
                Err(error) if is_conflict(&error) && begun.elapsed() < PATIENCE => {}
                Err(error) => panic!("{sql}: {error}"),
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Cleanup::Postgres { server, name } = &self.cleanup {
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            let server = server.clone();
            let runtime = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| runtime.block_on(on_server(&server, &drop)));
        }
    }
}

fn test_cluster() -> String {
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL names the test cluster: run `make check` or `make test`")
}

/// The URL of another database of a cluster.
pub fn on_the_same(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    url.to_string()
}

pub async fn on_server(server: &str, sql: &str) {
    let connection = sea_orm::Database::connect(server).await.unwrap();
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}

/// A seed for a randomised test: from `TEST_SEED`, or a new one; printed, so that a failure can
/// be run again.
pub fn seed() -> u64 {
    let given = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos() % 1_000_000_007).unwrap()
    });
    println!("TEST_SEED={seed}");
    seed
}

//! A fresh, migrated database for each test: an SQLite file, or a PostgreSQL database copied from
//! a template that the first test makes.

use std::{panic::resume_unwind, time::UNIX_EPOCH};

use recharge::server::database::Database;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement};
use tempfile::TempDir;
use uuid::Uuid;

/// Held while the template is made; one test process at a time: "template" in ASCII.
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file in a folder of its own.
    Sqlite,
    /// A database in the cluster that TEST_POSTGRES_URL names.
    Postgres,
}

/// A database that lives as long as its test.
pub struct Fresh {
    /// Where it is.
    pub url: String,
    home: Home,
}

enum Home {
    Folder(#[expect(dead_code, reason = "is deleted when it is dropped")] TempDir),
    Cluster { name: String },
}

impl Fresh {
    /// Makes a migrated database.
    pub async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::file().await,
            Kind::Postgres => Self::copy().await,
        }
    }

    async fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/recharge.db", folder.path().display());
        migrated(&url).await;
        Self { url, home: Home::Folder(folder) }
    }

    async fn copy() -> Self {
        let admin = administrator().await;
        let template = template(&admin).await;
        let name = format!("test_{}", Uuid::now_v7().simple());
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        admin.close().await.unwrap();
        Self { url: url_of(&name), home: Home::Cluster { name } }
    }

    /// Removes it, whoever is still connected.
    pub async fn remove(self) {
        if let Home::Cluster { name } = self.home {
            let admin = administrator().await;
            execute(&admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            admin.close().await.unwrap();
        }
    }
}

/// What a test is about, on a fresh database: the whole server, or the ledger alone.
pub trait Subject: Sized + Send + 'static {
    /// Starts it on the database at a URL.
    fn start(url: String) -> impl Future<Output = Self> + Send;
}

/// A migrated database alone.
pub struct TestDatabase {
    /// Connections to it.
    pub database: Database,
    /// Where other processes find it.
    url: String,
}

impl Subject for TestDatabase {
    async fn start(url: String) -> Self {
        Self { database: Database::connect(&url).await.unwrap(), url }
    }
}

impl TestDatabase {
    /// Connects once more, as another process would.
    pub async fn another_process(&self) -> Database {
        Database::connect(&self.url).await.unwrap()
    }

    /// Changes rows behind the product's back.
    pub async fn tamper(&self, sql: &str) -> u64 {
        self.database.writer().execute_unprepared(sql).await.unwrap().rows_affected()
    }
}

/// Runs a test with a fresh database, and removes that even where the test fails.
pub async fn run_test<S, F>(kind: Kind, test: fn(S) -> F)
where
    S: Subject,
    F: Future<Output = ()> + Send + 'static,
{
    let fresh = Fresh::new(kind).await;
    let url = fresh.url.clone();
    let outcome = tokio::spawn(async move { test(S::start(url).await).await }).await;
    fresh.remove().await;
    if let Err(failure) = outcome {
        resume_unwind(failure.into_panic());
    }
}

/// A seed for a randomised test: from `TEST_SEED`, or a new one; printed, so that a failure can
/// be run again.
pub fn seed() -> u64 {
    let given = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(rand::random::<u32>).into();
    println!("TEST_SEED={seed}");
    seed
}

/// The administrator's URL. Without it half of what is promised would go untested in silence.
fn cluster() -> url::Url {
    let url = std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL must name a PostgreSQL superuser; `make check` and `make test` start a cluster",
    );
    url.parse().expect("TEST_POSTGRES_URL must be a URL")
}

fn url_of(name: &str) -> String {
    let mut url = cluster();
    url.set_path(name);
    url.to_string()
}

/// One connection: the lock belongs to it.
async fn administrator() -> DatabaseConnection {
    let mut options = ConnectOptions::new(cluster().to_string());
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("the cluster of TEST_POSTGRES_URL answers")
}

/// The template of this build of the tests: another build may have other migrations.
async fn template(admin: &DatabaseConnection) -> String {
    let built = std::env::current_exe().unwrap().metadata().unwrap().modified().unwrap();
    let name = format!("template_{}", built.duration_since(UNIX_EPOCH).unwrap().as_nanos());
    execute(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let statement = Statement::from_string(admin.get_database_backend(), exists);
    if admin.query_one_raw(statement).await.unwrap().is_none() {
        let unfinished = format!("{name}_unfinished");
        execute(admin, &format!("DROP DATABASE IF EXISTS {unfinished}")).await;
        execute(admin, &format!("CREATE DATABASE {unfinished}")).await;
        migrated(&url_of(&unfinished)).await;
        execute(admin, &format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    }
    execute(admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

async fn migrated(url: &str) {
    let database = Database::connect(url).await.unwrap();
    database.migrate().await.unwrap();
    database.reader().close_by_ref().await.unwrap();
    database.writer().close_by_ref().await.unwrap();
}

async fn execute(admin: &DatabaseConnection, statement: &str) {
    admin
        .execute_unprepared(statement)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Makes a test of each named function, once with SQLite and once with PostgreSQL. The functions
/// take a [`Subject`]; one that is not named here is dead code, which clippy refuses.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    use $crate::databases::{Kind, run_test};
                    run_test(Kind::Sqlite, super::$test).await;
                }
            )+
        }
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    use $crate::databases::{Kind, run_test};
                    run_test(Kind::Postgres, super::$test).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_databases;

//! Throw-away databases: a SQLite file in a temporary folder, a database in the cluster of
//! `scripts/with-postgres.sh`. Both are as durable as in production.

use std::path::PathBuf;

use recharge::server::{clock::Clock, database::Database, ledger::Ledger};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::Answer;

/// Which database is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// A migrated database with a ledger at work, and a place for the limit's own data.
pub struct Store {
    pub kind: Kind,
    pub url: String,
    pub database: Database,
    pub ledger: Ledger,
    folder: TempDir,
}

impl Store {
    pub async fn new(kind: Kind, name: &str) -> Answer<Self> {
        let folder = TempDir::new()?;
        let url = match kind {
            Kind::Postgres => create_in_cluster(&format!("bench_{name}")).await?,
            Kind::Sqlite => format!("sqlite://{}/recharge.db", folder.path().display()),
        };
        let database = Database::connect(&url).await?;
        database.migrate().await?;
        let ledger = Ledger::start(database.clone(), Clock::default());
        Ok(Self { kind, url, database, ledger, folder })
    }

    /// A file of this name beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the writers; a database in the cluster is dropped.
    pub async fn remove(self) -> Answer<()> {
        self.ledger.close().await;
        let Some((_, name)) = self.url.rsplit_once('/').filter(|_| self.kind == Kind::Postgres)
        else {
            return Ok(());
        };
        drop_in_cluster(name).await
    }
}

/// The address of the cluster, without the name of a database.
fn cluster() -> Answer<String> {
    let url = std::env::var("TEST_POSTGRES_URL")
        .map_err(|_| "TEST_POSTGRES_URL names the cluster: run `make bench`")?;
    let (cluster, _) = url.rsplit_once('/').ok_or("TEST_POSTGRES_URL names no database")?;
    Ok(cluster.to_owned())
}

/// Makes an empty database and tells its address.
pub async fn create_in_cluster(name: &str) -> Answer<String> {
    drop_in_cluster(name).await?;
    on_cluster("postgres", &format!("CREATE DATABASE {name}")).await?;
    Ok(format!("{}/{name}", cluster()?))
}

pub async fn drop_in_cluster(name: &str) -> Answer<()> {
    on_cluster("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

/// Lets PostgreSQL look at the tables of a database, as it does by itself within minutes.
pub async fn analyze_in_cluster(name: &str) -> Answer<()> {
    on_cluster(name, "ANALYZE").await
}

async fn on_cluster(database: &str, sql: &str) -> Answer<()> {
    let connection = sea_orm::Database::connect(format!("{}/{database}", cluster()?)).await?;
    connection.execute_unprepared(sql).await?;
    connection.close().await?;
    Ok(())
}

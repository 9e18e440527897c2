//! What hand-written SQL reaches: `limit/debit.sql` run by pgbench, `limit/debit.c` on SQLite.

use std::{path::PathBuf, process::Command, time::Duration};

use crate::{
    Answer,
    store::{Kind, Store, create_in_cluster},
};
use sea_orm::ConnectionTrait;

const SCHEMA: &str = include_str!("limit/schema.sql");
const DEBIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limit/debit.sql");

/// The limit beside which one database is measured, with its own accounts.
#[derive(Clone, Debug)]
pub enum Limit {
    Postgres { url: String, pgbench: PathBuf },
    Sqlite { file: PathBuf, program: PathBuf },
}

impl Limit {
    /// Makes its accounts.
    pub async fn new(store: &Store) -> Answer<Self> {
        Ok(match store.kind {
            Kind::Postgres => {
                let url = create_in_cluster("bench_limit").await?;
                let connection = sea_orm::Database::connect(&url).await?;
                connection.execute_unprepared(SCHEMA).await?;
                connection.execute_unprepared("VACUUM ANALYZE").await?;
                connection.close().await?;
                let folder = std::env::var("POSTGRES_BIN").map(PathBuf::from).unwrap_or_default();
                Self::Postgres { url, pgbench: folder.join("pgbench") }
            }
            Kind::Sqlite => {
                let program = std::env::var("BENCH_SQLITE_LIMIT")
                    .map_err(|_| "BENCH_SQLITE_LIMIT names the limit: run `make bench`")?;
                Self::Sqlite { file: store.file("limit.db"), program: program.into() }
            }
        })
    }

    /// Debits per second on so many accounts; how many clients only PostgreSQL is asked.
    pub async fn run(&self, accounts: usize, clients: usize, length: Duration) -> Answer<f64> {
        let (limit, seconds) = (self.clone(), length.as_secs().max(1).to_string());
        tokio::task::spawn_blocking(move || limit.run_program(accounts, clients, &seconds)).await?
    }

    fn run_program(&self, accounts: usize, clients: usize, seconds: &str) -> Answer<f64> {
        let accounts = accounts.to_string();
        match self {
            Self::Postgres { url, pgbench } => {
                let mut command = Command::new(pgbench);
                command.args(["-n", "-M", "prepared", "-f", DEBIT, "-j", "2", "-T", seconds]);
                command.args(["-c", &clients.to_string(), "-D", &format!("accounts={accounts}")]);
                let told = output(command.arg(url))?;
                let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
                let rate = rate.and_then(|rest| rest.split_whitespace().next());
                // It tells none where no transaction was finished in time.
                Ok(rate.map_or(Ok(0.0), str::parse)?)
            }
            Self::Sqlite { file, program } => {
                let mut command = Command::new(program);
                Ok(output(command.arg(file).args([&accounts, seconds]))?.trim().parse()?)
            }
        }
    }
}

fn output(command: &mut Command) -> Answer<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{command:?} failed: {said}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

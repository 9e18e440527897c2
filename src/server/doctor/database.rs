//! Reaches the database, tries to write to it, and measures how fast it answers.

use std::{path::Path, time::Duration};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tokio::time::Instant;

use super::{Finding, unreadable};
use crate::server::{
    config::Config,
    database::{Changes, Database, Inspected, lacks_table, unwritable},
    ledger, marks, opening, pulse,
};

const SUBJECT: &str = "database";
/// The oldest version of PostgreSQL that Recharge is tested with.
const OLDEST_POSTGRES: i32 = 15;
/// Questions, of which the fastest answer counts.
const QUESTIONS: usize = 5;
/// A command of the ledger asks several times in a row: with slower answers people notice.
const SLOW: Duration = Duration::from_millis(50);

/// Opens the database, or says why it can't be used.
pub(super) async fn open(config: &Config) -> Result<Inspected, Finding> {
    if let Some(file) = Database::file_of(config.database_url.reveal()) {
        can_be_used(&file)?;
    }
    opening::inspect(config).await.map_err(|error| {
        let remedy = "Check DATABASE_URL, and that the database runs and lets this user in.";
        Finding::bad(SUBJECT, error.to_string(), remedy)
    })
}

/// Checks that a SQLite file is there, and that this user may write it and files beside it.
fn can_be_used(file: &Path) -> Result<(), Finding> {
    let shown = file.display();
    if !file.exists() {
        let remedy = "If this installation is new, `recharge migrate` makes it; otherwise \
                      DATABASE_URL names the wrong file, or the command runs in another folder.";
        return Err(Finding::bad(SUBJECT, format!("There is no file {shown}."), remedy));
    }
    if let Some((path, error)) = unwritable(file) {
        let found = format!("{shown} can only be read ({}: {error}).", path.display());
        let remedy = "The user who runs the server must be able to write the file and its \
                      folder, and this command must run as that user, too.";
        return Err(Finding::bad(SUBJECT, found, remedy));
    }
    Ok(())
}

/// Examines an open database: its version, how fast it answers, and whether it takes writes.
pub(super) async fn examine(database: &Database, changes: &Changes) -> Finding {
    let asked = async { Ok::<_, DbErr>((identity(database).await?, answer_time(database).await?)) };
    let (Identity { name, is_old, problem }, took) = match asked.await {
        Ok(known) => known,
        Err(error) => return unreadable(SUBJECT, &error),
    };
    let known = format!("{name} answers in {:.1} ms", took.as_secs_f64() * 1_000.0);
    if let Some((found, remedy)) = problem {
        return Finding::bad(SUBJECT, format!("{known}. {found}"), remedy);
    }
    if let Err(error) = try_to_write(database).await
        && !lacks_table(&error)
    {
        let found = format!("{known}. {}", pulse::sentence(&error));
        let remedy = format!("The database said: {error}. docs/operate/alerts.md has each case.");
        return Finding::bad(SUBJECT, found, remedy);
    }
    if let Err(error) = database.ping_directly().await {
        let found = format!("{known}, and migrations can't reach it: {error}.");
        return Finding::bad(SUBJECT, found, "Set DATABASE_DIRECT_URL to the way past the pooler.");
    }
    if is_old {
        let remedy = format!("Recharge is tested with {OLDEST_POSTGRES} and later: upgrade it.");
        return Finding::doubtful(SUBJECT, format!("{known}, and is old."), remedy);
    }
    let known = if changes.is_empty { known } else { format!("{known} and takes writes") };
    if took > SLOW {
        let remedy = "Put Recharge near its database: a command asks it several times in a row.";
        return Finding::doubtful(SUBJECT, format!("{known}, but slowly."), remedy);
    }
    Finding::good(SUBJECT, format!("{known}."))
}

/// A database's own description of itself.
struct Identity {
    name: String,
    /// Whether it is a PostgreSQL that Recharge is not tested with.
    is_old: bool,
    /// Why nothing can be written, and what to do.
    problem: Option<(&'static str, &'static str)>,
}

async fn identity(database: &Database) -> Result<Identity, DbErr> {
    if let Some(file) = database.sqlite_file() {
        let row = first(database, "SELECT sqlite_version()").await?;
        let version: String = row.try_get_by_index(0)?;
        let name = format!("SQLite {version}, {},", file.display());
        return Ok(Identity { name, is_old: false, problem: None });
    }
    let row = first(
        database,
        "SELECT split_part(current_setting('server_version'), ' ', 1),
                current_setting('server_version_num')::INTEGER / 10000,
                CAST(current_database() AS TEXT),
                COALESCE(host(inet_server_addr()) || ':' || inet_server_port(), 'a socket'),
                pg_is_in_recovery(),
                current_setting('transaction_read_only') = 'on'",
    )
    .await?;
    let (version, named, at): (String, String, String) =
        (row.try_get_by_index(0)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    let problem = if row.try_get_by_index(4)? {
        Some((
            "It is a standby: it can only be read.",
            "Promote it if the primary is dead, otherwise name both hosts in DATABASE_URL \
             (docs/operate/failover.md).",
        ))
    } else if row.try_get_by_index(5)? {
        Some((
            "It can only be read: default_transaction_read_only is on.",
            "Set it to off for the database and its user, or name another database.",
        ))
    } else {
        None
    };
    let name = format!("PostgreSQL {version}, database {named} at {at},");
    let is_old = row.try_get_by_index::<i32>(1)? < OLDEST_POSTGRES;
    Ok(Identity { name, is_old, problem })
}

async fn first(database: &Database, sql: &str) -> Result<QueryResult, DbErr> {
    // A connection that writes sees its own settings, which count here.
    let writer = database.writer();
    let statement = Statement::from_string(writer.get_database_backend(), sql);
    let row = writer.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
}

async fn answer_time(database: &Database) -> Result<Duration, DbErr> {
    let mut fastest = Duration::MAX;
    for _ in 0..QUESTIONS {
        let asked_at = Instant::now();
        database.writer().ping().await?;
        fastest = fastest.min(asked_at.elapsed());
    }
    Ok(fastest)
}

async fn try_to_write(database: &Database) -> Result<(), DbErr> {
    marks::try_to_write(database.writer()).await?;
    ledger::try_to_write(database.writer()).await
}

//! Refuses commands that would wait for a lock that somebody else holds for long.
//!
//! A process that was stopped in the middle of a transaction, or a dead one that PostgreSQL hasn't
//! noticed yet, keeps the rows of some accounts locked. For [`PAUSE`], commands of these accounts
//! are refused at once, so that the other accounts of the writer don't wait.
//!
//! A change of a table's structure, `CREATE INDEX` or `LOCK TABLE` locks a whole table, and another
//! program that writes locks a SQLite file. Then all commands are refused at once for [`PAUSE`]:
//! each of them would wait for the same lock.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{
    LedgerError, gather,
    queue::{Request, Waiting},
};
use crate::credits::AccountId;

/// How long commands are refused before a lock is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// The tables that a batch writes to.
const TABLES: [&str; 9] = [
    "accounts",
    "allocations",
    "entries",
    "events",
    "hold_allocations",
    "holds",
    "lots",
    "purchases",
    "usage_daily",
];

/// The accounts whose commands are refused, each with the end of that.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    accounts: HashMap<AccountId, Instant>,
    /// Until when the commands of all accounts are refused.
    all: Option<Instant>,
}

/// The lock that keeps a batch waiting.
#[derive(Debug)]
pub(super) enum Locked {
    /// Somebody else holds a table.
    Table(String),
    /// Somebody else holds the rows of these accounts. The list is empty if another row is locked,
    /// such as that of a purchase, or if the lock is gone.
    Accounts(Vec<AccountId>),
}

impl Blocked {
    /// Refuses commands of these accounts for a moment.
    pub fn add(&mut self, accounts: impl IntoIterator<Item = AccountId>) {
        let until = Instant::now() + PAUSE;
        for account in accounts {
            tracing::warn!(%account, "somebody else has locked an account");
            self.accounts.insert(account, until);
        }
    }

    /// Refuses all commands for a moment.
    pub fn add_all(&mut self) {
        self.all = Some(Instant::now() + PAUSE);
    }

    /// Answers the commands of blocked accounts, and returns the others.
    pub fn refuse(&mut self, batch: Vec<Waiting>) -> Vec<Waiting> {
        if self.accounts.is_empty() && self.all.is_none() {
            return batch;
        }
        let now = Instant::now();
        self.accounts.retain(|_, until| *until > now);
        self.all = self.all.filter(|until| *until > now);
        let is_free = |(request, _): &Waiting| {
            self.all.is_none() && !self.accounts.contains_key(&request.account)
        };
        let (free, blocked): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_free);
        for (_, sender) in blocked {
            sender.send(Err(LedgerError::Unavailable)).ok();
        }
        free
    }
}

/// Finds on PostgreSQL the lock that a batch waits for, without waiting itself.
pub(super) async fn find_locked(
    connection: &impl ConnectionTrait,
    requests: &[Request],
) -> Result<Locked, DbErr> {
    match locked_table(connection).await? {
        Some(table) => Ok(Locked::Table(table)),
        None => locked_accounts(connection, requests).await.map(Locked::Accounts),
    }
}

/// Returns a table of the ledger whose lock keeps writers out. A lock that somebody still waits for
/// counts, too: later statements queue behind it. Returns `None` if there is no such table.
async fn locked_table(connection: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let tables = TABLES.map(|table| format!("CAST('{table}' AS regclass)")).join(", ");
    let sql = format!(
        "SELECT CAST(CAST(relation AS regclass) AS TEXT) FROM pg_locks
         WHERE locktype = 'relation' AND relation IN ({tables})
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                        'AccessExclusiveLock')
         LIMIT 1"
    );
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// Returns the accounts of a batch whose rows somebody else has locked.
async fn locked_accounts(
    connection: &impl ConnectionTrait,
    requests: &[Request],
) -> Result<Vec<AccountId>, DbErr> {
    let all = ids_found(connection, requests, "").await?;
    let free = ids_found(connection, requests, "FOR UPDATE OF accounts SKIP LOCKED").await?;
    Ok(all.difference(&free).cloned().map(AccountId).collect())
}

/// Returns the accounts of a batch that exist and that `clause` lets through.
async fn ids_found(
    connection: &impl ConnectionTrait,
    requests: &[Request],
    clause: &str,
) -> Result<BTreeSet<String>, DbErr> {
    let (backend, mut values) = (connection.get_database_backend(), Vec::new());
    let sql = format!(
        "SELECT accounts.id FROM {} JOIN accounts ON accounts.id = new.id {clause}",
        gather::ids(requests).source(backend, &mut values),
    );
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = connection.query_all_raw(statement).await?;
    rows.into_iter().map(|row| row.try_get_by_index(0)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::DbBackend;

    use super::{super::write, TABLES};

    /// The table that a statement inserts into or updates.
    fn table(statement: &str) -> &str {
        let words: Vec<_> = statement.split_whitespace().collect();
        match words[..] {
            ["INSERT", "INTO", table, ..] | ["UPDATE", table, "SET", ..] => table,
            _ => panic!("{statement}"),
        }
    }

    #[test]
    fn the_tables_that_a_batch_writes_to_are_those_whose_locks_are_found() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let trial = write::trial(backend);
            let written: BTreeSet<_> = trial.statements().iter().map(|it| table(it)).collect();
            assert_eq!(written, BTreeSet::from(TABLES));
        }
    }
}

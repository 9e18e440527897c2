//! Accounts whose rows somebody has locked for longer than we wait: a process that was stopped in
//! the middle of a transaction, or one that PostgreSQL hasn't found dead yet.
//!
//! Their commands are refused at once for a moment, so that they don't keep the other accounts of
//! their writer waiting.

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

/// How long an account stays refused before its lock is tried again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Blocked(HashMap<AccountId, Instant>);

impl Blocked {
    /// Refuses commands of these accounts for a moment.
    pub fn add(&mut self, accounts: impl IntoIterator<Item = AccountId>) {
        let until = Instant::now() + PAUSE;
        for account in accounts {
            tracing::warn!(%account, "somebody else has locked an account");
            self.0.insert(account, until);
        }
    }

    /// Answers the commands of blocked accounts, and returns the others.
    pub fn refuse(&mut self, batch: Vec<Waiting>) -> Vec<Waiting> {
        if self.0.is_empty() {
            return batch;
        }
        let now = Instant::now();
        self.0.retain(|_, until| *until > now);
        let is_free = |(request, _): &Waiting| !self.0.contains_key(&request.account);
        let (free, blocked): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_free);
        for (_, sender) in blocked {
            sender.send(Err(LedgerError::Unavailable)).ok();
        }
        free
    }
}

/// Returns the accounts of a batch whose rows somebody else has locked.
pub(super) async fn locked_by_others(
    connection: &impl ConnectionTrait,
    requests: &[Request],
) -> Result<Vec<AccountId>, DbErr> {
    let all = ids_found(connection, requests, "").await?;
    let free = ids_found(connection, requests, "FOR UPDATE OF accounts SKIP LOCKED").await?;
    Ok(all.difference(&free).cloned().map(AccountId).collect())
}

/// Returns which accounts of a batch are there, or only those that a clause lets through.
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

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
    let (backend, mut values) = (connection.get_database_backend(), Vec::new());
    let sql = format!(
        "SELECT accounts.id FROM {} JOIN accounts ON accounts.id = new.id
         FOR UPDATE OF accounts SKIP LOCKED",
        gather::ids(requests).source(backend, &mut values),
    );
    let free = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?
        .into_iter()
        .map(|row| row.try_get_by_index::<String>(0));
    let free = free.collect::<Result<BTreeSet<_>, _>>()?;
    let asked: BTreeSet<_> = requests.iter().map(|request| &request.account).collect();
    Ok(asked.into_iter().filter(|id| !free.contains(&id.0)).cloned().collect())
}

//! What idempotency keys have led to.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Statement, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{LedgerError, Outcome, rows, rowset::Rowset, runs::Run};
use crate::{
    credits::{AccountId, Credits, Refusal},
    server::entity::{columns, entry},
};

/// An idempotency key, with what was asked under it: the same key with other content is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    pub(super) key: String,
    /// SHA-256 of the content, in hex.
    pub(super) digest: String,
    /// The run of a program that has a ceiling.
    pub(super) run: Option<Run>,
}

impl RequestKey {
    /// A key for this content.
    #[must_use]
    pub fn new(key: impl Into<String>, content: &impl Serialize) -> Self {
        // What can't be written down as JSON has an empty digest: its key stands for itself.
        let content = serde_json::to_vec(content).unwrap_or_default();
        Self { key: key.into(), digest: hex::encode(Sha256::digest(content)), run: None }
    }

    /// The same, as a part of a run that may cost so much in all. A run is known by its name
    /// within the account.
    #[must_use]
    pub fn in_run(self, name: String, ceiling: Credits) -> Self {
        Self { run: Some(Run { name, ceiling }), ..self }
    }
}

/// The outcomes of keys, with the digest of what was asked.
#[derive(Default)]
pub(super) struct Known(HashMap<(AccountId, String), (String, Outcome)>);

/// Reads what a key has led to before.
///
/// # Errors
/// Where it was used with other content, or the database can't be read.
pub(super) async fn find_one(
    connection: &impl ConnectionTrait,
    account: &AccountId,
    key: &RequestKey,
) -> Result<Option<Outcome>, LedgerError> {
    let values: [Value; 2] = [account.0.clone().into(), key.key.clone().into()];
    let sql = format!(
        "SELECT {} FROM entries WHERE account_id = $1 AND request_key = $2
         AND request_key IS NOT NULL",
        columns::<entry::Entity>(),
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let found = entry::Entity::find().from_raw_sql(statement).one(connection).await;
    let mut known = Known::default();
    let taken = found.and_then(|row| row.map_or(Ok(()), |row| known.take(row)));
    taken.map_err(|error| {
        tracing::error!(%error, "reading a request failed");
        LedgerError::Unavailable
    })?;
    Ok(known.outcome(account, key).transpose()?)
}

/// Whether any of some keys was used with other content.
pub(super) async fn is_any_reused(
    connection: &impl ConnectionTrait,
    requests: impl Iterator<Item = (&AccountId, &RequestKey)>,
) -> Result<bool, DbErr> {
    let row = |(account, key): (&AccountId, &RequestKey)| {
        vec![account.0.clone().into(), key.key.clone().into(), key.digest.clone().into()]
    };
    let keys = Rowset::of_texts(&["account", "key", "digest"], requests.map(row).collect());
    if keys.is_empty() {
        return Ok(false);
    }
    let (backend, mut values) = (connection.get_database_backend(), Vec::new());
    let known = of_keys(&keys.source(backend, &mut values));
    let sql = format!("{known} WHERE entries.request_digest <> new.digest LIMIT 1");
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Ok(connection.query_one_raw(statement).await?.is_some())
}

/// The entries that keys have led to, as a part of a batch on PostgreSQL.
pub(super) fn of_keys(keys: &str) -> String {
    format!(
        "SELECT 1 FROM {keys} JOIN entries ON entries.account_id = new.account
         AND entries.request_key = new.key AND entries.request_key IS NOT NULL"
    )
}

impl Known {
    /// Adds the entry that a key has led to.
    ///
    /// # Errors
    /// Where the entry can't be read.
    pub(super) fn take(&mut self, row: entry::Model) -> Result<(), DbErr> {
        let name = (AccountId(row.account_id.clone()), row.request_key.clone().unwrap_or_default());
        let digest = row.request_digest.clone().unwrap_or_default();
        self.0.insert(name, (digest, Outcome::of(&rows::entry(row)?, true)));
        Ok(())
    }

    /// What a key has led to, where it is known; a refusal where something else was asked.
    pub(super) fn outcome(
        &self,
        account: &AccountId,
        key: &RequestKey,
    ) -> Option<Result<Outcome, Refusal>> {
        let (digest, outcome) = self.0.get(&(account.clone(), key.key.clone()))?;
        Some(if *digest == key.digest { Ok(outcome.clone()) } else { Err(Refusal::KeyReused) })
    }

    /// Remembers what a key has led to just now.
    pub(super) fn remember(&mut self, account: &AccountId, key: &RequestKey, outcome: &Outcome) {
        let outcome = Outcome { replayed: true, ..outcome.clone() };
        self.0.insert((account.clone(), key.key.clone()), (key.digest.clone(), outcome));
    }
}

//! What idempotency keys have led to.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Statement};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{LedgerError, Outcome, queue::Waiting, rows, rowset::Rowset, runs::Run};
use crate::{
    credits::{AccountId, Credits, Refusal},
    server::entity::entry,
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

/// Reads what the keys of a batch have led to before. One query.
pub(super) async fn load(
    connection: &impl ConnectionTrait,
    batch: &[Waiting],
) -> Result<Known, DbErr> {
    find(connection, batch.iter().filter_map(|(request, _)| request.key())).await
}

/// Reads what a key has led to before.
///
/// # Errors
/// Where it was used with other content, or the database can't be read.
pub(super) async fn find_one(
    connection: &impl ConnectionTrait,
    account: &AccountId,
    key: &RequestKey,
) -> Result<Option<Outcome>, LedgerError> {
    let found = find(connection, std::iter::once((account, key))).await;
    let known = found.map_err(|error| {
        tracing::error!(%error, "reading a request failed");
        LedgerError::Unavailable
    })?;
    Ok(known.outcome(account, key).transpose()?)
}

/// Reads what some keys have led to before. One query, or none.
pub(super) async fn find<'a>(
    connection: &impl ConnectionTrait,
    keys: impl Iterator<Item = (&'a AccountId, &'a RequestKey)>,
) -> Result<Known, DbErr> {
    // A key that is asked for twice is found once.
    let keys: BTreeSet<_> = keys.map(|(account, key)| (&account.0, &key.key)).collect();
    if keys.is_empty() {
        return Ok(Known::default());
    }
    let row = |(account, key): (&String, &String)| vec![account.clone().into(), key.clone().into()];
    let asked = Rowset::of_texts(&["account", "key"], keys.into_iter().map(row).collect());
    let (backend, mut values) = (connection.get_database_backend(), Vec::new());
    let sql = format!(
        "SELECT entries.* FROM {} JOIN entries ON entries.account_id = new.account
          AND entries.request_key = new.key AND entries.request_key IS NOT NULL",
        asked.source(backend, &mut values),
    );
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let found = entry::Entity::find().from_raw_sql(statement).all(connection).await?;
    let mut known = HashMap::new();
    for row in found {
        let name = (AccountId(row.account_id.clone()), row.request_key.clone().unwrap_or_default());
        let digest = row.request_digest.clone().unwrap_or_default();
        known.insert(name, (digest, Outcome::of(&rows::entry(row)?, true)));
    }
    Ok(Known(known))
}

impl Known {
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

    /// Answers who asks for what is known; the others are left.
    pub(super) fn answer(&self, batch: Vec<Waiting>) -> Vec<Waiting> {
        let mut rest = Vec::with_capacity(batch.len());
        for (request, sender) in batch {
            match request.key().and_then(|(account, key)| self.outcome(account, key)) {
                // A caller that went away has changed nothing.
                Some(known) => {
                    sender.send(known.map(Some).map_err(LedgerError::from)).ok();
                }
                None => rest.push((request, sender)),
            }
        }
        rest
    }
}

//! Loads holds: those that may have lapsed, and those that are named.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Ledger, ReadError, rows, rowset::Rowset};
use crate::{
    credits::{AccountId, Allocation, Hold, Note},
    server::{
        clock::to_millis,
        entity::{columns, hold},
    },
};

impl Ledger {
    /// Returns a hold as it is now, whatever has become of it. Returns `None` if the account has no
    /// such hold.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn hold(&self, account: &AccountId, number: i64) -> Result<Option<Hold>, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let named = BTreeSet::from([(&id, number)]);
                let found = load(transaction, &[], now, &named).await?;
                Ok(found.into_values().flatten().next())
            })
        });
        Ok(read.await?.map(|hold| hold.as_of(now)))
    }
}

/// A hold beside its entry and one of the lots that it has taken from.
#[derive(FromQueryResult)]
struct HoldRow {
    #[sea_orm(nested)]
    hold: hold::Model,
    description: String,
    detail: String,
    reference: String,
    rate_card: String,
    lot: Option<i64>,
    part: Option<i64>,
}

/// The query for holds, after their own columns.
const HOLDS: &str = "
    entries.description, entries.detail, entries.reference, entries.rate_card,
           hold_allocations.lot, hold_allocations.amount AS part
    FROM wanted
    JOIN holds ON holds.account_id = wanted.account_id AND holds.number = wanted.number
    JOIN entries ON entries.account_id = holds.account_id AND entries.seq = holds.number
    LEFT JOIN hold_allocations ON hold_allocations.account_id = holds.account_id
          AND hold_allocations.hold = holds.number
    ORDER BY holds.account_id, holds.number";

/// The open holds of some accounts that have lapsed by an instant, and the holds that are named,
/// whatever has become of them. One query, or none.
pub(super) async fn load(
    connection: &impl ConnectionTrait,
    holding: &[&AccountId],
    until: DateTime<Utc>,
    named: &BTreeSet<(&AccountId, i64)>,
) -> Result<BTreeMap<AccountId, Vec<Hold>>, DbErr> {
    let backend = connection.get_database_backend();
    let (mut wanted, mut values) = (Vec::new(), Vec::<Value>::new());
    if !named.is_empty() {
        let row = |(id, number): &(&AccountId, i64)| vec![id.0.clone().into(), (*number).into()];
        let columns = vec![("account_id", "text"), ("number", "bigint")];
        let named = Rowset::new(columns, named.iter().map(row).collect());
        let named = named.source(backend, &mut values);
        wanted.push(format!("SELECT account_id, number FROM {named}"));
    }
    if !holding.is_empty() {
        let ids = holding.iter().map(|id| vec![id.0.clone().into()]).collect();
        let ids = Rowset::of_texts(&["id"], ids).source(backend, &mut values);
        values.push(to_millis(until).into());
        wanted.push(format!(
            "SELECT account_id, number FROM {ids} JOIN holds ON holds.account_id = new.id
             WHERE state = 'open' AND expires_at <= ${}",
            values.len(),
        ));
    }
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (wanted, columns) = (wanted.join(" UNION "), columns::<hold::Entity>());
    let sql = format!("WITH wanted (account_id, number) AS ({wanted}) SELECT {columns}, {HOLDS}");
    let statement = Statement::from_sql_and_values(backend, sql, values);
    collect(HoldRow::find_by_statement(statement).all(connection).await?)
}

/// Puts the lots of each hold, which come in rows of their own, together.
fn collect(found: Vec<HoldRow>) -> Result<BTreeMap<AccountId, Vec<Hold>>, DbErr> {
    let mut holds: BTreeMap<AccountId, Vec<Hold>> = BTreeMap::new();
    for row in found {
        let part = row.lot.zip(row.part.map(rows::credits));
        let part = part.map(|(lot, amount)| Allocation { lot, amount });
        let of_account = holds.entry(AccountId(row.hold.account_id.clone())).or_default();
        if of_account.last().is_none_or(|hold| hold.number != row.hold.number) {
            let note = Note {
                description: row.description,
                detail: row.detail,
                reference: row.reference,
                rate_card: row.rate_card,
            };
            of_account.push(rows::hold(row.hold, note)?);
        }
        if let Some(hold) = of_account.last_mut() {
            hold.parts.extend(part);
        }
    }
    Ok(holds)
}

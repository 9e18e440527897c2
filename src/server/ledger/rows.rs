//! Between the rows of the tables and the nouns of the ledger.

use std::str::FromStr;

use sea_orm::DbErr;

use crate::{
    credits::{
        Account, AccountId, Credits, Entry, EntryKind, Lot, Note, Operation, Source, Totals,
    },
    server::{
        clock::{from_millis, to_millis},
        entity::{account, allocation, entry, lot},
    },
};

pub(super) const fn credits(thousandths: i64) -> Credits {
    Credits::from_thousandths(thousandths)
}

/// Reads an id that a CHECK of the table allows only known values for.
pub(super) fn parse<T: FromStr>(column: &str, id: &str) -> Result<T, DbErr> {
    id.parse().map_err(|_| DbErr::Type(format!("{column} holds {id:?}")))
}

pub(super) fn account(row: &account::Model, lots: Vec<Lot>) -> Account {
    Account {
        id: AccountId(row.id.clone()),
        available: credits(row.available),
        held: credits(row.held),
        seq: row.seq,
        totals: Totals {
            granted: credits(row.granted),
            spent: credits(row.spent),
            expired: credits(row.expired),
        },
        latest_at: from_millis(row.latest_at),
        lots,
    }
}

pub(super) fn lot(row: lot::Model) -> Result<Lot, DbErr> {
    Ok(Lot {
        number: row.number,
        source: parse::<Source>("lots.source", &row.source)?,
        granted: credits(row.granted),
        remaining: credits(row.remaining),
        held: credits(row.held),
        expires_at: from_millis(row.expires_at),
        purchase: row.purchase_id,
    })
}

pub(super) fn lot_row(account: &AccountId, lot: &Lot) -> lot::Model {
    lot::Model {
        account_id: account.0.clone(),
        number: lot.number,
        source: lot.source.id().to_owned(),
        granted: lot.granted.thousandths(),
        remaining: lot.remaining.thousandths(),
        held: lot.held.thousandths(),
        expires_at: to_millis(lot.expires_at),
        purchase_id: lot.purchase.clone(),
        is_open: lot.is_open(),
    }
}

/// An entry without its allocations, which have rows of their own.
pub(super) fn entry(row: entry::Model) -> Result<Entry, DbErr> {
    let operation = row.operation.as_deref();
    Ok(Entry {
        seq: row.seq,
        kind: parse::<EntryKind>("entries.kind", &row.kind)?,
        operation: operation.map(|id| parse::<Operation>("entries.operation", id)).transpose()?,
        available_change: credits(row.available_change),
        held_change: credits(row.held_change),
        available_after: credits(row.available_after),
        held_after: credits(row.held_after),
        note: Note {
            description: row.description,
            detail: row.detail,
            reference: row.reference,
            rate_card: row.rate_card,
        },
        at: from_millis(row.at),
        allocations: Vec::new(),
    })
}

pub(super) fn entry_row(
    account: &AccountId,
    entry: &Entry,
    request: Option<(&str, &str)>,
) -> entry::Model {
    entry::Model {
        account_id: account.0.clone(),
        seq: entry.seq,
        kind: entry.kind.id().to_owned(),
        operation: entry.operation.map(|operation| operation.id().to_owned()),
        available_change: entry.available_change.thousandths(),
        held_change: entry.held_change.thousandths(),
        available_after: entry.available_after.thousandths(),
        held_after: entry.held_after.thousandths(),
        description: entry.note.description.clone(),
        detail: entry.note.detail.clone(),
        reference: entry.note.reference.clone(),
        rate_card: entry.note.rate_card.clone(),
        at: to_millis(entry.at),
        request_key: request.map(|(key, _)| key.to_owned()),
        request_digest: request.map(|(_, digest)| digest.to_owned()),
    }
}

pub(super) fn allocation_rows(account: &AccountId, entry: &Entry) -> Vec<allocation::Model> {
    let row = |allocation: &crate::credits::Allocation| allocation::Model {
        account_id: account.0.clone(),
        seq: entry.seq,
        lot: allocation.lot,
        amount: allocation.amount.thousandths(),
    };
    entry.allocations.iter().map(row).collect()
}

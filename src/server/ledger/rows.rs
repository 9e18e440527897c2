//! Between the rows of the tables and the nouns of the ledger.

use std::str::FromStr;

use sea_orm::DbErr;

use super::queue::Keyed;
use crate::{
    credits::{
        Account, AccountId, Allocation, CapUse, Caps, Credits, Entry, EntryKind, Hold, HoldState,
        Lot, Note, Operation, Source, Totals, Watch,
    },
    server::{
        clock::{from_millis, to_millis},
        entity::{account, allocation, entry, hold, hold_allocation, lot},
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
    let level = row.level.parse().unwrap_or_default();
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
        holds: Vec::new(),
        caps: CapUse { caps: caps(row), used: [Credits::ZERO; 4] },
        watch: Watch { low_at: row.low_at.map(credits), level },
    }
}

fn caps(row: &account::Model) -> Caps {
    let by_operation = [row.cap_inference, row.cap_strategy, row.cap_backtest, row.cap_analysis];
    Caps { all: row.cap_all.map(credits), by_operation: by_operation.map(|cap| cap.map(credits)) }
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
        hold: row.hold,
        at: from_millis(row.at),
        allocations: Vec::new(),
    })
}

pub(super) fn entry_row(
    account: &AccountId,
    entry: &Entry,
    request: Option<&Keyed>,
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
        request_key: request.map(|keyed| keyed.key.key.clone()),
        request_digest: request.map(|keyed| keyed.key.digest.clone()),
        hold: entry.hold,
        run: request.and_then(|keyed| keyed.counted_to().map(str::to_owned)),
    }
}

pub(super) fn allocation_rows(account: &AccountId, entry: &Entry) -> Vec<allocation::Model> {
    let row = |allocation: &Allocation| allocation::Model {
        account_id: account.0.clone(),
        seq: entry.seq,
        lot: allocation.lot,
        amount: allocation.amount.thousandths(),
    };
    entry.allocations.iter().map(row).collect()
}

/// A hold without its lots, which have rows of their own.
pub(super) fn hold(row: hold::Model, note: Note) -> Result<Hold, DbErr> {
    Ok(Hold {
        number: row.number,
        operation: parse::<Operation>("holds.operation", &row.operation)?,
        amount: credits(row.amount),
        captured: credits(row.captured),
        state: parse::<HoldState>("holds.state", &row.state)?,
        expires_at: from_millis(row.expires_at),
        settled: row.settled_seq.zip(row.settled_at.map(from_millis)),
        note,
        parts: Vec::new(),
    })
}

pub(super) fn hold_row(account: &AccountId, hold: &Hold) -> hold::Model {
    hold::Model {
        account_id: account.0.clone(),
        number: hold.number,
        operation: hold.operation.id().to_owned(),
        amount: hold.amount.thousandths(),
        captured: hold.captured.thousandths(),
        state: hold.state.id().to_owned(),
        expires_at: to_millis(hold.expires_at),
        settled_seq: hold.settled.map(|(seq, _)| seq),
        settled_at: hold.settled.map(|(_, at)| to_millis(at)),
    }
}

pub(super) fn hold_allocation_rows(
    account: &AccountId,
    hold: &Hold,
) -> impl Iterator<Item = hold_allocation::Model> {
    hold.parts.iter().map(|part| hold_allocation::Model {
        account_id: account.0.clone(),
        hold: hold.number,
        lot: part.lot,
        amount: part.amount.thousandths(),
    })
}

//! What a row of the history shows when it is opened: which lots it took from, or which it made.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement};

use super::{
    load::{Loaded, in_zone},
    rows,
};
use crate::{
    credits::{Allocation, HoldState, Posting, RowDetail, RowHold, RowSource, Source},
    server::clock::from_millis,
};

/// A lot that a row took from, or that it made.
#[derive(FromQueryResult)]
struct SourceRow {
    lot: i64,
    amount: i64,
    source: String,
    granted_at: i64,
    expires_at: i64,
    purchase_id: Option<String>,
}

/// A hold beside the instant of the entry that made it.
#[derive(FromQueryResult)]
struct HoldRow {
    number: i64,
    amount: i64,
    captured: i64,
    state: String,
    expires_at: i64,
    made_at: i64,
}

/// Which lots a row took from; for a granting row, the lot that it made.
pub(super) async fn detail(
    transaction: &DatabaseTransaction,
    loaded: &Loaded,
    seq: i64,
) -> Result<RowDetail, DbErr> {
    let sql = "
        SELECT a.lot, a.amount, l.source, l.expires_at, l.purchase_id, e.at AS granted_at
        FROM allocations a
        JOIN lots l ON l.account_id = a.account_id AND l.number = a.lot
        JOIN entries e ON e.account_id = l.account_id AND e.seq = l.number
        WHERE a.account_id = $1 AND a.seq = $2
        UNION ALL
        SELECT l.number, l.granted, l.source, l.expires_at, l.purchase_id, e.at
        FROM lots l
        JOIN entries e ON e.account_id = l.account_id AND e.seq = l.number
        WHERE l.account_id = $1 AND l.number = $2
        UNION ALL
        SELECT a.lot, a.amount, l.source, l.expires_at, l.purchase_id, e.at
        FROM entries s
        JOIN hold_allocations a ON a.account_id = s.account_id AND a.hold = s.hold
        JOIN lots l ON l.account_id = a.account_id AND l.number = a.lot
        JOIN entries e ON e.account_id = l.account_id AND e.seq = l.number
        WHERE s.account_id = $1 AND s.seq = $2 AND s.kind IN ('held', 'released')";
    if let Some(posting) = loaded.unwritten.iter().find(|posting| posting.entry.seq == seq) {
        return unwritten_detail(transaction, loaded, posting).await;
    }
    let values = [loaded.account.id.0.clone().into(), seq.into()];
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let mut found = SourceRow::find_by_statement(statement).all(transaction).await?;
    found.sort_by_key(|row| (row.expires_at, row.source == Source::Purchase.id(), row.lot));
    let mut sources = Vec::new();
    for row in found {
        sources.push(RowSource {
            lot: row.lot,
            source: rows::parse("lots.source", &row.source)?,
            amount: rows::credits(row.amount),
            granted_at: in_zone(from_millis(row.granted_at), loaded.zone),
            expires_at: in_zone(from_millis(row.expires_at), loaded.zone),
            purchase: row.purchase_id,
        });
    }
    let hold = hold(transaction, loaded, seq).await?;
    Ok(RowDetail { seq, sources, hold })
}

/// The hold that a row made, extended or settled.
async fn hold(
    transaction: &DatabaseTransaction,
    loaded: &Loaded,
    seq: i64,
) -> Result<Option<RowHold>, DbErr> {
    let sql = "
        SELECT h.number, h.amount, h.captured, h.state, h.expires_at, e.at AS made_at
        FROM entries s
        JOIN holds h ON h.account_id = s.account_id AND h.number = s.hold
        JOIN entries e ON e.account_id = h.account_id AND e.seq = h.number
        WHERE s.account_id = $1 AND s.seq = $2";
    let values = [loaded.account.id.0.clone().into(), seq.into()];
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let found = HoldRow::find_by_statement(statement).one(transaction).await?;
    found
        .map(|row| {
            Ok(RowHold {
                seq: row.number,
                made_at: in_zone(from_millis(row.made_at), loaded.zone),
                amount: rows::credits(row.amount),
                captured: rows::credits(row.captured),
                state: rows::parse("holds.state", &row.state)?,
                expires_at: in_zone(from_millis(row.expires_at), loaded.zone),
            })
        })
        .transpose()
}

/// What time has done and nobody has written yet came from lots that are still open in the
/// database: what has expired, and what a lapsed hold gave back.
async fn unwritten_detail(
    transaction: &DatabaseTransaction,
    loaded: &Loaded,
    posting: &Posting,
) -> Result<RowDetail, DbErr> {
    let entry = &posting.entry;
    let source = |part: &Allocation| {
        let open = loaded.lots.iter().find(|open| open.lot.number == part.lot)?;
        Some(RowSource {
            lot: part.lot,
            source: open.lot.source,
            amount: part.amount,
            granted_at: in_zone(open.granted_at, loaded.zone),
            expires_at: in_zone(open.lot.expires_at, loaded.zone),
            purchase: open.lot.purchase.clone(),
        })
    };
    let parts = posting.hold.as_ref().map_or(&entry.allocations, |hold| &hold.parts);
    let sources = parts.iter().filter_map(source).collect();
    let lapsed = match entry.hold {
        Some(number) => hold(transaction, loaded, number).await?,
        None => None,
    };
    let hold = lapsed.map(|hold| RowHold { state: HoldState::Lapsed, ..hold });
    Ok(RowDetail { seq: entry.seq, sources, hold })
}

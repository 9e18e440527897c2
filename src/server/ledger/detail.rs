//! What a row of the history shows when it is opened: which lots it took from, or which it made.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement};

use super::{
    load::{Loaded, in_zone},
    rows,
};
use crate::{
    credits::{Allocation, Entry, RowDetail, RowSource, Source},
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
        WHERE l.account_id = $1 AND l.number = $2";
    if let Some(posting) = loaded.unwritten.iter().find(|posting| posting.entry.seq == seq) {
        return Ok(unwritten_detail(loaded, &posting.entry));
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
    Ok(RowDetail { seq, sources })
}

/// What has expired and is not written yet came from lots that are still open in the database.
fn unwritten_detail(loaded: &Loaded, entry: &Entry) -> RowDetail {
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
    let sources = entry.allocations.iter().filter_map(source).collect();
    RowDetail { seq: entry.seq, sources }
}

//! What a row of the history shows when it is opened: which lots it took from, or which it made.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{load::Loaded, rows};
use crate::server::database::Transaction;
use crate::{
    credits::{Allocation, Entry, HoldState, Posting, RowDetail, RowHold, RowSource, Source},
    server::clock::{from_millis, in_zone},
};

/// A lot that a row took from, or that it made, beside the hold that it belongs to. A row without
/// lots has one line without a lot.
#[derive(FromQueryResult)]
struct DetailRow {
    lot: Option<i64>,
    amount: Option<i64>,
    source: Option<String>,
    granted_at: Option<i64>,
    expires_at: Option<i64>,
    purchase_id: Option<String>,
    hold: Option<i64>,
    hold_amount: Option<i64>,
    hold_captured: Option<i64>,
    hold_state: Option<String>,
    hold_expires_at: Option<i64>,
    hold_made_at: Option<i64>,
}

const DETAIL: &str = "
    SELECT parts.lot, parts.amount, l.source, l.expires_at, l.purchase_id, g.at AS granted_at,
           h.number AS hold, h.amount AS hold_amount, h.captured AS hold_captured,
           h.state AS hold_state, h.expires_at AS hold_expires_at, m.at AS hold_made_at
    FROM entries s
    LEFT JOIN holds h ON h.account_id = s.account_id AND h.number = s.hold
    LEFT JOIN entries m ON m.account_id = h.account_id AND m.seq = h.number
    LEFT JOIN (
        SELECT a.lot, a.amount FROM allocations a WHERE a.account_id = $1 AND a.seq = $2
        UNION ALL
        SELECT l.number, l.granted FROM lots l WHERE l.account_id = $1 AND l.number = $2
        UNION ALL
        SELECT a.lot, a.amount FROM entries e
        JOIN hold_allocations a ON a.account_id = e.account_id AND a.hold = e.hold
        WHERE e.account_id = $1 AND e.seq = $2 AND e.kind IN ('held', 'released')
    ) AS parts ON parts.lot IS NOT NULL
    LEFT JOIN lots l ON l.account_id = s.account_id AND l.number = parts.lot
    LEFT JOIN entries g ON g.account_id = s.account_id AND g.seq = parts.lot
    WHERE s.account_id = $1 AND s.seq = $2";

/// Returns the lots that a row took from or, for a granting row, the lot that it made. One query.
pub(super) async fn detail(
    transaction: &Transaction,
    loaded: &Loaded,
    seq: i64,
) -> Result<RowDetail, DbErr> {
    let unwritten = loaded.unwritten.iter().find(|posting| posting.entry.seq == seq);
    let Some(Posting { entry, .. }) = unwritten else {
        return read(transaction, loaded, seq).await;
    };
    let Some(number) = entry.hold else {
        return Ok(RowDetail { seq, sources: forfeited(loaded, entry), hold: None });
    };
    // What a lapsed hold gives back is what it had set aside.
    let RowDetail { sources, hold, .. } = read(transaction, loaded, number).await?;
    let hold = hold.map(|hold| RowHold { state: HoldState::Lapsed, ..hold });
    Ok(RowDetail { seq, sources, hold })
}

async fn read(transaction: &Transaction, loaded: &Loaded, seq: i64) -> Result<RowDetail, DbErr> {
    let values = [loaded.account.id.0.clone().into(), seq.into()];
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, DETAIL, values);
    let mut found = DetailRow::find_by_statement(statement).all(transaction).await?;
    let is_bought = |row: &DetailRow| row.source.as_deref() == Some(Source::Purchase.id());
    found.sort_by_key(|row| (row.expires_at, is_bought(row), row.lot));
    let hold = found.first().map(|row| hold(row, loaded)).transpose()?.flatten();
    let sources = found.into_iter().filter_map(|row| source(row, loaded).transpose());
    Ok(RowDetail { seq, sources: sources.collect::<Result<_, _>>()?, hold })
}

fn source(row: DetailRow, loaded: &Loaded) -> Result<Option<RowSource>, DbErr> {
    let (Some(lot), Some(source)) = (row.lot, row.source) else { return Ok(None) };
    let at = |millis: Option<i64>| in_zone(from_millis(millis.unwrap_or_default()), loaded.zone);
    Ok(Some(RowSource {
        lot,
        source: rows::parse("lots.source", &source)?,
        amount: rows::credits(row.amount.unwrap_or_default()),
        granted_at: at(row.granted_at),
        expires_at: at(row.expires_at),
        purchase: row.purchase_id,
    }))
}

fn hold(row: &DetailRow, loaded: &Loaded) -> Result<Option<RowHold>, DbErr> {
    let (Some(seq), Some(state)) = (row.hold, &row.hold_state) else { return Ok(None) };
    let at = |millis: Option<i64>| in_zone(from_millis(millis.unwrap_or_default()), loaded.zone);
    Ok(Some(RowHold {
        seq,
        made_at: at(row.hold_made_at),
        amount: rows::credits(row.hold_amount.unwrap_or_default()),
        captured: rows::credits(row.hold_captured.unwrap_or_default()),
        state: rows::parse("holds.state", state)?,
        expires_at: at(row.hold_expires_at),
    }))
}

/// What has expired and is not written yet came from lots that are still open in the database.
fn forfeited(loaded: &Loaded, entry: &Entry) -> Vec<RowSource> {
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
    entry.allocations.iter().filter_map(source).collect()
}

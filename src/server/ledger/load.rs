//! Loads an account for reading, as it is at an instant.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Statement, Value};

use super::rows;
use crate::{
    credits::{
        Account, AccountId, Allocation, Credits, Hold, HoldState, Lot, Money, Note, Posting,
    },
    server::{
        clock::{from_millis, to_millis},
        database::Transaction,
        entity::{account, columns, lot},
    },
};

/// An account as it is at an instant, and what has become true since its last entry was written.
pub(super) struct Loaded {
    pub account: Account,
    pub opened_at: DateTime<Utc>,
    pub zone: Tz,
    pub cycle_anchor_day: u32,
    /// Its open lots before time passed, with what is told of each.
    pub lots: Vec<OpenLot>,
    pub unwritten: Vec<Posting>,
}

/// An open lot with the entry that granted it and the purchase that paid for it.
pub(super) struct OpenLot {
    pub lot: Lot,
    pub description: String,
    pub granted_at: DateTime<Utc>,
    pub paid: Option<Money>,
}

#[derive(FromQueryResult)]
struct OpenLotRow {
    #[sea_orm(nested)]
    lot: lot::Model,
    description: String,
    granted_at: i64,
    total: Option<i64>,
    currency: Option<String>,
    due: Option<i64>,
    due_part: Option<i64>,
    due_operation: Option<String>,
    due_amount: Option<i64>,
    due_at: Option<i64>,
    due_description: Option<String>,
    due_reference: Option<String>,
    due_rate_card: Option<String>,
}

/// The query for open lots, after their own columns. A lot has a row for each lapsed hold that is
/// not written down yet.
const OPEN_LOTS: &str = "
    entries.description, entries.at AS granted_at, purchases.total, purchases.currency,
    due.due, due.due_part, due.due_operation, due.due_amount, due.due_at,
    due.due_description, due.due_reference, due.due_rate_card
    FROM lots
    JOIN entries ON entries.account_id = lots.account_id AND entries.seq = lots.number
    LEFT JOIN purchases ON purchases.id = lots.purchase_id
    LEFT JOIN (
        SELECT hold_allocations.lot AS due_lot, hold_allocations.amount AS due_part,
               holds.number AS due, holds.operation AS due_operation,
               holds.amount AS due_amount, holds.expires_at AS due_at,
               entries.description AS due_description, entries.reference AS due_reference,
               entries.rate_card AS due_rate_card
        FROM holds
        JOIN hold_allocations ON hold_allocations.account_id = holds.account_id
             AND hold_allocations.hold = holds.number
        JOIN entries ON entries.account_id = holds.account_id AND entries.seq = holds.number
        WHERE holds.account_id = $1 AND holds.state = 'open' AND holds.expires_at <= $2
    ) AS due ON due.due_lot = lots.number
    WHERE lots.account_id = $1 AND lots.is_open
    ORDER BY lots.number, due.due";

/// Loads an account and lets time pass up to `now`, without writing. Two queries.
pub(super) async fn load(
    transaction: &Transaction,
    id: &AccountId,
    now: DateTime<Utc>,
) -> Result<Option<Loaded>, DbErr> {
    let Some(row) = account::Entity::find_by_id(&id.0).one(transaction).await? else {
        return Ok(None);
    };
    let backend = transaction.get_database_backend();
    let values: [Value; 2] = [id.0.clone().into(), to_millis(now).into()];
    let sql = format!("SELECT {}, {OPEN_LOTS}", columns::<lot::Entity>());
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let mut found = OpenLotRow::find_by_statement(statement).all(transaction).await?;
    let holds = due_holds(&found)?;
    found.dedup_by_key(|row| row.lot.number);
    let lots = found.into_iter().map(open_lot).collect::<Result<Vec<_>, _>>()?;
    let mut account = rows::account(&row, lots.iter().map(|open| open.lot.clone()).collect());
    account.holds = holds;
    let unwritten = account.advance(now);
    Ok(Some(Loaded {
        account,
        opened_at: from_millis(row.created_at),
        zone: rows::parse("accounts.zone", &row.zone)?,
        cycle_anchor_day: u32::try_from(row.cycle_anchor_day).unwrap_or(1),
        lots,
        unwritten,
    }))
}

/// The holds that have lapsed, put together from the lots that they took from.
fn due_holds(found: &[OpenLotRow]) -> Result<Vec<Hold>, DbErr> {
    let mut holds: BTreeMap<i64, Hold> = BTreeMap::new();
    for row in found {
        let (Some(number), Some(part)) = (row.due, row.due_part) else { continue };
        let part = Allocation { lot: row.lot.number, amount: rows::credits(part) };
        if let Some(hold) = holds.get_mut(&number) {
            hold.parts.push(part);
            continue;
        }
        let operation = row.due_operation.as_deref().unwrap_or_default();
        let hold = Hold {
            number,
            operation: rows::parse("holds.operation", operation)?,
            amount: rows::credits(row.due_amount.unwrap_or_default()),
            captured: Credits::ZERO,
            state: HoldState::Open,
            expires_at: from_millis(row.due_at.unwrap_or_default()),
            settled: None,
            note: Note {
                description: row.due_description.clone().unwrap_or_default(),
                reference: row.due_reference.clone().unwrap_or_default(),
                rate_card: row.due_rate_card.clone().unwrap_or_default(),
                // The row of a lapse says in its own words what came of the hold.
                detail: String::new(),
            },
            parts: vec![part],
        };
        holds.insert(number, hold);
    }
    Ok(holds.into_values().collect())
}

fn open_lot(row: OpenLotRow) -> Result<OpenLot, DbErr> {
    let paid = match (row.total, row.currency) {
        (Some(minor), Some(currency)) => {
            Some(Money::new(minor, rows::parse("purchases.currency", &currency)?))
        }
        _ => None,
    };
    Ok(OpenLot {
        lot: rows::lot(row.lot)?,
        description: row.description,
        granted_at: from_millis(row.granted_at),
        paid,
    })
}

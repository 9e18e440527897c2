//! Loads an account for reading, as it is at an instant.

use chrono::{DateTime, FixedOffset, Offset, Utc};
use chrono_tz::Tz;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, Statement,
};

use super::rows;
use crate::{
    credits::{Account, AccountId, Lot, Money, Posting},
    server::{
        clock::from_millis,
        entity::{account, lot},
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
}

const OPEN_LOTS: &str = "
    SELECT lots.*, entries.description, entries.at AS granted_at,
           purchases.total, purchases.currency
    FROM lots
    JOIN entries ON entries.account_id = lots.account_id AND entries.seq = lots.number
    LEFT JOIN purchases ON purchases.id = lots.purchase_id
    WHERE lots.account_id = $1 AND lots.is_open";

/// Loads an account and lets time pass up to `now`, without writing. Two queries.
pub(super) async fn load(
    transaction: &DatabaseTransaction,
    id: &AccountId,
    now: DateTime<Utc>,
) -> Result<Option<Loaded>, DbErr> {
    let Some(row) = account::Entity::find_by_id(&id.0).one(transaction).await? else {
        return Ok(None);
    };
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, OPEN_LOTS, [id.0.clone().into()]);
    let found = OpenLotRow::find_by_statement(statement).all(transaction).await?;
    let lots = found.into_iter().map(open_lot).collect::<Result<Vec<_>, _>>()?;
    let mut account = rows::account(&row, lots.iter().map(|open| open.lot.clone()).collect());
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

/// An instant with the offset that the zone has then.
pub(super) fn in_zone(at: DateTime<Utc>, zone: Tz) -> DateTime<FixedOffset> {
    let local = at.with_timezone(&zone);
    at.with_timezone(&local.offset().fix())
}

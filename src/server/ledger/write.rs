//! Writes what a batch has decided, with as few statements as there are tables.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    Statement, Value,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::{
    post::{Books, Credited},
    rows,
};
use crate::{
    credits::{Account, PurchaseState},
    server::{
        clock::to_millis,
        entity::{allocation, entry, hold, hold_allocation, lot, usage_daily},
    },
};

/// Rows of one statement: stays far below the parameters that a database takes.
const ROWS: usize = 1_000;

pub(super) async fn write(transaction: &DatabaseTransaction, books: Books) -> Result<(), DbErr> {
    if books.entries.is_empty() {
        return Ok(());
    }
    let changed: Vec<_> = books.books.values().filter(|book| book.is_changed).collect();
    update_accounts(transaction, changed.iter().map(|book| &book.account)).await?;
    let (mut lots, mut usage) = (Vec::new(), Vec::new());
    let (mut holds, mut hold_allocations) = (Vec::new(), Vec::new());
    for book in changed {
        let id = &book.account.id;
        lots.extend(book.lots.values().map(|lot| rows::lot_row(id, lot)));
        for changed in book.holds.values() {
            holds.push(rows::hold_row(id, &changed.hold));
            if changed.takes_more {
                hold_allocations.extend(rows::hold_allocation_rows(id, &changed.hold));
            }
        }
        usage.extend(book.usage.iter().map(|((day, operation), (credits, operations))| {
            usage_daily::Model {
                account_id: id.0.clone(),
                day: day.clone(),
                operation: operation.id().to_owned(),
                credits: credits.thousandths(),
                operations: *operations,
            }
        }));
    }
    insert::<entry::Entity>(transaction, books.entries, None).await?;
    insert::<lot::Entity>(transaction, lots, Some(update_lot)).await?;
    insert::<allocation::Entity>(transaction, books.allocations, None).await?;
    insert::<usage_daily::Entity>(transaction, usage, Some(add_usage)).await?;
    insert::<hold::Entity>(transaction, holds, Some(update_hold)).await?;
    insert::<hold_allocation::Entity>(transaction, hold_allocations, Some(take_more)).await?;
    for credited in &books.credited {
        mark_credited(transaction, credited).await?;
    }
    Ok(())
}

async fn insert<Entity: EntityTrait>(
    transaction: &DatabaseTransaction,
    rows: Vec<Entity::Model>,
    on_conflict: Option<fn() -> OnConflict>,
) -> Result<(), DbErr>
where
    Entity::Model: IntoActiveModel<Entity::ActiveModel>,
{
    let mut rows = rows.into_iter().map(|row| row.into_active_model().reset_all()).peekable();
    while rows.peek().is_some() {
        let mut insert = Entity::insert_many(rows.by_ref().take(ROWS));
        if let Some(on_conflict) = on_conflict {
            insert = insert.on_conflict(on_conflict());
        }
        insert.exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// A lot that is there already changes in what is left of it, and in nothing else.
fn update_lot() -> OnConflict {
    OnConflict::columns([lot::Column::AccountId, lot::Column::Number])
        .update_columns([lot::Column::Remaining, lot::Column::Held, lot::Column::IsOpen])
        .to_owned()
}

/// A hold that is there already was extended or settled.
fn update_hold() -> OnConflict {
    use hold::Column;
    OnConflict::columns([Column::AccountId, Column::Number])
        .update_columns([
            Column::Amount,
            Column::Captured,
            Column::State,
            Column::ExpiresAt,
            Column::SettledSeq,
            Column::SettledAt,
        ])
        .to_owned()
}

fn take_more() -> OnConflict {
    use hold_allocation::Column;
    OnConflict::columns([Column::AccountId, Column::Hold, Column::Lot])
        .update_column(Column::Amount)
        .to_owned()
}

fn add_usage() -> OnConflict {
    use usage_daily::{Column, Entity};
    let sum = |column| Expr::col((Entity, column)).add(Expr::col(("excluded", column)));
    OnConflict::columns([Column::AccountId, Column::Day, Column::Operation])
        .value(Column::Credits, sum(Column::Credits))
        .value(Column::Operations, sum(Column::Operations))
        .to_owned()
}

async fn update_accounts(
    transaction: &DatabaseTransaction,
    accounts: impl Iterator<Item = &Account>,
) -> Result<(), DbErr> {
    let mut values: Vec<Value> = Vec::new();
    for account in accounts {
        values.push(account.id.0.clone().into());
        for amount in [account.available, account.held] {
            values.push(amount.thousandths().into());
        }
        values.push(account.seq.into());
        let totals = account.totals;
        for amount in [totals.granted, totals.spent, totals.expired] {
            values.push(amount.thousandths().into());
        }
        values.push(to_millis(account.latest_at).into());
    }
    if values.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE accounts SET available = new.column2, held = new.column3, seq = new.column4,
                granted = new.column5, spent = new.column6, expired = new.column7,
                latest_at = new.column8
         FROM (VALUES {}) AS new WHERE accounts.id = new.column1",
        placeholders(values.len() / 8, 8),
    );
    let backend = transaction.get_database_backend();
    transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

/// The purchase is credited in the transaction that makes its lot: neither is ever without the
/// other.
async fn mark_credited(
    transaction: &DatabaseTransaction,
    credited: &Credited,
) -> Result<(), DbErr> {
    let at = to_millis(credited.at);
    let values: [Value; 4] = [
        PurchaseState::Credited.id().into(),
        credited.lot.into(),
        at.into(),
        credited.purchase.clone().into(),
    ];
    let sql = "UPDATE purchases SET state = $1, lot = $2, credited_at = $3, updated_at = $3,
                      paid_at = COALESCE(paid_at, $3), reason = ''
               WHERE id = $4";
    let backend = transaction.get_database_backend();
    transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

/// `($1, $2), ($3, $4) …`: what both databases read.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    placeholders_from(1, rows, columns)
}

/// The same, from another number on.
pub(super) fn placeholders_from(first: usize, rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers = (0..columns).map(|column| format!("${}", first + row * columns + column));
        format!("({})", numbers.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

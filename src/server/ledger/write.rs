//! Writes what a batch has decided, with as few statements as there are tables.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};

use super::{
    post::{Books, Credited},
    rows,
    rowset::Rowset,
    writes::Writes,
};
use crate::{
    credits::{Account, PurchaseState},
    server::{
        clock::to_millis,
        entity::{allocation, entry, event, hold, hold_allocation, lot, usage_daily},
    },
};

/// A lot that is there already changes in what is left of it, and in nothing else.
const UPDATE_LOT: &str = "ON CONFLICT (account_id, number) DO UPDATE SET
    remaining = excluded.remaining, held = excluded.held, is_open = excluded.is_open";

/// A hold that is there already was extended or settled.
const UPDATE_HOLD: &str = "ON CONFLICT (account_id, number) DO UPDATE SET
    amount = excluded.amount, captured = excluded.captured, state = excluded.state,
    expires_at = excluded.expires_at, settled_seq = excluded.settled_seq,
    settled_at = excluded.settled_at";

const TAKE_MORE: &str =
    "ON CONFLICT (account_id, hold, lot) DO UPDATE SET amount = excluded.amount";

const TOLD_ALREADY: &str = "ON CONFLICT (account_id, kind, cause) DO NOTHING";

const ADD_USAGE: &str = "ON CONFLICT (account_id, day, operation) DO UPDATE SET
    credits = usage_daily.credits + excluded.credits,
    operations = usage_daily.operations + excluded.operations";

pub(super) async fn write(transaction: &DatabaseTransaction, books: Books) -> Result<(), DbErr> {
    if books.entries.is_empty() && books.events.is_empty() {
        return Ok(());
    }
    let changed: Vec<_> = books.books.values().filter(|book| book.is_changed).collect();
    let (mut lots, mut usage) = (Vec::new(), Vec::new());
    let (mut holds, mut hold_allocations) = (Vec::new(), Vec::new());
    for book in &changed {
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
    let mut writes = Writes::new(transaction.get_database_backend());
    update_accounts(&mut writes, changed.iter().map(|book| &book.account));
    writes.insert::<entry::Entity>(&books.entries, "");
    writes.insert::<lot::Entity>(&lots, UPDATE_LOT);
    writes.insert::<allocation::Entity>(&books.allocations, "");
    writes.insert::<usage_daily::Entity>(&usage, ADD_USAGE);
    writes.insert::<hold::Entity>(&holds, UPDATE_HOLD);
    writes.insert::<hold_allocation::Entity>(&hold_allocations, TAKE_MORE);
    writes.insert::<event::Entity>(&books.events, TOLD_ALREADY);
    writes.run(transaction).await?;
    for credited in &books.credited {
        mark_credited(transaction, credited).await?;
    }
    Ok(())
}

/// What a batch changes of an account.
const BALANCE: [&str; 7] = ["available", "held", "seq", "granted", "spent", "expired", "latest_at"];

fn update_accounts<'a>(writes: &mut Writes, accounts: impl Iterator<Item = &'a Account>) {
    let row = |account: &Account| -> Vec<Value> {
        let totals = account.totals;
        let numbers = [
            account.available.thousandths(),
            account.held.thousandths(),
            account.seq,
            totals.granted.thousandths(),
            totals.spent.thousandths(),
            totals.expired.thousandths(),
            to_millis(account.latest_at),
        ];
        let texts = [account.id.0.as_str(), account.watch.level.id()];
        texts.map(Value::from).into_iter().chain(numbers.map(Value::from)).collect()
    };
    let texts = [("id", "text"), ("level", "text")];
    let columns = texts.into_iter().chain(BALANCE.map(|name| (name, "bigint")));
    let rows = Rowset::new(columns.collect(), accounts.map(row).collect());
    let changes = BALANCE.map(|name| format!("{name} = new.{name}, ")).concat();
    writes.add(rows, |from| {
        format!(
            "UPDATE accounts SET {changes} level = new.level FROM {from}
             WHERE accounts.id = new.id"
        )
    });
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

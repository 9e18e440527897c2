//! Writes what a batch has decided, with as few statements as there are tables.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Value};

use super::{
    book::Book,
    gather, known,
    post::{Books, Credited},
    rows,
    rowset::Rowset,
    writes::Writes,
};
use crate::{
    credits::PurchaseState,
    server::{
        clock::to_millis,
        entity::{allocation, entry, event, hold, hold_allocation, lot, usage_daily},
    },
};

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

/// Writes a batch, and returns the version that its changed accounts have now. Nobody has looked up
/// `unread_keys`: if one of them is known, nothing is written.
pub(super) async fn write(
    connection: &impl ConnectionTrait,
    books: &Books,
    unread_keys: Option<Rowset<'_>>,
) -> Result<i64, DbErr> {
    let writes = Writes::new(connection.get_database_backend());
    fill(writes, books, unread_keys).run(connection).await
}

/// Finds out whether a batch could be written: sends all its statements, without rows. That also
/// finds a single table that this user may not write to.
///
/// # Errors
/// The error that a batch would get.
pub async fn try_to_write(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    trial(connection.get_database_backend()).run(connection).await.map(drop)
}

/// Returns all statements of a batch, without rows.
pub(super) fn trial(backend: DbBackend) -> Writes {
    fill(Writes::trial(backend), &Books::default(), None)
}

fn fill(mut writes: Writes, books: &Books, unread_keys: Option<Rowset<'_>>) -> Writes {
    let changed: Vec<_> = books.books.values().filter(|book| book.is_changed).collect();
    let (mut made, mut changed_lots, mut usage) = (Vec::new(), Vec::new(), Vec::new());
    let (mut holds, mut hold_allocations) = (Vec::new(), Vec::new());
    for book in &changed {
        let id = &book.account.id;
        for lot in book.lots.values() {
            let is_new = lot.number > book.seq_before;
            let lots = if is_new { &mut made } else { &mut changed_lots };
            lots.push(rows::lot_row(id, lot));
        }
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
    let keys = unread_keys.filter(|keys| !keys.is_empty());
    let known = keys.map(|keys| writes.add(keys, known::of_keys));
    update_accounts(&mut writes, &changed, known.as_deref());
    writes.insert::<entry::Entity>(&books.entries, "");
    writes.insert::<lot::Entity>(&made, "");
    update_lots(&mut writes, &changed_lots);
    writes.insert::<allocation::Entity>(&books.allocations, "");
    writes.insert::<usage_daily::Entity>(&usage, ADD_USAGE);
    writes.insert::<hold::Entity>(&holds, UPDATE_HOLD);
    writes.insert::<hold_allocation::Entity>(&hold_allocations, TAKE_MORE);
    writes.insert::<event::Entity>(&books.events, TOLD_ALREADY);
    mark_credited(&mut writes, &books.credited);
    writes
}

/// What a batch changes of an account.
const BALANCE: [&str; 7] = ["available", "held", "seq", "granted", "spent", "expired", "latest_at"];

/// Others change the settings of an account, too, so its row must be the one that was read.
fn update_accounts(writes: &mut Writes, books: &[&Book], known: Option<&str>) {
    let row = |book: &&Book| -> Vec<Value> {
        let account = &book.account;
        let totals = account.totals;
        let numbers = [
            account.available.thousandths(),
            account.held.thousandths(),
            account.seq,
            totals.granted.thousandths(),
            totals.spent.thousandths(),
            totals.expired.thousandths(),
            to_millis(account.latest_at),
            book.seq_before,
            book.version_before,
        ];
        let texts = [account.id.0.as_str(), account.watch.level.id()];
        texts.map(Value::from).into_iter().chain(numbers.map(Value::from)).collect()
    };
    let texts = ["id", "level"].map(|name| (name, "text"));
    let numbers = BALANCE.into_iter().chain(["seq_before", "version_before"]);
    let columns = texts.into_iter().chain(numbers.map(|name| (name, "bigint")));
    let rows = Rowset::new(columns.collect(), books.iter().map(row).collect());
    let changes = BALANCE.map(|name| format!("{name} = new.{name}, ")).concat();
    let version = gather::version(writes.backend());
    let none_known =
        known.map_or_else(String::new, |known| format!("AND NOT EXISTS (SELECT 1 FROM {known})"));
    writes.add_guarded(rows, version, |from| {
        format!(
            "UPDATE accounts SET {changes} level = new.level FROM {from}
             WHERE accounts.id = new.id AND accounts.seq = new.seq_before
               AND {version} = new.version_before {none_known}"
        )
    });
}

/// A lot that is there already changes in what is left of it, and in nothing else.
fn update_lots(writes: &mut Writes, lots: &[lot::Model]) {
    let columns = [
        ("account_id", "text"),
        ("number", "bigint"),
        ("remaining", "bigint"),
        ("held", "bigint"),
        ("is_open", "boolean"),
    ];
    let row = |lot: &lot::Model| -> Vec<Value> {
        let id = lot.account_id.clone();
        vec![
            id.into(),
            lot.number.into(),
            lot.remaining.into(),
            lot.held.into(),
            lot.is_open.into(),
        ]
    };
    for lots in writes.chunks(lots) {
        writes.add(Rowset::new(columns.to_vec(), lots.iter().map(row).collect()), |from| {
            format!(
                "UPDATE lots SET remaining = new.remaining, held = new.held, is_open = new.is_open
                 FROM {from} WHERE lots.account_id = new.account_id AND lots.number = new.number"
            )
        });
    }
}

/// A purchase is credited in the transaction that makes its lot: neither is ever without the
/// other.
fn mark_credited(writes: &mut Writes, credited: &[Credited]) {
    let columns = [("id", "text"), ("state", "text"), ("lot", "bigint"), ("at", "bigint")];
    let row = |credited: &Credited| -> Vec<Value> {
        let at = to_millis(credited.at);
        let (purchase, state) = (credited.purchase.clone(), PurchaseState::Credited.id());
        vec![purchase.into(), state.into(), credited.lot.into(), at.into()]
    };
    writes.add(Rowset::new(columns.to_vec(), credited.iter().map(row).collect()), |from| {
        format!(
            "UPDATE purchases SET state = new.state, lot = new.lot, credited_at = new.at,
                    updated_at = new.at, paid_at = COALESCE(paid_at, new.at), reason = ''
             FROM {from} WHERE purchases.id = new.id"
        )
    });
}

//! R13: `verify` against a thousand single-row corruptions of the ledger's tables, and no false
//! alarm.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, HoldTime, Note, Operation, ReleaseReason, Source,
        Validity,
    },
    server::{
        clock::Clock,
        ledger::{Ledger, VerifyError, open_account},
    },
};

use crate::databases::{TestDatabase, on_both_databases, seed};

/// Corruptions that are tried of each kind.
const TRIES: usize = 22;
/// Corruptions that are tried of all kinds, at least.
const ALL_TRIES: usize = 1_000;

on_both_databases!(every_corrupted_row_is_found_and_named);

/// A corruption of one row of a table: what is done to it, and how it is undone.
struct Corruption {
    table: &'static str,
    /// Conditions that the row must meet.
    only: &'static str,
    set: &'static str,
}

const fn corruption(table: &'static str, set: &'static str, only: &'static str) -> Corruption {
    Corruption { table, only, set }
}

/// The CHECKs of the tables stop most simple corruptions; these are the ones that pass them.
const CORRUPTIONS: &[Corruption] = &[
    corruption("accounts", "available = available + 1, spent = spent - 1", "1 = 1"),
    corruption("accounts", "available = available - 1, expired = expired + 1", "1 = 1"),
    corruption("accounts", "granted = granted + 7, spent = spent + 7", "1 = 1"),
    corruption("accounts", "seq = seq + 1", "1 = 1"),
    corruption("accounts", "seq = seq - 1", "1 = 1"),
    corruption("accounts", "latest_at = created_at - 1", "1 = 1"),
    corruption("lots", "remaining = remaining - 1", "remaining > 1"),
    corruption("lots", "granted = granted + 1", "1 = 1"),
    corruption("lots", "remaining = 1, is_open = TRUE", "NOT is_open"),
    corruption("lots", "number = number + 100000", "1 = 1"),
    corruption("lots", "expires_at = expires_at + 1", "NOT is_open AND number > 2"),
    corruption("lots", "expires_at = 1", "1 = 1"),
    corruption("lots", "expires_at = expires_at - 60480000000", "is_open"),
    corruption("lots", "held = 1, remaining = remaining - 1", "remaining > 1"),
    corruption("entries", "available_change = available_change + 1", "1 = 1"),
    corruption("entries", "available_after = available_after + 1", "1 = 1"),
    corruption("entries", "held_after = held_after + 1", "1 = 1"),
    corruption("entries", "held_change = held_change - 1", "1 = 1"),
    corruption("entries", "at = at - 400000000000", "seq > 1"),
    corruption("entries", "at = at + 1", "kind IN ('held', 'released', 'expired')"),
    corruption("entries", "seq = seq + 100000", "1 = 1"),
    corruption("entries", "kind = 'expired'", "kind = 'spent'"),
    corruption("entries", "kind = 'adjusted'", "kind = 'granted'"),
    corruption("entries", "operation = 'analysis'", "operation = 'backtest'"),
    corruption("allocations", "amount = amount + 1", "1 = 1"),
    corruption("allocations", "lot = lot + 100000", "1 = 1"),
    corruption("allocations", "seq = seq + 100000", "1 = 1"),
    corruption("entries", "hold = hold + 1", "hold IS NOT NULL"),
    corruption("entries", "hold = NULL", "hold IS NOT NULL"),
    corruption("entries", "hold = 1", "hold IS NULL"),
    corruption("holds", "amount = amount + 1", "1 = 1"),
    corruption("holds", "captured = captured - 1", "captured > 0"),
    corruption("holds", "operation = 'analysis'", "operation = 'backtest'"),
    corruption("holds", "number = number + 100000", "1 = 1"),
    corruption("holds", "settled_seq = settled_seq + 1", "settled_seq IS NOT NULL"),
    corruption("holds", "settled_at = settled_at - 1", "settled_at IS NOT NULL"),
    corruption("holds", "expires_at = 1", "state = 'captured'"),
    corruption("holds", "expires_at = expires_at + 1", "1 = 1"),
    corruption("holds", "expires_at = expires_at + 86400000", "1 = 1"),
    corruption("holds", "expires_at = expires_at - 86400000", "state = 'open'"),
    corruption("holds", "state = 'lapsed', settled_seq = 1, settled_at = 1", "state = 'open'"),
    corruption("holds", "state = 'released'", "state = 'lapsed'"),
    corruption("holds", "state = 'lapsed'", "state = 'released'"),
    corruption("holds", "state = 'released', captured = 0", "state = 'captured'"),
    corruption("holds", "state = 'captured'", "state = 'released'"),
    corruption("hold_allocations", "amount = amount + 1", "1 = 1"),
    corruption("hold_allocations", "lot = lot + 100000", "1 = 1"),
    corruption("hold_allocations", "hold = hold + 100000", "1 = 1"),
    corruption("usage_daily", "credits = credits + 1", "1 = 1"),
    corruption("usage_daily", "operations = operations + 1", "1 = 1"),
    corruption("usage_daily", "day = '2000-01-01'", "1 = 1"),
];

/// Tables whose rows are removed one at a time, with the columns that name a row.
const REMOVED: &[(&str, &str)] = &[
    ("lots", "account_id, number"),
    ("entries", "account_id, seq"),
    ("allocations", "account_id, seq, lot"),
    ("holds", "account_id, number"),
    ("hold_allocations", "account_id, hold, lot"),
    ("usage_daily", "account_id, day, operation"),
];

async fn every_corrupted_row_is_found_and_named(test: TestDatabase) {
    let clock = Clock::default();
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let mut random = StdRng::seed_from_u64(seed());
    let mut accounts = Vec::new();
    for _ in 0..2 {
        accounts.push(history(&test, &ledger, &clock, &mut random).await);
    }
    let verified = ledger.verify().await.expect("an untouched ledger adds up");
    assert_eq!(verified.accounts, 2);
    keep(&test).await;

    let mut all_tried = 0;
    for corruption in CORRUPTIONS {
        let mut tried = 0;
        for _ in 0..TRIES {
            let account = accounts.choose(&mut random).unwrap();
            tried += corrupt(&test, &ledger, account, corruption, &mut random).await;
        }
        assert!(tried > 0, "no row of {} meets {:?}", corruption.table, corruption.only);
        all_tried += tried;
    }
    assert!(all_tried >= ALL_TRIES, "{all_tried} corruptions only");
    for (table, key) in REMOVED {
        for account in &accounts {
            remove(&test, &ledger, account, table, key, &mut random).await;
        }
    }
    ledger.verify().await.expect("what was put back adds up");
    ledger.close().await;
}

/// An account with lots that were used up, lots that expired and lots that are open, and with
/// holds that came to every end.
async fn history(
    test: &TestDatabase,
    ledger: &Ledger,
    clock: &Clock,
    random: &mut StdRng,
) -> AccountId {
    let start = clock.now() - TimeDelta::days(300);
    let zone = chrono_tz::Asia::Tokyo;
    let account = open_account(test.database.writer(), zone, 29, start).await.unwrap();
    for (number, last_day) in [(0, 40), (1, 20), (2, 299), (3, 900)] {
        let grant = Command::Grant {
            source: Source::Promotion,
            amount: Credits::from_thousandths(random.random_range(300_000..400_000)),
            validity: Validity::Until(start + TimeDelta::days(last_day)),
            purchase: None,
            note: Note::default(),
        };
        ledger.execute_at(&account, &format!("lot-{number}"), grant, start).await.unwrap();
    }
    for number in 0..24 {
        let spend = Command::Spend {
            operation: Operation::ALL[number % 4],
            amount: Credits::from_thousandths(random.random_range(1..9_000)),
            note: Note::default(),
        };
        let at = start + TimeDelta::hours(i64::try_from(number).unwrap() * 60);
        ledger.execute_at(&account, &format!("spend-{number}"), spend, at).await.unwrap();
    }
    for number in 0..20 {
        let at = start + TimeDelta::hours(number * 24 + 479);
        hold(ledger, &account, number, at, random).await;
    }
    ledger.advance(&account).await.unwrap();
    account
}

/// One hold, which is captured, released, left to lapse or still open today.
async fn hold(
    ledger: &Ledger,
    account: &AccountId,
    number: i64,
    at: DateTime<Utc>,
    random: &mut StdRng,
) {
    let amount = random.random_range(1_000..3_000);
    let hold = Command::Hold {
        operation: Operation::ALL[usize::try_from(number % 4).unwrap()],
        amount: Credits::from_thousandths(amount),
        lasts: HoldTime::from_seconds(20_000).unwrap(),
        note: Note::default(),
    };
    let now = Clock::default().now();
    let at = if number > 16 { now - TimeDelta::hours(1) } else { at };
    let made = ledger.execute_at(account, &format!("hold-{number}"), hold, at).await.unwrap();
    let hold = made.hold.unwrap();
    let settle = match number % 4 {
        _ if number > 16 => return,
        0 | 1 => Command::Capture {
            hold,
            amount: Captured::Exactly(Credits::from_thousandths(amount * (1 + number % 2) / 2)),
            detail: None,
        },
        2 => Command::Release { hold, reason: ReleaseReason::Cancelled },
        _ => return,
    };
    let later = at + TimeDelta::hours(2);
    ledger.execute_at(account, &format!("settle-{number}"), settle, later).await.unwrap();
}

/// The values that name a random row of a table, as a condition.
async fn random_row(
    test: &TestDatabase,
    account: &AccountId,
    table: &str,
    only: &str,
    random: &mut StdRng,
) -> Option<String> {
    use sea_orm::{ConnectionTrait, Statement};
    let (own, key) = match table {
        "accounts" => ("id", "'id = ''' || id || ''''"),
        "lots" => ("account_id", "'number = ' || number"),
        "entries" => ("account_id", "'seq = ' || seq"),
        "holds" => ("account_id", "'number = ' || number"),
        "hold_allocations" => ("account_id", "'hold = ' || hold || ' AND lot = ' || lot"),
        "allocations" => ("account_id", "'seq = ' || seq || ' AND lot = ' || lot"),
        _ => ("account_id", "'day = ''' || day || ''' AND operation = ''' || operation || ''''"),
    };
    let sql = format!("SELECT {key} AS name FROM {table} WHERE {own} = '{account}' AND {only}");
    let reader = test.database.reader();
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let rows = reader.query_all_raw(statement).await.unwrap();
    let row = rows.choose(random)?;
    let name: String = row.try_get("", "name").unwrap();
    Some(format!("{own} = '{account}' AND {name}"))
}

async fn corrupt(
    test: &TestDatabase,
    ledger: &Ledger,
    account: &AccountId,
    corruption: &Corruption,
    random: &mut StdRng,
) -> usize {
    let Corruption { table, only, set } = corruption;
    let Some(row) = random_row(test, account, table, only, random).await else {
        return 0;
    };
    assert_eq!(test.tamper(&format!("UPDATE {table} SET {set} WHERE {row}")).await, 1);
    let found = ledger.verify().await;
    restore(test, table, account).await;
    assert_named(found, account, &format!("{table}: {set} WHERE {row}"));
    1
}

async fn remove(
    test: &TestDatabase,
    ledger: &Ledger,
    account: &AccountId,
    table: &str,
    key: &str,
    random: &mut StdRng,
) {
    let row = random_row(test, account, table, "1 = 1", random).await.unwrap();
    assert_eq!(test.tamper(&format!("DELETE FROM {table} WHERE {row}")).await, 1, "{key}");
    let found = ledger.verify().await;
    restore(test, table, account).await;
    assert_named(found, account, &format!("{table}: removed {row}"));
}

fn assert_named(
    found: Result<recharge::server::ledger::Verified, VerifyError>,
    account: &AccountId,
    what: &str,
) {
    match found {
        Err(VerifyError::Mismatch(mismatch)) => {
            assert!(mismatch.row.starts_with(&account.0), "{what}: {mismatch}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

/// Keeps the rows of every table aside.
async fn keep(test: &TestDatabase) {
    for table in ["accounts"].into_iter().chain(REMOVED.iter().map(|(table, _)| *table)) {
        test.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
}

/// Puts an account's rows of a table back.
async fn restore(test: &TestDatabase, table: &str, account: &AccountId) {
    if table == "accounts" {
        let sql = "UPDATE accounts SET available = kept.available, held = kept.held,
                   seq = kept.seq, granted = kept.granted, spent = kept.spent,
                   expired = kept.expired, latest_at = kept.latest_at
                   FROM kept_accounts AS kept WHERE accounts.id = kept.id";
        test.tamper(sql).await;
        return;
    }
    let own = format!("account_id = '{account}'");
    test.tamper(&format!("DELETE FROM {table} WHERE {own}")).await;
    test.tamper(&format!("INSERT INTO {table} SELECT * FROM kept_{table} WHERE {own}")).await;
}

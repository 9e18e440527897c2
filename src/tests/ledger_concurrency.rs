//! R2 and R3: many tasks and several processes at once on few accounts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use futures::TryStreamExt;
use recharge::{
    credits::{
        AccountId, Command, Credits, HistoryFilter, Note, Operation, Refusal, Source, Validity,
    },
    server::{
        clock::Clock,
        database::Database,
        ledger::{Ledger, LedgerError, Outcome, open_account},
    },
};

use crate::{
    databases::{TestDatabase, on_both_databases},
    ledger_crowd,
};

const TASKS: usize = 64;
const SPENDS: usize = 10;
const COST: i64 = 7_500;

on_both_databases!(
    exactly_what_is_affordable_succeeds_on_one_account,
    exactly_what_is_affordable_succeeds_on_sixteen_accounts,
    two_processes_share_the_accounts,
    four_processes_share_the_accounts,
    a_caller_that_goes_away_changes_nothing,
    what_waits_at_the_end_is_still_written,
);

async fn exactly_what_is_affordable_succeeds_on_one_account(test: TestDatabase) {
    for _ in 0..5 {
        crowd(&test, 1, 1).await;
    }
}

async fn exactly_what_is_affordable_succeeds_on_sixteen_accounts(test: TestDatabase) {
    for _ in 0..5 {
        crowd(&test, 16, 1).await;
    }
}

async fn two_processes_share_the_accounts(test: TestDatabase) {
    for _ in 0..5 {
        crowd(&test, 16, 2).await;
    }
}

async fn four_processes_share_the_accounts(test: TestDatabase) {
    for _ in 0..5 {
        crowd(&test, 1, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serializable_transactions_pass_too() {
    let test = TestDatabase::postgres().await;
    test.tamper(
        "DO $$ BEGIN EXECUTE format(
             'ALTER DATABASE %I SET default_transaction_isolation = serializable',
             current_database()); END $$",
    )
    .await;
    crowd(&test, 1, 2).await;
    crowd(&test, 16, 4).await;
    ledger_crowd::crowd(&test, 1, 4).await;
    ledger_crowd::crowd(&test, 16, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_transaction_in_five_that_must_be_run_again_loses_nothing() {
    let test = TestDatabase::postgres().await;
    test.tamper(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF random() < 0.2 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
             RETURN NULL; END $$",
    )
    .await;
    test.tamper(
        "CREATE TRIGGER lose AFTER INSERT ON entries FOR EACH STATEMENT EXECUTE FUNCTION lose()",
    )
    .await;
    for _ in 0..4 {
        crowd(&test, 16, 2).await;
    }
    for accounts in [1, 16] {
        ledger_crowd::crowd(&test, accounts, 2).await;
    }
}

fn spend() -> Command {
    Command::Spend {
        operation: Operation::Backtest,
        amount: Credits::from_thousandths(COST),
        note: Note::default(),
    }
}

/// An account with credits for half of what a crowd asks for.
async fn half_affordable(database: &Database, ledger: &Ledger, asked: usize) -> AccountId {
    let now = Clock::default().now();
    let zone = chrono_tz::UTC;
    let account = open_account(database.writer(), zone, 1, now).await.unwrap();
    let affordable = i64::try_from(asked / 2).unwrap();
    // Two lots that no cost divides, so that spending must cross from one to the other.
    let (first, all) = (COST * affordable / 3 + 1, COST * affordable + COST - 1);
    for (key, amount) in [("first", first), ("second", all - first)] {
        let grant = Command::Grant {
            source: Source::Promotion,
            amount: Credits::from_thousandths(amount),
            validity: Validity::Until(now + TimeDelta::days(30)),
            purchase: None,
            note: Note::default(),
        };
        ledger.execute(&account, key, grant).await.unwrap();
    }
    account
}

/// 64 tasks ask three times for each of their operations, from several processes.
async fn crowd(test: &TestDatabase, accounts: usize, processes: usize) {
    let mut ledgers = Vec::new();
    for _ in 0..processes {
        let clock = Clock::default();
        ledgers.push(Ledger::start(test.another_process().await, clock));
    }
    let asked = TASKS * SPENDS / accounts;
    let mut opened = Vec::new();
    for _ in 0..accounts {
        opened.push(half_affordable(&test.database, &ledgers[0], asked).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    let succeeded = Arc::new(AtomicUsize::new(0));
    for task in 0..TASKS {
        let (ledgers, account) = (ledgers.clone(), opened[task % accounts].clone());
        let succeeded = Arc::clone(&succeeded);
        tasks.spawn(async move {
            let mut last_seq = 0;
            for number in 0..SPENDS {
                let key = format!("{task}-{number}");
                let Some(outcome) = three_times(&ledgers, &account, &key, task + number).await
                else {
                    continue;
                };
                // R3: what was answered before is earlier in the history.
                assert!(outcome.seq > last_seq, "{account}: {} after {last_seq}", outcome.seq);
                last_seq = outcome.seq;
                succeeded.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(succeeded.load(Ordering::SeqCst), accounts * (asked / 2));
    for account in &opened {
        check_history(&ledgers[0], account, asked / 2).await;
    }
    ledgers[0].verify().await.unwrap();
    for ledger in &ledgers {
        ledger.close().await;
    }
}

/// The same request three times at once, through different processes: one outcome, or none.
async fn three_times(
    ledgers: &[Ledger],
    account: &AccountId,
    key: &str,
    first: usize,
) -> Option<Outcome> {
    let ask = |offset: usize| {
        let ledger = &ledgers[(first + offset) % ledgers.len()];
        ledger.execute(account, key, spend())
    };
    let (one, two, three) = tokio::join!(ask(0), ask(1), ask(2));
    let mut outcomes = Vec::new();
    for answer in [one, two, three] {
        match answer {
            Ok(outcome) => outcomes.push(outcome),
            Err(LedgerError::Refused(Refusal::InsufficientCredits { .. })) => {}
            Err(error) => panic!("{account} {key}: {error}"),
        }
    }
    let first = outcomes.first().cloned()?;
    assert_eq!(outcomes.len(), 3, "what succeeds once succeeds for every copy of the request");
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.replayed).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.seq == first.seq));
    Some(first)
}

/// R3: contiguous numbers, and balances that chain.
async fn check_history(ledger: &Ledger, account: &AccountId, spends: usize) {
    let filter = HistoryFilter::default();
    let rows: Vec<_> = ledger.export(account, filter).try_collect().await.unwrap();
    assert_eq!(rows.len(), spends + 2);
    for (row, seq) in rows.iter().rev().zip(1..) {
        assert_eq!(row.seq, seq);
        assert!(row.balance_after >= Credits::ZERO);
    }
    for pair in rows.windows(2) {
        assert_eq!(pair[1].balance_after + pair[0].amount, pair[0].balance_after);
    }
}

async fn a_caller_that_goes_away_changes_nothing(test: TestDatabase) {
    let ledger = Ledger::start(test.database.clone(), Clock::default());
    let account = half_affordable(&test.database, &ledger, 200).await;
    for number in 0..100 {
        let (ledger, account) = (ledger.clone(), account.clone());
        let key = format!("gone-{number}");
        let caller = tokio::spawn(async move { ledger.execute(&account, &key, spend()).await });
        if number % 2 == 0 {
            tokio::task::yield_now().await;
        }
        caller.abort();
    }
    for number in 0..100 {
        let key = format!("gone-{number}");
        ledger.execute(&account, &key, spend()).await.unwrap();
    }
    check_history(&ledger, &account, 100).await;
    ledger.close().await;
}

async fn what_waits_at_the_end_is_still_written(test: TestDatabase) {
    let ledger = Ledger::start(test.database.clone(), Clock::default());
    let account = half_affordable(&test.database, &ledger, 1_000).await;
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (ledger, account) = (ledger.clone(), account.clone());
        let key = format!("last-{number}");
        callers.spawn(async move { ledger.execute(&account, &key, spend()).await });
    }
    tokio::task::yield_now().await;
    ledger.close().await;
    let mut written = 0;
    while let Some(answer) = callers.join_next().await {
        match answer.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert_eq!(error, LedgerError::Unavailable),
        }
    }
    check_history(&ledger, &account, written).await;
}

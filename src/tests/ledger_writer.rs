//! What can't be carried out fails alone: neither its neighbours nor what comes later suffers.

use std::collections::BTreeSet;

use chrono_tz::UTC;
use recharge::{
    credits::{AccountId, Command, Credits, Note, Operation},
    server::{
        clock::Clock,
        ledger::{Ledger, LedgerError, open_account},
    },
};
use tokio::task::JoinSet;

use crate::{
    commands::{credits, grant},
    databases::{TestDatabase, on_both_databases},
};

on_both_databases!(
    an_account_whose_rows_contradict_each_other_fails_alone,
    a_row_that_can_not_be_written_fails_alone,
);

/// So many that each writer has neighbours to the one that fails.
const ACCOUNTS: usize = 24;

/// A ledger, and accounts with 20 credits each.
async fn given(test: &TestDatabase) -> (Ledger, Vec<AccountId>) {
    let clock = Clock::default();
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        let account = open_account(test.database.writer(), UTC, 1, clock.now()).await.unwrap();
        ledger.execute(&account, "grant", grant(20)).await.unwrap();
        accounts.push(account);
    }
    (ledger, accounts)
}

/// A charge of 6 credits with these words.
fn charge(words: &str) -> Command {
    let note = Note { description: words.to_owned(), ..Note::default() };
    Command::Spend { operation: Operation::Analysis, amount: credits(6), note }
}

/// Charges all accounts at once, each three times; these words for this account. Says who was
/// never answered; who was, has 2 credits left.
async fn unanswered(
    ledger: &Ledger,
    accounts: &[AccountId],
    words: impl Fn(&AccountId) -> &'static str,
) -> BTreeSet<AccountId> {
    let mut callers = JoinSet::new();
    for account in accounts {
        let (ledger, account, command) = (ledger.clone(), account.clone(), charge(words(account)));
        callers.spawn(async move {
            let mut left = None;
            for number in 0..3 {
                let key = format!("charge-{number}");
                match ledger.execute(&account, &key, command.clone()).await {
                    Ok(outcome) => left = Some(outcome.available_after),
                    Err(error) => assert_eq!(error, LedgerError::Unavailable),
                }
            }
            (account, left)
        });
    }
    let mut unanswered = BTreeSet::new();
    for (account, left) in callers.join_all().await {
        match left {
            Some(left) => assert_eq!(left, credits(2)),
            None => assert!(unanswered.insert(account)),
        }
    }
    unanswered
}

async fn an_account_whose_rows_contradict_each_other_fails_alone(test: TestDatabase) {
    let (ledger, accounts) = given(&test).await;
    let broken = &accounts[7];
    let sql = format!("UPDATE lots SET remaining = 5000 WHERE account_id = '{broken}'");
    assert_eq!(test.tamper(&sql).await, 1);
    // What the process has in mind of it counts no more.
    ledger.set_caps(broken, recharge::credits::Caps::default()).await.unwrap();
    let failed = unanswered(&ledger, &accounts, |_| "Report").await;
    assert_eq!(failed, BTreeSet::from([broken.clone()]));
    // Whose books add up again is served again.
    let sql = format!("UPDATE lots SET remaining = 20000 WHERE account_id = '{broken}'");
    assert_eq!(test.tamper(&sql).await, 1);
    let failed = unanswered(&ledger, std::slice::from_ref(broken), |_| "Report").await;
    assert_eq!(failed, BTreeSet::new());
    ledger.verify().await.unwrap();
}

async fn a_row_that_can_not_be_written_fails_alone(test: TestDatabase) {
    let (ledger, accounts) = given(&test).await;
    let refuse = if test.database.is_sqlite() {
        "CREATE TRIGGER refuse BEFORE INSERT ON entries WHEN NEW.description = 'Unwritable'
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.description = 'Unwritable' THEN RAISE EXCEPTION 'refused'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION refuse()"
    };
    test.tamper(refuse).await;
    let broken = &accounts[7];
    let words = |account: &AccountId| if account == broken { "Unwritable" } else { "Report" };
    let failed = unanswered(&ledger, &accounts, words).await;
    assert_eq!(failed, BTreeSet::from([broken.clone()]));
    let (available, held) = ledger.balance(broken).await.unwrap();
    assert_eq!((available, held), (credits(20), Credits::ZERO));
    ledger.verify().await.unwrap();
}

//! R1: random commands against a reference ledger, with the clock going forward and lots
//! expiring. The reference is as simple as can be and shares no code with the product.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, HoldTime, Note, Operation, Refusal, ReleaseReason,
        Source, Validity,
    },
    server::{
        clock::Clock,
        database::Database,
        entity::lot,
        ledger::{Ledger, LedgerError, Outcome, open_account},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    databases::{TestDatabase, on_both_databases, seed},
    ledger_reference::Reference,
};

/// Accounts, each with a history of its own; `TEST_HISTORIES` makes a quick run or a soak of it.
const ACCOUNTS: u64 = 2_000;
const STEPS: usize = 60;
/// Histories that are lived at a time: more than a batch of the ledger, fewer than would wait too
/// long for a connection to read.
const AT_ONCE: usize = 256;
/// What each account buys, twice at most.
const BOUGHT: Credits = Credits::from_thousandths(30_000);

on_both_databases!(no_random_history_diverges_from_the_reference);

async fn no_random_history_diverges_from_the_reference(test: TestDatabase) {
    let (seed, clock) = (seed(), Clock::default());
    let asked = std::env::var("TEST_HISTORIES").ok().map(|text| text.parse().unwrap());
    let count = asked.unwrap_or(ACCOUNTS);
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let start = clock.now() - TimeDelta::days(6_000);
    let mut opened = Vec::new();
    for number in 0..count {
        let zones = chrono_tz::TZ_VARIANTS;
        let zone = zones[usize::try_from(number).unwrap() % zones.len()];
        opened.push(open_account(test.database.writer(), zone, 1, start).await.unwrap());
    }
    two_purchases_each(&test).await;
    let lives = opened.into_iter().zip(0_u64..).map(|(account, number)| {
        let random = StdRng::seed_from_u64(seed ^ (number << 32));
        tokio::spawn(live(test.database.clone(), ledger.clone(), account, start, random))
    });
    let mut lives = stream::iter(lives).buffer_unordered(AT_ONCE);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    while let Some(seen) = lives.next().await {
        for kind in seen.unwrap() {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let steps = usize::try_from(count).unwrap() * STEPS;
    for kind in [
        "granted",
        "granted beside",
        "spent",
        "refused",
        "expired",
        "replayed",
        "reused",
        "held",
        "captured",
        "released",
        "extended",
        "lapsed",
        "settled before",
        "settled otherwise",
    ] {
        let seen = kinds.get(kind).copied().unwrap_or_default();
        assert!(seen * 100 >= steps, "{kind} in {seen} of {steps} steps only");
    }
    let verified = ledger.verify().await.unwrap();
    assert_eq!(verified.accounts, count);
    ledger.close().await;
}

/// Purchases that were paid and wait to be credited: of each account `pur_ID_0` and `pur_ID_1`.
async fn two_purchases_each(test: &TestDatabase) {
    let user = "INSERT INTO users (id, email, name, password_hash, role, created_at)
                VALUES ('usr_buyer', 'buyer@recharge.test', 'Somebody', '', 'support', 0)";
    test.tamper(user).await;
    let purchases = format!(
        "INSERT INTO purchases (id, account_id, user_id, intent, credits, total, currency,
             catalogue_version, terms, terms_accepted_at, state, reason, idempotency_key, livemode,
             created_at, updated_at)
         SELECT 'pur_' || accounts.id || '_' || number, accounts.id, 'usr_buyer', number, {}, 5000,
             'usd', '1', 'none', 0, 'processing', '', accounts.id || '_' || number, FALSE, 0, 0
         FROM accounts CROSS JOIN (SELECT '0' AS number UNION ALL SELECT '1') AS numbers",
        BOUGHT.thousandths()
    );
    test.tamper(&purchases).await;
}

/// Lives one account's random history, and says what kinds of step it met.
async fn live(
    database: Database,
    ledger: Ledger,
    account: AccountId,
    start: DateTime<Utc>,
    mut random: StdRng,
) -> Vec<&'static str> {
    let (mut reference, mut now, mut seen) = (Reference::default(), start, Vec::new());
    let mut last: Option<(String, Command)> = None;
    for step in 0..STEPS {
        now += gap(&mut random);
        seen.extend(reference.pass(now));
        if let Some((key, command)) = last.as_ref().filter(|_| random.random_range(0..10) == 0) {
            let other = Command::Spend {
                operation: Operation::Analysis,
                amount: Credits::from_thousandths(999_999_999),
                note: Note::default(),
            };
            let reused = ledger.execute_at(&account, key, other, now).await;
            assert_eq!(reused, Err(LedgerError::Refused(Refusal::KeyReused)));
            let replayed = ledger.execute_at(&account, key, command.clone(), now).await.unwrap();
            assert!(replayed.replayed);
            seen.extend(["replayed", "reused"]);
        }
        let key = format!("step-{step}");
        let command = command(&mut random, &account, &reference, now);
        let (word, is_expected) = reference.expect(&command, now);
        seen.push(word);
        let entries = reference.entries;
        let after = (reference.available(), reference.held());
        // What returned to a lot that has expired is gone at once.
        seen.extend(reference.pass(now));
        let outcome = ledger.execute_at(&account, &key, command.clone(), now).await;
        let step = format!("{account} {step}: {command:?}: {word}");
        check(outcome.as_ref(), is_expected, &step);
        let Ok(outcome) = outcome else { continue };
        if word != "settled before" {
            assert_eq!(outcome.seq, entries, "{step}");
            let told = (outcome.available_after, outcome.held_after);
            assert_eq!((told.0.thousandths(), told.1.thousandths()), after, "{step}");
            last = Some((key, command));
        }
        if random.random_range(0..4) == 0 {
            let (available, held) = ledger.balance_at(&account, now).await.unwrap();
            let found = (available.thousandths(), held.thousandths());
            assert_eq!(found, (reference.available(), reference.held()), "{step}");
        }
        if random.random_range(0..8) == 0 {
            assert_eq!(lots(&database, &account).await, reference.left(), "{step}");
        }
    }
    seen
}

/// The lots of which something can be spent, by their numbers, and how much.
async fn lots(database: &Database, account: &AccountId) -> BTreeMap<i64, i64> {
    let lots = lot::Entity::find().filter(lot::Column::AccountId.eq(&account.0));
    let lots = lots.filter(lot::Column::Remaining.gt(0)).all(database.reader()).await.unwrap();
    lots.into_iter().map(|lot| (lot.number, lot.remaining)).collect()
}

/// From seconds to days, so that holds are met open as well as lapsed; and now and then about a year, for
/// what was bought to expire, too.
fn gap(random: &mut StdRng) -> TimeDelta {
    if random.random_range(0..40) == 0 {
        return TimeDelta::milliseconds(random.random_range(0..400 * 86_400_000));
    }
    let longest = [60_000, 3_600_000, 5 * 86_400_000][random.random_range(0..3)];
    TimeDelta::milliseconds(random.random_range(0..longest))
}

#[track_caller]
fn check(outcome: Result<&Outcome, &LedgerError>, is_expected: bool, step: &str) {
    match outcome {
        Ok(_) => assert!(is_expected, "{step}"),
        Err(LedgerError::Refused(_)) => assert!(!is_expected, "{step}: {outcome:?}"),
        Err(error) => panic!("{step}: {error}"),
    }
}

fn command(
    random: &mut StdRng,
    account: &AccountId,
    reference: &Reference,
    now: DateTime<Utc>,
) -> Command {
    let amount = Credits::from_thousandths(random.random_range(3..50_000));
    let part = Credits::from_thousandths(amount.thousandths() / 3);
    let operation = Operation::ALL[random.random_range(0..4)];
    let lasts = HoldTime::from_seconds(random.random_range(1..20_000)).unwrap();
    let hold = some_hold(random, reference);
    match random.random_range(0..16) {
        0 if reference.bought < 2 => buy(account, reference.bought),
        0 | 1 => grant(random, reference, amount, now),
        2 | 3 => Command::Spend { operation, amount: part, note: Note::default() },
        4..=6 => Command::Hold { operation, amount: part, lasts, note: Note::default() },
        7..=9 => Command::Capture {
            hold,
            amount: match random.random_range(0..4) {
                0 => Captured::All,
                1 => Captured::UpTo(part),
                _ => Captured::Exactly(Credits::from_thousandths(part.thousandths() / 2)),
            },
            detail: None,
        },
        10 | 11 => Command::Release { hold, reason: ReleaseReason::Failed },
        _ => {
            let seconds = random.random_range(20_000..86_400);
            let lasts = HoldTime::from_seconds(seconds).filter(|_| random.random_bool(0.8));
            Command::Extend { hold, lasts, more: part, ceiling: None }
        }
    }
}

/// Mostly an open hold, now and then a settled one or a number that is none.
fn some_hold(random: &mut StdRng, reference: &Reference) -> i64 {
    let all = reference.holds.iter().rev();
    let open = all.clone().filter(|(_, hold)| hold.settled.is_none());
    let open: Vec<_> = open.take(3).map(|(number, _)| *number).collect();
    let known: Vec<_> = all.take(4).map(|(number, _)| *number).collect();
    let from = if random.random_range(0..10) < 7 && !open.is_empty() { open } else { known };
    from.choose(random).copied().unwrap_or(1)
}

fn buy(account: &AccountId, number: usize) -> Command {
    Command::Grant {
        source: Source::Purchase,
        amount: BOUGHT,
        validity: Validity::OneYear,
        purchase: Some(format!("pur_{account}_{number}")),
        note: Note::default(),
    }
}

fn grant(
    random: &mut StdRng,
    reference: &Reference,
    amount: Credits,
    now: DateTime<Utc>,
) -> Command {
    let source = [Source::Promotion, Source::Goodwill][random.random_range(0..2)];
    // Whole days from a common start, so that lots often expire together; or together with what
    // was bought: that is spent after it, although it is older.
    let days = TimeDelta::days(random.random_range(1..60));
    let end = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc() + days;
    let paid = reference.paid_ends().choose(random).copied();
    let end = paid.filter(|_| random.random_range(0..2) == 0).unwrap_or(end);
    let validity = Validity::Until(end);
    Command::Grant { source, amount, validity, purchase: None, note: Note::default() }
}

//! R1: random commands against a reference ledger, with the clock going forward and lots
//! expiring. The reference is as simple as can be and shares no code with the product.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, HoldTime, Note, Operation, Refusal, ReleaseReason,
        Source, Validity,
    },
    server::{
        clock::Clock,
        ledger::{Ledger, LedgerError, Outcome, open_account},
    },
};

use crate::{
    databases::{TestDatabase, on_both_databases, seed},
    ledger_reference::Reference,
};

/// Accounts, each with a history of its own; `TEST_HISTORIES` makes a quick run or a soak of it.
const ACCOUNTS: u64 = 2_000;
const STEPS: usize = 60;

on_both_databases!(no_random_history_diverges_from_the_reference);

async fn no_random_history_diverges_from_the_reference(test: TestDatabase) {
    let (seed, clock) = (seed(), Clock::default());
    let asked = std::env::var("TEST_HISTORIES").ok().map(|text| text.parse().unwrap());
    let count = asked.unwrap_or(ACCOUNTS);
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let start = clock.now() - TimeDelta::days(2_000);
    let mut accounts = tokio::task::JoinSet::new();
    for number in 0..count {
        let zones = chrono_tz::TZ_VARIANTS;
        let zone = zones[usize::try_from(number).unwrap() % zones.len()];
        let account = open_account(test.database.writer(), zone, 1, start).await.unwrap();
        let random = StdRng::seed_from_u64(seed ^ (number << 32));
        accounts.spawn(live(ledger.clone(), account, start, random));
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    while let Some(seen) = accounts.join_next().await {
        for kind in seen.unwrap() {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let steps = usize::try_from(count).unwrap() * STEPS;
    for kind in [
        "granted",
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

/// Lives one account's random history, and says what kinds of step it met.
async fn live(
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
        let command = command(&mut random, &reference, now);
        let (word, is_expected) = reference.expect(&command, now);
        seen.push(word);
        let entries = reference.entries;
        // What returned to a lot that has expired is gone at once.
        seen.extend(reference.pass(now));
        let outcome = ledger.execute_at(&account, &key, command.clone(), now).await;
        let step = format!("{account} {step}: {command:?}: {word}");
        check(outcome.as_ref(), is_expected, &step);
        let Ok(outcome) = outcome else { continue };
        if word != "settled before" {
            assert_eq!(outcome.seq, entries, "{step}");
            last = Some((key, command));
        }
        let (available, held) = ledger.balance_at(&account, now).await.unwrap();
        let found = (available.thousandths(), held.thousandths());
        assert_eq!(found, (reference.available(), reference.held()), "{step}");
    }
    seen
}

/// From seconds to days, so that holds are met open as well as lapsed.
fn gap(random: &mut StdRng) -> TimeDelta {
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

fn command(random: &mut StdRng, reference: &Reference, now: DateTime<Utc>) -> Command {
    let amount = Credits::from_thousandths(random.random_range(3..50_000));
    let part = Credits::from_thousandths(amount.thousandths() / 3);
    let operation = Operation::ALL[random.random_range(0..4)];
    let lasts = HoldTime::from_seconds(random.random_range(1..20_000)).unwrap();
    let hold = some_hold(random, reference);
    match random.random_range(0..16) {
        0 | 1 => grant(random, amount, now),
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

fn grant(random: &mut StdRng, amount: Credits, now: DateTime<Utc>) -> Command {
    let source = [Source::Promotion, Source::Goodwill][random.random_range(0..2)];
    // Whole days from a common start, so that lots often expire together.
    let days = random.random_range(1..60);
    let end = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let validity = Validity::Until(end + TimeDelta::days(days));
    Command::Grant { source, amount, validity, purchase: None, note: Note::default() }
}

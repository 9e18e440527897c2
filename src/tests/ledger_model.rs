//! R1: random commands against a reference ledger, with the clock going forward and lots
//! expiring. The reference is as simple as can be and shares no code with the product.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::{
    credits::{AccountId, Command, Credits, Note, Operation, Refusal, Source, Validity},
    server::{
        clock::Clock,
        ledger::{Ledger, LedgerError, open_account},
    },
};

use crate::databases::{TestDatabase, on_both_databases, seed};

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
    for kind in ["granted", "spent", "refused", "expired", "replayed", "reused"] {
        let seen = kinds.get(kind).copied().unwrap_or_default();
        assert!(seen * 100 >= steps, "{kind} in {seen} of {steps} steps only");
    }
    let verified = ledger.verify().await.unwrap();
    assert_eq!(verified.accounts, count);
    ledger.close().await;
}

/// Lots as (last instant, paid, number, left), in thousandths.
#[derive(Default)]
struct Reference {
    lots: Vec<(DateTime<Utc>, bool, i64, i64)>,
    entries: i64,
}

impl Reference {
    fn available(&self) -> i64 {
        self.lots.iter().map(|lot| lot.3).sum()
    }

    fn pass(&mut self, now: DateTime<Utc>) -> usize {
        let gone = self.lots.iter().filter(|lot| lot.0 <= now && lot.3 > 0).count();
        self.lots.retain(|lot| lot.0 > now && lot.3 > 0);
        self.entries += i64::try_from(gone).unwrap();
        gone
    }

    fn spend(&mut self, mut amount: i64) -> bool {
        if amount > self.available() {
            return false;
        }
        self.lots.sort();
        for lot in &mut self.lots {
            let part = amount.min(lot.3);
            lot.3 -= part;
            amount -= part;
        }
        self.entries += 1;
        true
    }
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
        now += TimeDelta::milliseconds(random.random_range(0..5 * 86_400_000));
        if reference.pass(now) > 0 {
            seen.push("expired");
        }
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
        let command = command(&mut random, now);
        let outcome = ledger.execute_at(&account, &key, command.clone(), now).await;
        let is_expected = match &command {
            Command::Grant { source, amount, validity: Validity::Until(end), .. } => {
                reference.entries += 1;
                let is_paid = *source == Source::Purchase;
                let lot = (*end, is_paid, reference.entries, amount.thousandths());
                reference.lots.push(lot);
                seen.push("granted");
                true
            }
            Command::Spend { amount, .. } => {
                let is_affordable = reference.spend(amount.thousandths());
                seen.push(if is_affordable { "spent" } else { "refused" });
                is_affordable
            }
            Command::Grant { .. } => unreachable!("grants of this test name their end"),
        };
        match outcome {
            Ok(outcome) => {
                assert!(is_expected, "{account} {step}: {command:?}");
                assert_eq!(outcome.seq, reference.entries, "{account} {step}: {command:?}");
                assert_eq!(outcome.available_after.thousandths(), reference.available());
                last = Some((key, command));
            }
            Err(LedgerError::Refused(Refusal::InsufficientCredits { available, .. })) => {
                assert!(!is_expected, "{account} {step}: {command:?}");
                assert_eq!(available.thousandths(), reference.available());
            }
            Err(error) => panic!("{account} {step}: {command:?}: {error}"),
        }
    }
    seen
}

fn command(random: &mut StdRng, now: DateTime<Utc>) -> Command {
    let amount = Credits::from_thousandths(random.random_range(1..50_000));
    if random.random_range(0..5) == 0 {
        let source = [Source::Promotion, Source::Goodwill][random.random_range(0..2)];
        // Whole days from a common start, so that lots often expire together.
        let days = random.random_range(1..60);
        let end = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        let validity = Validity::Until(end + TimeDelta::days(days));
        return Command::Grant { source, amount, validity, purchase: None, note: Note::default() };
    }
    let operation = Operation::ALL[random.random_range(0..4)];
    let amount = Credits::from_thousandths(amount.thousandths() / 3);
    Command::Spend { operation, amount, note: Note::default() }
}

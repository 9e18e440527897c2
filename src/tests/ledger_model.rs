//! R1: random commands against a reference ledger, with the clock going forward and lots
//! expiring. The reference is as simple as can be and shares no code with the product.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::{
    credits::{
        AccountId, Command, Credits, HoldTime, Note, Operation, Refusal, ReleaseReason, Source,
        Validity,
    },
    server::{
        clock::Clock,
        ledger::{Ledger, LedgerError, Outcome, open_account},
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

/// A lot: its end, whether it was paid, its number, what is left of it. In thousandths.
type ReferenceLot = (DateTime<Utc>, bool, i64, i64);

/// A hold: what was taken from which lot (a copy of the lot with the part), its end, and how it
/// was settled.
#[derive(Clone)]
struct ReferenceHold {
    parts: Vec<ReferenceLot>,
    end: DateTime<Utc>,
    settled: Option<&'static str>,
}

/// Lots and holds, as plain as can be.
#[derive(Default)]
struct Reference {
    lots: Vec<ReferenceLot>,
    holds: BTreeMap<i64, ReferenceHold>,
    entries: i64,
}

impl Reference {
    fn available(&self) -> i64 {
        self.lots.iter().map(|lot| lot.3).sum()
    }

    fn held(&self) -> i64 {
        let open = self.holds.values().filter(|hold| hold.settled.is_none());
        open.flat_map(|hold| &hold.parts).map(|part| part.3).sum()
    }

    /// Instant by instant, holds before lots.
    fn pass(&mut self, now: DateTime<Utc>) -> Vec<&'static str> {
        let mut seen = Vec::new();
        let ends = self.holds.values().filter(|hold| hold.settled.is_none()).map(|hold| hold.end);
        let mut instants: Vec<_> = ends.chain(self.lots.iter().map(|lot| lot.0)).collect();
        instants.push(now);
        instants.retain(|at| *at <= now);
        instants.sort();
        for at in instants {
            let lapsed = self.holds.iter().filter(|(_, it)| it.settled.is_none() && it.end <= at);
            for number in lapsed.map(|(number, _)| *number).collect::<Vec<_>>() {
                self.settle(number, 0, "lapsed");
                seen.push("lapsed");
            }
            let gone = self.lots.iter().filter(|lot| lot.0 <= at && lot.3 > 0).count();
            self.lots.retain(|lot| lot.0 > at && lot.3 > 0);
            self.entries += i64::try_from(gone).unwrap();
            seen.extend(vec!["expired"; gone]);
        }
        seen
    }

    /// Takes the soonest to end, free before paid, oldest first; none where there is too little.
    fn take(&mut self, mut amount: i64) -> Option<Vec<ReferenceLot>> {
        if amount > self.available() {
            return None;
        }
        self.lots.sort();
        let mut parts = Vec::new();
        for lot in &mut self.lots {
            let part = amount.min(lot.3);
            lot.3 -= part;
            amount -= part;
            parts.push((lot.0, lot.1, lot.2, part));
        }
        parts.retain(|part| part.3 > 0);
        self.lots.retain(|lot| lot.3 > 0);
        self.entries += 1;
        Some(parts)
    }

    fn settle(&mut self, number: i64, mut charge: i64, how: &'static str) {
        let hold = self.holds.get_mut(&number).unwrap();
        hold.settled = Some(how);
        let mut parts = hold.parts.clone();
        parts.sort();
        for part in parts {
            let charged = charge.min(part.3);
            charge -= charged;
            let rest = part.3 - charged;
            match self.lots.iter_mut().find(|lot| lot.2 == part.2) {
                Some(lot) => lot.3 += rest,
                None if rest > 0 => self.lots.push((part.0, part.1, part.2, rest)),
                None => {}
            }
        }
        self.entries += 1;
    }

    /// What a command should come to: the word for it, and whether it is carried out.
    fn expect(&mut self, command: &Command, now: DateTime<Utc>) -> (&'static str, bool) {
        match command {
            Command::Grant { source, amount, validity: Validity::Until(end), .. } => {
                self.entries += 1;
                let is_paid = *source == Source::Purchase;
                self.lots.push((*end, is_paid, self.entries, amount.thousandths()));
                ("granted", true)
            }
            Command::Grant { .. } => unreachable!("grants of this test name their end"),
            Command::Spend { amount, .. } => match self.take(amount.thousandths()) {
                Some(_) => ("spent", true),
                None => ("refused", false),
            },
            Command::Hold { amount, lasts, .. } => match self.take(amount.thousandths()) {
                Some(parts) => {
                    let hold = ReferenceHold { parts, end: lasts.ends(now), settled: None };
                    self.holds.insert(self.entries, hold);
                    ("held", true)
                }
                None => ("refused", false),
            },
            Command::Capture { hold, amount, .. } => {
                self.expect_settling(*hold, amount.thousandths(), "captured")
            }
            Command::Release { hold, .. } => self.expect_settling(*hold, 0, "released"),
            Command::Extend { hold, lasts, more, .. } => {
                let Some(found) = self.holds.get(hold).cloned() else {
                    return ("settled otherwise", false);
                };
                if found.settled.is_some() {
                    return ("settled otherwise", false);
                }
                if lasts.ends(now) < found.end {
                    return ("refused", false);
                }
                let Some(parts) = self.take(more.thousandths()) else {
                    return ("refused", false);
                };
                let found = self.holds.get_mut(hold).unwrap();
                found.end = lasts.ends(now);
                for part in parts {
                    match found.parts.iter_mut().find(|other| other.2 == part.2) {
                        Some(other) => other.3 += part.3,
                        None => found.parts.push(part),
                    }
                }
                ("extended", true)
            }
        }
    }

    fn expect_settling(
        &mut self,
        number: i64,
        charge: i64,
        how: &'static str,
    ) -> (&'static str, bool) {
        let Some(hold) = self.holds.get(&number) else { return ("settled otherwise", false) };
        let held: i64 = hold.parts.iter().map(|part| part.3).sum();
        match hold.settled {
            None if charge > held => ("refused", false),
            None => {
                self.settle(number, charge, how);
                (how, true)
            }
            Some(first) if first == how || (first == "lapsed" && how == "released") => {
                ("settled before", true)
            }
            Some(_) => ("settled otherwise", false),
        }
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
    let amount = Credits::from_thousandths(random.random_range(1..50_000));
    let part = Credits::from_thousandths(amount.thousandths() / 3);
    let operation = Operation::ALL[random.random_range(0..4)];
    let lasts = HoldTime::from_seconds(random.random_range(1..20_000)).unwrap();
    // Mostly a recent hold, now and then a number that is none.
    let known: Vec<_> = reference.holds.keys().rev().take(4).copied().collect();
    let hold = match known.as_slice() {
        [] => 1,
        known => known[random.random_range(0..known.len())],
    };
    match random.random_range(0..13) {
        0 | 1 => grant(random, amount, now),
        2 | 3 => Command::Spend { operation, amount: part, note: Note::default() },
        4..=6 => Command::Hold { operation, amount: part, lasts, note: Note::default() },
        7..=9 => Command::Capture {
            hold,
            amount: Credits::from_thousandths(part.thousandths() / 2),
            detail: None,
        },
        10 | 11 => Command::Release { hold, reason: ReleaseReason::Failed },
        _ => Command::Extend { hold, lasts, more: part, ceiling: None },
    }
}

fn grant(random: &mut StdRng, amount: Credits, now: DateTime<Utc>) -> Command {
    let source = [Source::Promotion, Source::Goodwill][random.random_range(0..2)];
    // Whole days from a common start, so that lots often expire together.
    let days = random.random_range(1..60);
    let end = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let validity = Validity::Until(end + TimeDelta::days(days));
    Command::Grant { source, amount, validity, purchase: None, note: Note::default() }
}

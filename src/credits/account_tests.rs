//! What the state machine promises.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::Validity;
use super::*;

fn credits(whole: i64) -> Credits {
    Credits::try_from_whole(whole).unwrap()
}

fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn after(days: i64) -> DateTime<Utc> {
    start() + TimeDelta::days(days)
}

fn account() -> Account {
    Account::new(AccountId("acc_test".to_owned()), start())
}

fn grant(source: Source, whole: i64, last_day: i64) -> Command {
    Command::Grant {
        source,
        amount: credits(whole),
        validity: Validity::Until(after(last_day)),
        purchase: None,
        note: Note::default(),
    }
}

fn spend(whole: i64) -> Command {
    Command::Spend { operation: Operation::Backtest, amount: credits(whole), note: Note::default() }
}

/// What is taken from which lot.
fn taken(posting: &Posting) -> Vec<(i64, Credits)> {
    posting.entry.allocations.iter().map(|part| (part.lot, part.amount)).collect()
}

#[test]
fn soonest_expiry_is_spent_first() {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 100, 300), start()).unwrap();
    account.apply(&grant(Source::Purchase, 50, 10), start()).unwrap();
    let posting = account.apply(&spend(51), after(1)).unwrap();
    assert_eq!(taken(&posting), [(2, credits(50)), (1, credits(1))]);
}

#[test]
fn free_credits_are_spent_before_paid_ones_that_expire_together() {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 10, 30), start()).unwrap();
    account.apply(&grant(Source::Promotion, 10, 30), start()).unwrap();
    let posting = account.apply(&spend(11), after(1)).unwrap();
    assert_eq!(taken(&posting), [(2, credits(10)), (1, credits(1))]);
}

#[test]
fn an_expired_credit_cannot_be_spent_to_the_instant() {
    let mut account = account();
    account.apply(&grant(Source::Promotion, 10, 30), start()).unwrap();
    let before = after(30) - TimeDelta::milliseconds(1);
    assert!(account.advance(before).is_empty());
    assert!(account.apply(&spend(1), before).is_ok());
    let postings = account.advance(after(30));
    assert_eq!(postings.len(), 1);
    assert_eq!((postings[0].entry.at, postings[0].entry.amount()), (after(30), -credits(9)));
    let refusal = account.apply(&spend(1), after(30)).unwrap_err();
    assert!(matches!(refusal, Refusal::InsufficientCredits { .. }));
}

#[test]
fn lots_that_expired_unseen_are_written_in_the_order_of_their_instants() {
    let mut account = account();
    account.apply(&grant(Source::Goodwill, 1, 20), start()).unwrap();
    account.apply(&grant(Source::Promotion, 2, 10), start()).unwrap();
    let postings = account.advance(after(365));
    let instants: Vec<_> = postings.iter().map(|posting| posting.entry.at).collect();
    assert_eq!(instants, [after(10), after(20)]);
    assert_eq!(account.advance(after(365)), [], "nothing expires twice");
    assert_eq!(account.balance(), Credits::ZERO);
}

#[test]
fn bought_credits_last_one_year_from_when_they_can_be_spent() {
    let mut account = account();
    let command = Command::Grant {
        source: Source::Purchase,
        amount: credits(1),
        validity: Validity::OneYear,
        purchase: Some("pur_1".to_owned()),
        note: Note::default(),
    };
    let posting = account.apply(&command, after(3)).unwrap();
    assert_eq!(posting.lots[0].expires_at, after(3 + 365));
}

#[test]
fn a_charge_of_zero_leaves_a_row() {
    let mut account = account();
    let posting = account.apply(&spend(0), start()).unwrap();
    assert_eq!((posting.entry.seq, posting.entry.amount()), (1, Credits::ZERO));
    assert!(posting.lots.is_empty());
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut account = account();
    account.apply(&grant(Source::Promotion, 10, 30), start()).unwrap();
    let before = account.clone();
    let negative = Command::Spend {
        operation: Operation::Analysis,
        amount: -credits(1),
        note: Note::default(),
    };
    for command in
        [spend(11), negative, grant(Source::Goodwill, 0, 30), grant(Source::Goodwill, 1, 0)]
    {
        assert!(account.apply(&command, start()).is_err(), "{command:?}");
        assert_eq!(account, before);
    }
}

#[test]
fn time_never_runs_backwards_for_an_account() {
    let mut account = account();
    account.apply(&grant(Source::Promotion, 10, 30), after(5)).unwrap();
    let posting = account.apply(&spend(1), after(4)).unwrap();
    assert_eq!(posting.entry.at, after(5));
}

/// A command of any kind, and how far the clock moves before it.
fn step() -> impl Strategy<Value = (Command, i64)> {
    let source = prop::sample::select(Source::ALL.to_vec());
    let command = prop_oneof![
        (source, 1_i64..50, 1_i64..900)
            .prop_map(|(source, whole, days)| grant(source, whole, days)),
        (0_i64..40).prop_map(spend),
    ];
    (command, 0_i64..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn every_change_of_balance_has_a_row(steps in prop::collection::vec(step(), 1..60)) {
        let (mut account, mut now) = (account(), start());
        let mut entries = Vec::new();
        for (command, days) in steps {
            now += TimeDelta::days(days);
            entries.extend(account.advance(now).into_iter().map(|posting| posting.entry));
            let before = account.clone();
            match account.apply(&command, now) {
                Ok(posting) => entries.push(posting.entry),
                Err(_) => prop_assert_eq!(&account, &before),
            }
            let lots: Credits = account.lots.iter().map(|lot| lot.remaining).sum();
            prop_assert_eq!(account.available, lots);
            prop_assert!(account.available >= Credits::ZERO);
            prop_assert!(account.lots.iter().all(|lot| !lot.is_expired(now) || !lot.remaining.is_positive()));
        }
        let sum: Credits = entries.iter().map(Entry::amount).sum();
        prop_assert_eq!(account.balance(), sum);
        let totals = account.totals;
        prop_assert_eq!(totals.granted, account.balance() + totals.spent + totals.expired);
        for (index, entry) in entries.iter().enumerate() {
            prop_assert_eq!(entry.seq, i64::try_from(index).unwrap() + 1);
        }
        for pair in entries.windows(2) {
            prop_assert_eq!(pair[0].balance_after() + pair[1].amount(), pair[1].balance_after());
            prop_assert!(pair[0].at <= pair[1].at);
        }
    }
}

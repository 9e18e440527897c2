//! What the state machine promises.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::{Captured, HoldTime, ReleaseReason, Source, Validity};
use super::*;

pub(super) fn credits(whole: i64) -> Credits {
    Credits::try_from_whole(whole).unwrap()
}

pub(super) fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub(super) fn after(days: i64) -> DateTime<Utc> {
    start() + TimeDelta::days(days)
}

pub(super) fn account() -> Account {
    Account::new(AccountId("acc_test".to_owned()), start())
}

pub(super) fn grant(source: Source, whole: i64, last_day: i64) -> Command {
    Command::Grant {
        source,
        amount: credits(whole),
        validity: Validity::Until(after(last_day)),
        purchase: None,
        note: Note::default(),
    }
}

pub(super) fn spend(whole: i64) -> Command {
    Command::Spend { operation: Operation::Backtest, amount: credits(whole), note: Note::default() }
}

impl Applied {
    pub(super) fn posted(self) -> Posting {
        match self {
            Self::Posted(posting) => *posting,
            Self::Settled(hold) => panic!("settled before: {hold:?}"),
        }
    }
}

/// What is taken from which lot.
pub(super) fn taken(posting: &Posting) -> Vec<(i64, Credits)> {
    posting.entry.allocations.iter().map(|part| (part.lot, part.amount)).collect()
}

#[test]
fn soonest_expiry_is_spent_first() {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 100, 300), start()).unwrap();
    account.apply(&grant(Source::Purchase, 50, 10), start()).unwrap();
    let posting = account.apply(&spend(51), after(1)).unwrap().posted();
    assert_eq!(taken(&posting), [(2, credits(50)), (1, credits(1))]);
}

#[test]
fn free_credits_are_spent_before_paid_ones_that_expire_together() {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 10, 30), start()).unwrap();
    account.apply(&grant(Source::Promotion, 10, 30), start()).unwrap();
    let posting = account.apply(&spend(11), after(1)).unwrap().posted();
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
    let said = postings
        .iter()
        .map(|Posting { entry, .. }| (entry.note.description.as_str(), entry.note.detail.as_str()));
    assert!(said.eq([
        ("Unused promotion expired", "2 of 2 forfeited"),
        ("Unused goodwill expired", "1 of 1 forfeited"),
    ]));
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
    let posting = account.apply(&command, after(3)).unwrap().posted();
    assert_eq!(posting.lots[0].expires_at, after(3 + 365));
}

#[test]
fn a_charge_of_zero_leaves_a_row() {
    let mut account = account();
    let posting = account.apply(&spend(0), start()).unwrap().posted();
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
    let posting = account.apply(&spend(1), after(4)).unwrap().posted();
    assert_eq!(posting.entry.at, after(5));
}

pub(super) fn hold(whole: i64, hours: u32) -> Command {
    Command::Hold {
        operation: Operation::Backtest,
        amount: credits(whole),
        lasts: HoldTime::from_seconds(hours * 3_600).unwrap(),
        note: Note { description: "Momentum v8".to_owned(), ..Note::default() },
    }
}

pub(super) fn capture(hold: i64, whole: i64) -> Command {
    Command::Capture { hold, amount: Captured::Exactly(credits(whole)), detail: None }
}

pub(super) fn release(hold: i64) -> Command {
    Command::Release { hold, reason: ReleaseReason::Failed }
}

pub(super) fn extend(hold: i64, hours: u32, more: i64) -> Command {
    let lasts = HoldTime::from_seconds(hours * 3_600);
    Command::Extend { hold, lasts, more: credits(more), ceiling: None }
}

/// A command of any kind, and how many hours the clock moves before it.
fn step() -> impl Strategy<Value = (Command, i64)> {
    let source = prop::sample::select(Source::ALL.to_vec());
    let command = prop_oneof![
        (source, 1_i64..50, 1_i64..900)
            .prop_map(|(source, whole, days)| grant(source, whole, days)),
        (0_i64..40).prop_map(spend),
        (0_i64..40, 1_u32..25).prop_map(|(whole, hours)| hold(whole, hours)),
        (1_i64..30, 0_i64..30).prop_map(|(number, whole)| capture(number, whole)),
        (1_i64..30).prop_map(release),
        (1_i64..30, 1_u32..25, 0_i64..20)
            .prop_map(|(number, hours, more)| extend(number, hours, more)),
    ];
    (command, prop_oneof![3 => 0_i64..6, 1 => 0_i64..480])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn every_change_of_balance_has_a_row(steps in prop::collection::vec(step(), 1..60)) {
        let (mut account, mut now) = (account(), start());
        let mut entries = Vec::new();
        for (command, hours) in steps {
            now += TimeDelta::hours(hours);
            entries.extend(account.advance(now).into_iter().map(|posting| posting.entry));
            let before = account.clone();
            match account.apply(&command, now) {
                Ok(Applied::Posted(posting)) => entries.push(posting.entry),
                Ok(Applied::Settled(_)) | Err(_) => prop_assert_eq!(&account.lots, &before.lots),
            }
            entries.extend(account.advance(now).into_iter().map(|posting| posting.entry));
            check(&account, now)?;
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

/// What holds between any two commands.
fn check(account: &Account, now: DateTime<Utc>) -> Result<(), TestCaseError> {
    let remaining: Credits = account.lots.iter().map(|lot| lot.remaining).sum();
    prop_assert_eq!(account.available, remaining);
    prop_assert!(account.available >= Credits::ZERO && account.held >= Credits::ZERO);
    let held: Credits = account.lots.iter().map(|lot| lot.held).sum();
    prop_assert_eq!(account.held, held);
    let open = account.holds.iter().filter(|hold| hold.is_open());
    prop_assert_eq!(account.held, open.clone().map(|hold| hold.amount).sum());
    prop_assert!(open.clone().all(|hold| hold.expires_at > now));
    for lot in &account.lots {
        prop_assert!(!lot.is_expired(now) || !lot.remaining.is_positive());
        let parts = open.clone().flat_map(|hold| &hold.parts);
        let parts = parts.filter(|part| part.lot == lot.number);
        prop_assert_eq!(lot.held, parts.map(|part| part.amount).sum());
    }
    Ok(())
}

//! What is promised of holds.

use chrono::TimeDelta;

use super::super::tests::{
    account, after, capture, credits, extend, grant, hold, release, spend, start, taken,
};
use super::*;
use crate::credits::{Command, Source};

/// An account with lots of 100 for 10 days and 200 for 300 days; the next entry is 3.
fn with_two_lots() -> Account {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 100, 10), start()).unwrap();
    account.apply(&grant(Source::Purchase, 200, 300), start()).unwrap();
    account
}

#[test]
fn a_hold_sets_aside_and_a_capture_spends_the_soonest_to_expire() {
    let mut account = with_two_lots();
    let held = account.apply(&hold(150, 1), start()).unwrap().posted();
    assert_eq!((held.entry.amount(), held.entry.held_after), (Credits::ZERO, credits(150)));
    assert_eq!((account.available, account.held), (credits(150), credits(150)));
    let posting = account.apply(&capture(3, 120), start()).unwrap().posted();
    assert_eq!(taken(&posting), [(1, credits(100)), (2, credits(20))]);
    assert_eq!(posting.entry.kind, EntryKind::Spent);
    assert_eq!(posting.entry.amount(), -credits(120));
    assert_eq!(posting.entry.note.detail, "30 of 150 held returned");
    let settled = posting.hold.as_ref().and_then(|hold| hold.settled);
    assert_eq!(settled, Some((posting.entry.seq, start())));
    assert_eq!((account.available, account.held), (credits(180), Credits::ZERO));
}

#[test]
fn failed_work_costs_nothing_and_its_row_says_so() {
    let mut account = with_two_lots();
    account.apply(&hold(75, 1), start()).unwrap();
    let posting = account.apply(&release(3), start()).unwrap().posted();
    assert_eq!(posting.entry.amount(), Credits::ZERO);
    assert_eq!(posting.entry.note.description, "Momentum v8");
    assert_eq!(posting.entry.note.detail, "failed, 0 credits (75 released)");
    assert_eq!(account.available, credits(300));
}

#[test]
fn a_hold_lapses_at_its_instant_and_a_late_capture_is_refused_with_the_reason() {
    let mut account = with_two_lots();
    account.apply(&hold(75, 1), start()).unwrap();
    let end = start() + TimeDelta::hours(1);
    assert!(account.clone().advance(end - TimeDelta::milliseconds(1)).is_empty());
    let postings = account.advance(start() + TimeDelta::hours(5));
    let [lapse] = postings.as_slice() else { panic!("{postings:?}") };
    assert_eq!((lapse.entry.kind, lapse.entry.at), (EntryKind::Released, end));
    assert_eq!(lapse.entry.note.detail, "hold expired, 0 credits (75 released)");
    let refusal = account.apply(&capture(3, 1), start() + TimeDelta::hours(5)).unwrap_err();
    let expected = Refusal::HoldSettled {
        state: HoldState::Lapsed,
        amount: credits(75),
        captured: Credits::ZERO,
        at: end,
    };
    assert_eq!(refusal, expected);
}

#[test]
fn settling_a_hold_twice_changes_nothing_and_settling_it_otherwise_is_refused() {
    let mut account = with_two_lots();
    account.apply(&hold(75, 1), start()).unwrap();
    account.apply(&hold(50, 1), start()).unwrap();
    account.apply(&capture(3, 70), start()).unwrap();
    account.apply(&release(4), start()).unwrap();
    let before = account.clone();
    assert!(matches!(account.apply(&capture(3, 70), start()), Ok(Applied::Settled(_))));
    assert!(matches!(account.apply(&release(4), start()), Ok(Applied::Settled(_))));
    for command in [release(3), capture(4, 1), extend(3, 2, 0), capture(5, 1), release(1)] {
        assert!(account.apply(&command, start()).is_err(), "{command:?}");
    }
    assert_eq!(account, before);
}

#[test]
fn more_than_is_held_cannot_be_captured() {
    let mut account = with_two_lots();
    account.apply(&hold(75, 1), start()).unwrap();
    let refusal = account.apply(&capture(3, 76), start()).unwrap_err();
    assert_eq!(refusal, Refusal::CaptureAboveHold { amount: credits(76), held: credits(75) });
}

#[test]
fn held_credits_outlive_their_lot_and_expire_when_they_are_given_back() {
    let mut account = with_two_lots();
    let evening = after(9) + TimeDelta::hours(20);
    account.apply(&hold(60, 24), evening).unwrap();
    let postings = account.advance(after(10));
    assert_eq!(postings.len(), 1, "what is not held of the first lot expires");
    assert_eq!(postings[0].entry.amount(), -credits(40));
    let later = after(10) + TimeDelta::hours(1);
    account.apply(&capture(3, 50), later).unwrap();
    let postings = account.advance(later);
    assert_eq!(postings.len(), 1, "what comes back to it expires at once");
    assert_eq!((postings[0].entry.amount(), postings[0].entry.at), (-credits(10), later));
    assert_eq!((account.available, account.held), (credits(200), Credits::ZERO));
}

#[test]
fn a_hold_that_lapses_as_its_lot_expires_gives_back_first() {
    let mut account = with_two_lots();
    account.apply(&hold(60, 24), after(9)).unwrap();
    let postings = account.advance(after(11));
    let kinds: Vec<_> = postings.iter().map(|posting| posting.entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Released, EntryKind::Expired]);
    assert_eq!(postings[1].entry.amount(), -credits(100));
}

#[test]
fn what_time_does_is_written_in_the_order_of_its_instants() {
    let mut account = with_two_lots();
    let made = after(10) - TimeDelta::minutes(30);
    account.apply(&hold(75, 1), made).unwrap();
    let postings = account.advance(after(11));
    let told: Vec<_> = postings.iter().map(|it| (it.entry.kind, it.entry.at)).collect();
    let end = made + TimeDelta::hours(1);
    let expected =
        [(EntryKind::Expired, after(10)), (EntryKind::Released, end), (EntryKind::Expired, end)];
    assert_eq!(told, expected);
}

#[test]
fn work_that_outgrows_its_hold_extends_it() {
    let mut account = with_two_lots();
    account.apply(&hold(90, 1), start()).unwrap();
    let posting = account.apply(&extend(3, 2, 60), start()).unwrap().posted();
    assert_eq!(posting.entry.kind, EntryKind::Held);
    assert_eq!(posting.entry.note.detail, "extended until 1 Jan 2026 02:00 UTC");
    assert_eq!((account.available, account.held), (credits(150), credits(150)));
    assert!(account.clone().advance(start() + TimeDelta::minutes(90)).is_empty());
    let shorter = account.apply(&extend(3, 1, 0), start() + TimeDelta::minutes(30));
    assert!(matches!(shorter, Err(Refusal::ExtensionTooShort { .. })), "{shorter:?}");
    let posting = account.apply(&capture(3, 150), start()).unwrap().posted();
    assert_eq!(taken(&posting), [(1, credits(100)), (2, credits(50))]);
}

#[test]
fn a_hold_that_only_grows_keeps_its_end_and_lasts_an_hour_at_least() {
    let mut account = with_two_lots();
    account.apply(&hold(90, 24), start()).unwrap();
    let grow = Command::Extend { hold: 3, lasts: None, more: credits(1), ceiling: None };
    let ends = |posting: Posting| posting.hold.unwrap().expires_at;
    let hours = |hours| start() + TimeDelta::hours(hours);
    assert_eq!(ends(account.apply(&grow, hours(2)).unwrap().posted()), hours(24));
    let posting = account.apply(&grow, start() + TimeDelta::minutes(23 * 60 + 30)).unwrap();
    assert_eq!(ends(posting.posted()), start() + TimeDelta::minutes(24 * 60 + 30));
    assert_eq!(account.held, credits(92));
}

#[test]
fn what_a_hold_has_grown_by_is_captured_too() {
    let mut account = with_two_lots();
    let captured = |amount| Command::Capture { hold: 3, amount, detail: None };
    account.apply(&hold(90, 24), start()).unwrap();
    account.apply(&extend(3, 24, 10), start()).unwrap();
    for (amount, spent) in [
        (Captured::All, 100),
        (Captured::UpTo(credits(95)), 95),
        (Captured::UpTo(credits(500)), 100),
        (Captured::Exactly(credits(40)), 40),
    ] {
        let posting = account.clone().apply(&captured(amount), start()).unwrap().posted();
        assert_eq!(posting.entry.amount(), -credits(spent), "{amount:?}");
    }
    let above = account.apply(&captured(Captured::Exactly(credits(101))), start());
    assert!(matches!(above, Err(Refusal::CaptureAboveHold { .. })), "{above:?}");
}

#[test]
fn a_hold_cannot_be_extended_above_a_ceiling() {
    let mut account = with_two_lots();
    account.apply(&hold(90, 1), start()).unwrap();
    let command =
        Command::Extend { hold: 3, lasts: None, more: credits(11), ceiling: Some(credits(100)) };
    let refusal = account.apply(&command, start()).unwrap_err();
    let expected = Refusal::AboveCeiling { ceiling: credits(100), needed: credits(101) };
    assert_eq!(refusal, expected);
}

#[test]
fn a_spend_cap_counts_what_is_held_and_is_enforced_before_the_work() {
    let mut account = account();
    account.apply(&grant(Source::Purchase, 5_000, 300), start()).unwrap();
    account.caps.caps.all = Some(credits(1_000));
    account.apply(&spend(500), start()).unwrap();
    account.apply(&hold(490, 1), start()).unwrap();
    let refusal = account.apply(&hold(20, 1), start()).unwrap_err();
    let cap = Refusal::SpendCap {
        operation: None,
        cap: credits(1_000),
        left: credits(10),
        needed: credits(20),
        available: credits(4_010),
        held: credits(490),
    };
    assert_eq!(refusal, cap);
    account.apply(&capture(3, 470), start()).unwrap();
    account.apply(&hold(20, 1), start()).unwrap();
    account.caps.caps.by_operation[Operation::Backtest as usize] = Some(credits(990));
    let refusal = account.apply(&spend(1), start()).unwrap_err();
    assert!(
        matches!(refusal, Refusal::SpendCap { operation: Some(Operation::Backtest), .. }),
        "{refusal:?}"
    );
    account.apply(&spend(0), start()).unwrap();
}

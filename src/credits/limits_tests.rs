//! The edges of small rules: the last instant and the first, the last credit and the first.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn credits(whole: i64) -> Credits {
    Credits::try_from_whole(whole).unwrap()
}

fn hold(state: HoldState) -> Hold {
    Hold {
        number: 1,
        operation: Operation::Backtest,
        amount: credits(5),
        captured: Credits::ZERO,
        state,
        expires_at: at(60),
        settled: None,
        note: Note::default(),
        parts: Vec::new(),
    }
}

fn lot(source: Source, remaining: i64, held: i64) -> Lot {
    Lot {
        number: 1,
        source,
        granted: credits(9),
        remaining: credits(remaining),
        held: credits(held),
        expires_at: at(60),
        purchase: None,
    }
}

#[test]
fn a_hold_lapses_at_its_end_unless_it_was_settled() {
    assert_eq!(hold(HoldState::Open).as_of(at(59)), hold(HoldState::Open));
    assert_eq!(hold(HoldState::Open).as_of(at(60)), hold(HoldState::Lapsed));
    assert_eq!(hold(HoldState::Captured).as_of(at(61)), hold(HoldState::Captured));
    let is_open = HoldState::ALL.map(|state| hold(state).is_open());
    assert_eq!(is_open, [true, false, false, false]);
}

#[test]
fn a_hold_lasts_from_a_second_to_a_day() {
    assert_eq!(HoldTime::from_seconds(0), None);
    assert_eq!(HoldTime::from_seconds(1).map(|time| time.ends(at(0))), Some(at(1)));
    assert_eq!(HoldTime::from_seconds(86_400).map(|time| time.ends(at(0))), Some(at(86_400)));
    assert_eq!(HoldTime::from_seconds(86_401), None);
    assert_eq!(HoldTime::DEFAULT.ends(at(0)), at(3_600));
}

#[test]
fn a_lot_is_open_while_anything_of_it_is_left_and_expires_at_its_end() {
    let open = [(0, 0), (1, 0), (0, 1), (1, 1)];
    let open = open.map(|(remaining, held)| lot(Source::Purchase, remaining, held).is_open());
    assert_eq!(open, [false, true, true, true]);
    let expired = [59, 60, 61].map(|second| lot(Source::Purchase, 1, 0).is_expired(at(second)));
    assert_eq!(expired, [false, true, true]);
    assert_eq!(Source::ALL.map(Source::is_free), [true, true, false]);
    let [free, paid] = [Source::Goodwill, Source::Purchase].map(|source| lot(source, 1, 0));
    assert!(free.spending_order() < paid.spending_order());
}

#[test]
fn a_quote_is_valid_up_to_its_end_and_a_ceiling() {
    let quote = Quote {
        id: "quo_1".to_owned(),
        operation: Operation::Backtest,
        quantities: Quantities::default(),
        cost: credits(5),
        detail: String::new(),
        rate_card: "v1".to_owned(),
        created_at: at(0),
        valid_until: at(0) + Quote::VALIDITY,
    };
    let valid = [0, 899, 900, 901].map(|second| quote.is_valid(at(second)));
    assert_eq!(valid, [true, true, false, false]);
    assert_eq!([4, 5, 6].map(|actual| quote.charge(credits(actual))), [4, 5, 5].map(credits));
}

#[test]
fn a_page_waits_for_what_is_not_final() {
    let waiting: Vec<_> =
        PurchaseState::ALL.into_iter().filter(|state| !state.is_final()).collect();
    let expected = [PurchaseState::Started, PurchaseState::Open, PurchaseState::Processing];
    assert_eq!(waiting, expected);
}

#[test]
fn a_cap_is_nearly_used_from_80_percent_on() {
    let nearly = [0, 79, 80, 99, 100, 101].map(|used| is_nearly_used(credits(100), credits(used)));
    assert_eq!(nearly, [false, false, true, true, true, true]);
    assert!(
        !is_nearly_used(Credits::ZERO, Credits::ZERO),
        "a cap of nothing is used from the start"
    );
    assert!(!Caps::default().is_any());
    assert!(Caps { all: Some(Credits::ZERO), ..Caps::default() }.is_any());
    let of_one = [None, None, Some(credits(1)), None];
    assert!(Caps { by_operation: of_one, ..Caps::default() }.is_any());
}

#[test]
fn a_cap_lets_its_last_credit_through() {
    let mut caps = CapUse::default();
    caps.caps.all = Some(credits(10));
    caps.caps.by_operation[Operation::Strategy as usize] = Some(credits(4));
    caps.count(Operation::Strategy, credits(3));
    caps.count(Operation::Backtest, credits(2));
    let check = |operation, needed| caps.check(operation, needed, (credits(50), credits(1)));
    let refused = |operation, cap, left, needed| {
        let (cap, left, needed) = (credits(cap), credits(left), credits(needed));
        let (available, held) = (credits(50), credits(1));
        Err(Refusal::SpendCap { operation, cap, left, needed, available, held })
    };
    assert_eq!(check(Operation::Strategy, credits(1)), Ok(()));
    let strategy = refused(Some(Operation::Strategy), 4, 1, 2);
    assert_eq!(check(Operation::Strategy, credits(2)), strategy);
    assert_eq!(check(Operation::Analysis, credits(5)), Ok(()));
    assert_eq!(check(Operation::Analysis, credits(6)), refused(None, 10, 5, 6));
    caps.count(Operation::Analysis, credits(20));
    let check = |needed| caps.check(Operation::Analysis, needed, (credits(50), credits(1)));
    assert_eq!(check(Credits::ZERO), Ok(()), "what costs nothing passes a cap that is used up");
    assert_eq!(check(credits(1)), refused(None, 10, 0, 1));
}

#[test]
fn amounts_are_computed_within_what_fits() {
    let (one, most) = (Credits::from_thousandths(1), Credits::from_thousandths(i64::MAX));
    let least = Credits::from_thousandths(i64::MIN);
    assert_eq!((most.checked_add(one), least.checked_sub(one)), (None, None));
    assert_eq!(credits(3).checked_add(credits(4)), Some(credits(7)));
    assert_eq!(credits(3).checked_sub(credits(4)), Some(credits(-1)));
    assert_eq!(Credits::try_from_whole(i64::MAX / 1_000 + 1), None);
    let mut sum = credits(5);
    sum += credits(2);
    sum -= credits(3);
    assert_eq!((sum, -sum, sum - credits(5)), (credits(4), credits(-4), credits(-1)));
    assert_eq!([credits(1), credits(2), credits(3)].into_iter().sum::<Credits>(), credits(6));
    assert_eq!((credits(-4).abs(), credits(4).abs(), least.abs()), (credits(4), credits(4), most));
    let signs = [-1, 0, 1].map(|it| (credits(it).is_zero(), credits(it).is_positive()));
    assert_eq!(signs, [(false, false), (true, false), (false, true)]);
    let amount = Credits::from_thousandths(-2_500);
    assert_eq!((amount.whole(), amount.thousandths(), amount.as_f64()), (-2, -2_500, -2.5));
}

#[test]
fn a_day_and_a_cycle_sum_what_was_consumed() {
    let day = |number: u32, amounts: [i64; 4]| DayUsage {
        day: chrono::NaiveDate::from_ymd_opt(2026, 11, number).unwrap(),
        credits: amounts.map(credits),
    };
    let days = vec![day(1, [1, 2, 3, 4]), day(2, [10, 20, 30, 40])];
    assert_eq!(days[1].total(), credits(100));
    let cycle = Cycle::containing(days[0].day, 1);
    assert_eq!((cycle.days(), cycle.last()), (30, day(30, [0; 4]).day));
    let contained = [cycle.first, cycle.last(), cycle.end].map(|day| cycle.contains(day));
    assert_eq!(contained, [true, true, false]);
    let (starts, ends) = cycle.instants(&Utc);
    assert_eq!(ends - starts, TimeDelta::days(30));
    let usage = CycleUsage { cycle, days };
    assert_eq!(Operation::ALL.map(|it| usage.by_operation(it)), [11, 22, 33, 44].map(credits));
    assert_eq!(usage.total(), credits(110));
}

#[test]
fn one_command_moves_at_most_a_million_million_credits() {
    let apply = |thousandths, is_grant: bool| {
        let mut account = Account::new(AccountId("acc_1".to_owned()), at(0));
        let amount = Credits::from_thousandths(thousandths);
        let (validity, note) = (Validity::OneYear, Note::default());
        let source = Source::Goodwill;
        let grant = Command::Grant { source, amount, validity, purchase: None, note };
        let (operation, note) = (Operation::Analysis, Note::default());
        let spend = Command::Spend { operation, amount, note };
        account.apply(if is_grant { &grant } else { &spend }, at(1)).map(|_| ())
    };
    let most = 1_000_000_000_000_000;
    let is_invalid = |it| matches!(it, Err(Refusal::InvalidAmount { .. }));
    let grants = [-1, 0, most + 1, 2 * most, i64::MAX].map(|amount| apply(amount, true));
    assert!(grants.into_iter().all(is_invalid));
    assert_eq!([1, most].map(|amount| apply(amount, true)), [Ok(()), Ok(())]);
    assert!([-1, most + 1].map(|amount| apply(amount, false)).into_iter().all(is_invalid));
    assert_eq!(apply(0, false), Ok(()), "what costs nothing leaves a row");
    assert!(matches!(apply(1, false), Err(Refusal::InsufficientCredits { .. })));
}

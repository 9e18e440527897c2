//! Ids, which files, forms and databases keep, and names, which people read.

use std::{collections::BTreeSet, fmt::Debug, str::FromStr};

use super::*;

/// Each id is read as what it names, and nothing else is.
fn are_read<T: Copy + Debug + PartialEq + FromStr>(all: &[T], id: impl Fn(T) -> &'static str) {
    for one in all {
        assert_eq!(id(*one).parse().ok(), Some(*one));
    }
    for text in ["", "xyzzy", "Open", " spent"] {
        assert!(text.parse::<T>().is_err(), "{text}");
    }
}

fn are_words(words: impl IntoIterator<Item = &'static str>) {
    let words: Vec<_> = words.into_iter().collect();
    let different: BTreeSet<_> = words.iter().collect();
    assert_eq!(different.len(), words.len(), "{words:?}");
    for word in words {
        assert!(word.starts_with(char::is_alphanumeric) && word != "xyzzy", "{word:?}");
    }
}

#[test]
fn every_id_is_read_as_what_it_names() {
    are_read(&Operation::ALL, Operation::id);
    are_read(&EntryKind::ALL, EntryKind::id);
    are_read(&HoldState::ALL, HoldState::id);
    are_read(&Source::ALL, Source::id);
    are_read(&PurchaseState::ALL, PurchaseState::id);
    are_read(&EventKind::ALL, EventKind::id);
    are_read(&Topic::ALL, Topic::id);
    are_read(&PauseReason::ALL, PauseReason::id);
    are_read(&[Level::Fine, Level::Low, Level::Empty], Level::id);
    are_read(&[Currency::Usd, Currency::Eur, Currency::Gbp], Currency::code);
}

#[test]
fn no_two_things_have_one_name() {
    are_words(Operation::ALL.map(Operation::name));
    are_words(EntryKind::ALL.map(EntryKind::name));
    are_words(PurchaseState::ALL.map(PurchaseState::name));
    are_words(Topic::ALL.map(Topic::name));
    are_words(Topic::ALL.map(Topic::explanation));
    are_words(PauseReason::ALL.map(PauseReason::words));
    are_words([ReleaseReason::Failed, ReleaseReason::Cancelled].map(ReleaseReason::word));
}

#[test]
fn every_currency_has_its_signs_and_its_name() {
    let told = [Currency::Usd, Currency::Eur, Currency::Gbp].map(|currency| {
        [currency.code(), currency.symbol(), currency.minor_symbol(), currency.plural_name()]
    });
    let expected = [
        ["usd", "$", "¢", "US dollars"],
        ["eur", "€", " ct", "euros"],
        ["gbp", "£", "p", "pounds sterling"],
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_unknown_is_named_in_the_error() {
    let operation = "dance".parse::<Operation>().unwrap_err().to_string();
    assert!(operation.contains("\"dance\"") && operation.contains("backtest"), "{operation}");
    let currency = "xxx".parse::<Currency>().unwrap_err().to_string();
    assert!(currency.contains("\"xxx\"") && currency.contains("eur"), "{currency}");
    let state = "paid".parse::<PurchaseState>().unwrap_err().to_string();
    assert!(state.contains("\"paid\""), "{state}");
    assert_eq!(AccountId("acc_1".to_owned()).to_string(), "acc_1");
    assert_eq!(Operation::Backtest.to_string(), "backtest");
}

#[test]
fn a_command_names_its_hold_or_none() {
    let (operation, amount, note) = (Operation::Backtest, Credits::ZERO, Note::default());
    let release = Command::Release { hold: 7, reason: ReleaseReason::Failed };
    let capture = Command::Capture { hold: 8, amount: Captured::All, detail: None };
    let extend = Command::Extend { hold: 9, lasts: None, more: amount, ceiling: None };
    let spend = Command::Spend { operation, amount, note };
    let named = [release, capture, extend, spend].map(|command| command.hold());
    assert_eq!(named, [Some(7), Some(8), Some(9), None]);
}

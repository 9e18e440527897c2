//! Whatever stands in a file: a catalogue is refused with its line or can be sold from, a spoiled
//! line of what was acknowledged is noticed, and a spreadsheet gets the words that were written.

use proptest::{collection::vec, prelude::*, sample::Index};
use recharge::{
    credits::{Catalogue, Command, Credits, EntryKind, Note, Operation, Quantity, Source},
    server::{
        catalogue::file::{self as catalogue_file, CatalogueFileError},
        ledger::Line,
    },
};

use crate::{
    api::{account_with, unique},
    app::TestApp,
    databases::{Given, TestDatabase},
    fuzz::{Spoiled, fuzz, fuzz_async, spoiled, spoiled_text},
};

const CATALOGUE: &str = include_str!("../server/catalogue/catalogue.toml");

/// The catalogue with up to three of its values replaced.
fn changed_catalogue() -> impl Strategy<Value = String> {
    let numbers = ["0", "-1", "1", "1000", "5000", "2.5", "0.000000001", "0.0000000001"];
    let large = ["9223372036854775807", "-9223372036854775808", "79228162514264337593543950335"];
    let words = ["", "assets", "daily", "inference", "a b", "\\u0000", "{assets}"];
    let known = numbers.into_iter().chain(large).chain(words);
    let known = proptest::sample::select(known.map(str::to_owned).collect::<Vec<_>>());
    let value = prop_oneof![4 => known, 1 => spoiled_text(["12.5", "daily"])];
    vec((any::<Index>(), value), 0..4).prop_map(|changes| {
        let mut parts = parts(CATALOGUE);
        for (at, value) in changes {
            let values = parts.len() / 2;
            parts[2 * at.index(values) + 1] = value;
        }
        parts.concat()
    })
}

/// Every second part is a value: what stands between quotes, or a number.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut in_quotes = false;
    for char in text.chars() {
        let in_value = parts.len().is_multiple_of(2);
        let begins = !in_value && !in_quotes && char.is_ascii_digit();
        let ends = in_value && !in_quotes && !char.is_ascii_digit();
        if begins || ends || (char == '"' && in_quotes) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(char);
        }
        if char == '"' {
            in_quotes = !in_quotes;
            if in_quotes {
                parts.push(String::new());
            }
        }
    }
    parts
}

#[test]
fn the_parts_of_the_catalogue_are_its_values() {
    let parts = parts(CATALOGUE);
    assert_eq!(parts.concat(), CATALOGUE);
    let values: Vec<_> = parts.iter().skip(1).step_by(2).map(String::as_str).collect();
    for value in ["2026-11", "usd", "100000", "4.5", "input_tokens", "66000"] {
        assert!(values.contains(&value), "{value}: {values:?}");
    }
}

/// Holds what everybody relies on who sells from a catalogue.
fn can_be_sold_from(catalogue: &Catalogue) {
    assert_eq!(catalogue.validate(), Ok(()));
    let json = serde_json::to_string(catalogue).unwrap();
    assert_eq!(&serde_json::from_str::<Catalogue>(&json).unwrap(), catalogue);
    assert!(!catalogue.prices().is_empty());
    let schedule = &catalogue.schedule;
    let packages = catalogue.packages.iter().map(|package| package.credits);
    for credits in packages.chain([schedule.minimum, schedule.maximum]) {
        let offer = schedule.offer(credits);
        assert!(offer.total.minor >= 0 && !offer.per_credit().is_empty());
        assert!(offer.saving_permille() <= 1_000);
        assert!(schedule.most_for_the_same(credits).is_none_or(|most| most > credits));
        assert!(Credits::try_from_whole(credits).is_some());
    }
    for rates in &catalogue.rate_card.operations {
        for text in ["0", "1", "0.25", "1000000", "9223372036854775807", "daily"] {
            let given = rates.quantities.iter().map(|it| (it.id.clone(), Quantity::from(text)));
            if let Ok(priced) = rates.price(&given.collect()) {
                assert!(priced.cost >= rates.minimum);
                assert!(rates.maximum.is_none_or(|maximum| priced.cost <= maximum));
            }
        }
    }
    assert!(Operation::ALL.iter().all(|it| catalogue.rate_card.rates(*it).is_some()));
}

fn names_its_line(error: &CatalogueFileError, text: &str) {
    let said = error.to_string();
    let line = said.split_once(": line ").map(|(_, rest)| rest.split(':').next().unwrap());
    if let Some(line) = line {
        assert!(line.parse::<usize>().unwrap() <= text.matches('\n').count() + 1, "{said}");
    }
}

#[test]
fn a_catalogue_is_refused_with_its_line_or_can_be_sold_from() {
    let spoiled = spoiled_text([CATALOGUE]);
    let inputs = prop_oneof![3 => changed_catalogue(), 1 => spoiled];
    fuzz(250, &inputs, |text| match catalogue_file::parse("test.toml", &text) {
        Ok(catalogue) => can_be_sold_from(&catalogue),
        Err(error) => names_its_line(&error, &text),
    });
}

fn acknowledged(number: i64, words: &str) -> Line {
    Line {
        account: format!("acc_{words}"),
        seq: number,
        at: 1_700_000_000_000 + number % 1_000_000,
        kind: EntryKind::ALL[usize::try_from(number.unsigned_abs() % 7).unwrap()],
        operation: (number % 3 == 0).then_some(Operation::Backtest),
        available_change: number.saturating_neg(),
        held_change: 0,
        hold: (number % 2 == 0).then_some(number),
        source: (number % 5 == 0).then_some(Source::Promotion),
        until: None,
        purchase: (number % 5 == 0).then(|| words.to_owned()),
        key: format!("api:{words}"),
        digest: "0123456789abcdef".repeat(4),
    }
}

fn written(line: &Line) -> Vec<u8> {
    let mut text = Vec::new();
    line.write(&mut text);
    text
}

#[test]
fn a_line_of_what_was_acknowledged_is_read_as_it_was_written() {
    fuzz(1_000, &(any::<i64>(), any::<String>()), |(number, words)| {
        let line = acknowledged(number, &words);
        let text = written(&line);
        let content = text.strip_suffix(b"\n").unwrap();
        assert!(!content.contains(&b'\n'), "one line");
        assert_eq!(Line::read(content), Some(line));
        assert!((0..content.len()).step_by(7).all(|end| Line::read(&content[..end]).is_none()));
    });
}

#[test]
fn a_spoiled_line_of_what_was_acknowledged_is_noticed() {
    let lines: Vec<_> = [1, 2, 30, i64::MAX].map(|it| acknowledged(it, "key-1")).into();
    let texts: Vec<_> = lines.iter().map(|line| written(line).trim_ascii_end().to_vec()).collect();
    fuzz(1_000, &spoiled(texts), |Spoiled(text)| {
        assert!(Line::read(&text).is_none_or(|read| lines.contains(&read)));
    });
}

/// What a spreadsheet may take for a formula where a cell begins with it.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn note() -> impl Strategy<Value = Note> {
    let good = ["=1+1", "@SUM(A1)", "S&P 100, \"daily\"", "two\r\nlines", "'", "Momentum", "－1"];
    let text = || spoiled_text(good).prop_map(|text| text.replace('\0', " "));
    (text(), text(), text(), text()).prop_map(|(description, detail, reference, rate_card)| Note {
        description,
        detail,
        reference,
        rate_card,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_history_has_the_words_that_were_written_and_no_formula() {
    let app = TestApp::given(TestDatabase::sqlite().await).await;
    let staff = app.staff().await;
    fuzz_async(25, &vec(note(), 1..4), |notes| {
        let (app, mut staff) = (&app, staff.clone());
        async move {
            let account = account_with(app, 100).await;
            for note in &notes {
                let (operation, note) = (Operation::Backtest, note.clone());
                let amount = Credits::from_thousandths(1);
                let command = Command::Spend { operation, amount, note };
                app.state.ledger.execute(&account, &unique(), command).await.unwrap();
            }
            let file = staff.get(&format!("/support/accounts/{account}/history.csv")).await;
            let mut reader = csv::Reader::from_reader(file.body.as_bytes());
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), notes.len() + 1, "one row for each, and that of the grant");
            for note in &notes {
                let texts = [&note.description, &note.detail, &note.reference, &note.rate_card];
                let row = rows.iter().find(|row| (4..8).all(|at| is_cell(&row[at], texts[at - 4])));
                assert!(row.is_some(), "{note:?} in {rows:?}");
            }
        }
    });
}

/// Whether a cell says this and begins no formula.
fn is_cell(cell: &str, text: &str) -> bool {
    let words = if text.starts_with(FORMULAS) { cell.strip_prefix('\'') } else { Some(cell) };
    words == Some(text) && !cell.starts_with(FORMULAS)
}

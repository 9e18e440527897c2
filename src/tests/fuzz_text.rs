//! Whatever text comes for an amount, a quantity, an address or a filter: it is refused, or what was
//! read is written and read again the same.

use std::str::FromStr;

use proptest::prelude::*;
use recharge::{
    credits::{
        Credits, Currency, EntryKind, Money, Operation, Quantities, Quantity, RechargeForm,
        without_separators,
    },
    pages::history::HistoryQuery,
    server::{
        catalogue::file as catalogue_file,
        identity::{Email, LocalPath},
    },
};
use rust_decimal::Decimal;

use crate::fuzz::{fuzz, odd_value, spoiled_json, spoiled_text};

/// Numbers as programs and people write them.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "12.5",
    "-6.5",
    "0.001",
    "9223372036854775.807",
    "-9223372036854775.808",
    "1,000",
    "12,500.75",
    " 1 234 567 ",
    "1\u{202f}000",
    "1.000.000",
    "$1,500.00",
    "007",
];

#[test]
fn an_amount_that_is_read_is_written_the_same() {
    fuzz(1_000, &spoiled_text(NUMBERS), |text| {
        if let Ok(amount) = text.parse::<Credits>() {
            assert_eq!(amount.plain().parse(), Ok(amount));
            let exact = Decimal::from_str(&text).unwrap() * Decimal::ONE_THOUSAND;
            assert_eq!(exact, Decimal::from(amount.thousandths()), "no digit is lost");
            let shown = amount.to_string().replace(',', "").replace('\u{2212}', "-");
            assert_eq!(shown, amount.plain());
            assert_eq!(amount.signed().trim_start_matches('+'), amount.to_string());
        }
        if let Some(plain) = without_separators(&text) {
            assert_eq!(without_separators(&plain).as_ref(), Some(&plain));
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert_eq!(digits(&plain), digits(&text), "no digit is lost");
        }
    });
}

#[test]
fn money_is_written_exactly() {
    fuzz(1_000, &any::<i64>(), |minor| {
        let money = Money::new(minor, Currency::Usd);
        let written = Decimal::from_str(&money.plain()).unwrap();
        assert_eq!(written * Decimal::ONE_HUNDRED, Decimal::from(minor));
        let shown = money.to_string().replace([',', '$'], "").replace('\u{2212}', "-");
        assert_eq!(shown, money.plain());
    });
}

#[test]
fn an_amount_to_buy_is_within_what_is_sold() {
    let schedule = catalogue_file::load(None).unwrap().catalogue.schedule;
    let numbers = NUMBERS.into_iter().chain(["5000", "100", "100000", "5,000"]);
    fuzz(1_000, &spoiled_text(numbers), |text| match schedule.parse_amount(&text) {
        Ok(credits) => {
            assert!((schedule.minimum..=schedule.maximum).contains(&credits));
            assert_eq!(schedule.parse_amount(&credits.to_string()), Ok(credits));
            let lines: i64 = schedule.offer(credits).lines.iter().map(|it| it.total.minor).sum();
            assert_eq!(lines, schedule.total(credits));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

#[test]
fn quantities_are_kept_as_they_were_given_and_priced_or_refused_by_name() {
    let card = catalogue_file::load(None).unwrap().catalogue.rate_card;
    let good = serde_json::json!({"assets": 20, "years": 1.25, "resolution": "daily"});
    let tokens =
        serde_json::json!({"input_tokens": 66_000, "output_tokens": "16000", "model": "fast"});
    fuzz(1_000, &spoiled_json(vec![good, tokens]), |json| {
        let Ok(given) = serde_json::from_slice::<Quantities>(&json.0) else { return };
        let written = serde_json::to_string(&given).unwrap();
        let again: Quantities = serde_json::from_str(&written).unwrap();
        assert_eq!(again, given, "{written}");
        for operation in Operation::ALL {
            match card.price(operation, &given) {
                Ok(priced) => {
                    let read = card.read_back(operation, &priced.detail).unwrap();
                    assert_eq!(card.price(operation, &read), Ok(priced));
                }
                Err(error) => assert!(!error.field.is_empty() && error.message.ends_with('.')),
            }
        }
    });
}

#[test]
fn any_value_is_kept_as_a_quantity() {
    fuzz(1_000, &odd_value(), |value| {
        let Ok(given) = serde_json::from_value::<Quantity>(value) else { return };
        let written = serde_json::to_value(&given).unwrap();
        assert_eq!(serde_json::from_value::<Quantity>(written).unwrap(), given);
    });
}

#[test]
fn a_form_of_auto_recharge_that_is_read_fills_the_form_again() {
    let catalogue = catalogue_file::load(None).unwrap().catalogue;
    let text = || spoiled_text(NUMBERS.into_iter().chain(["500", "5000", "3", "24"]));
    let package = spoiled_text(["custom", "target", "trader"]);
    let inputs = (text(), package, text(), text(), text(), text(), text());
    fuzz(500, &inputs, |(threshold, package, amount, target, monthly_cap, per_day, cooldown)| {
        let form =
            RechargeForm { threshold, package, amount, target, monthly_cap, per_day, cooldown };
        let form = form.cut();
        assert_eq!(form.clone().cut(), form);
        if let Ok(plan) = form.read(&catalogue) {
            assert_eq!(RechargeForm::of(&plan).read(&catalogue), Ok(plan));
        }
        // What people mostly enter, with one field spoiled at a time.
        let good = RechargeForm::suggested(&catalogue);
        for one in [
            RechargeForm { threshold: form.threshold, ..good.clone() },
            RechargeForm { monthly_cap: form.monthly_cap, ..good.clone() },
            RechargeForm { amount: form.amount, package: "custom".to_owned(), ..good.clone() },
            RechargeForm { target: form.target, package: "target".to_owned(), ..good.clone() },
            RechargeForm { per_day: form.per_day, ..good.clone() },
        ] {
            if let Ok(plan) = one.read(&catalogue) {
                assert!(plan.total.minor <= plan.monthly_cap.minor && plan.threshold.is_positive());
                assert_eq!(RechargeForm::of(&plan).read(&catalogue), Ok(plan));
            }
        }
    });
}

#[test]
fn a_filter_of_the_history_is_written_back_the_same() {
    let addresses = [
        "?cycle=2026-10-05&kind=spent&operation=backtest&from=2026-11-05&to=2026-11-21&text=S%26P+100%25&before=2831&open=2830",
        "?text=%C3%A9%20%2B&after=9223372036854775807&from=-0001-01-01&to=%2B262142-12-31",
        "?kind=clawed_back&before=1&before=2&text=a+b",
    ];
    fuzz(1_000, &spoiled_text(addresses), |address| {
        let query = HistoryQuery::parse(&address);
        let written = query.to_string();
        assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written}");
        assert_eq!(HistoryQuery::parse(&written), query, "{written}");
    });
}

#[test]
fn a_path_to_go_on_to_stays_on_this_site() {
    let paths = ["/settings/credits?package=trader", "//evil.example", "/a/../b?c=%2F%2F", "/"];
    let here = url::Url::parse("https://recharge.test/sign-in").unwrap();
    fuzz(1_000, &spoiled_text(paths), |text| {
        let Some(path) = LocalPath::parse(&text) else { return };
        let there = here.join(&path.to_string()).unwrap();
        assert_eq!(there.origin(), here.origin(), "{path}");
        assert_eq!(LocalPath::parse(&path.to_string()), Some(path));
    });
}

#[test]
fn names_are_read_as_they_are_written() {
    let names = ["inference", "clawed_back", "usd", " Mira@Platform.test ", "a@b"];
    fuzz(1_000, &spoiled_text(names), |text| {
        if let Ok(operation) = text.parse::<Operation>() {
            assert_eq!(operation.id(), text);
        }
        if let Ok(kind) = text.parse::<EntryKind>() {
            assert_eq!(kind.id(), text);
        }
        if let Ok(currency) = text.parse::<Currency>() {
            assert_eq!(currency.code(), text);
        }
        if let Ok(email) = text.parse::<Email>() {
            assert_eq!(email.as_str().parse(), Ok(email));
        }
    });
}

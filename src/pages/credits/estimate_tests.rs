//! What the estimator promises.

use super::*;
use crate::credits::{Choosable, Number, OperationRates, PricedQuantity, QuantityKind, Rate};

fn estimator(available: i64) -> Estimator {
    let assets = Number {
        one: "asset".to_owned(),
        many: "assets".to_owned(),
        minimum: 1,
        maximum: 1_000_000,
        decimals: 0,
        in_thousands: false,
    };
    let hourly = Choosable {
        id: "hourly".to_owned(),
        name: String::new(),
        words: "hourly bars".to_owned(),
        factor: 2_500_000,
    };
    let quantity = |id: &str, name: &str, kind| PricedQuantity {
        id: id.to_owned(),
        name: name.to_owned(),
        kind,
    };
    let rates = OperationRates {
        operation: Operation::Backtest,
        base: 0,
        minimum: Credits::ZERO,
        maximum: None,
        quantities: vec![
            quantity("assets", "Assets", QuantityKind::Number(assets)),
            quantity("resolution", "Bar resolution", QuantityKind::Choice(vec![hourly])),
        ],
        rates: vec![Rate { price: 500_000_000, of: vec!["assets".to_owned()] }],
    };
    Estimator {
        card: RateCard { operations: vec![rates] },
        available: Credits::from_thousandths(available),
        packages: vec![("s".to_owned(), 1_000), ("m".to_owned(), 5_000)],
        minimum: 100,
        maximum: 100_000,
    }
}

fn estimate(estimator: &Estimator, assets: &str) -> Estimate {
    estimator.estimate(Operation::Backtest, &|name| match name {
        "backtest.assets" => assets.to_owned(),
        "backtest.resolution" => "hourly".to_owned(),
        _ => panic!("{name}"),
    })
}

fn says(estimator: &Estimator, assets: &str, name: &str) -> Option<String> {
    said(&estimate(estimator, assets).figures, name)
}

#[test]
fn what_can_be_afforded_says_what_remains() {
    let estimator = estimator(100_000);
    let says = |name| says(&estimator, "20", name);
    assert_eq!(says("cost").as_deref(), Some("25"));
    assert_eq!(says("detail").as_deref(), Some("20 assets, hourly bars"));
    assert_eq!(says("rates").as_deref(), Some("1.25 credits per asset"));
    assert_eq!(says("after").as_deref(), Some("75"));
    assert_eq!((says("missing"), says("offer"), says("unpriced")), (None, None, None));
}

#[test]
fn what_is_missing_leads_to_the_smallest_purchase_that_fits() {
    let offer = |available, assets: &str| estimate(&estimator(available), assets).offer;
    assert_eq!(offer(25_000, "20"), None, "it is just enough");
    let smallest = offer(24_999, "20").unwrap();
    assert_eq!(smallest.choice, "package=s");
    assert_eq!(smallest.text, "Choose 1,000 credits");
    assert_eq!(offer(0, "800").unwrap().choice, "package=s");
    assert_eq!(offer(0, "801").unwrap().choice, "package=m");
    let own = offer(500, "4001").unwrap();
    assert_eq!(own.choice, "package=custom&amount=5001", "5,000.75 are missing");
    assert_eq!(offer(0, "80001"), None);
    let too_much = says(&estimator(0), "80001", "too-much").unwrap();
    assert!(too_much.contains("at most 100,000 credits"), "{too_much}");
    assert_eq!(says(&estimator(24_999), "20", "missing").as_deref(), Some("0.001"));
}

#[test]
fn a_quantity_that_cannot_be_meant_is_said_at_its_field() {
    let estimator = estimator(0);
    let says = |assets: &str, name: &str| says(&estimator, assets, name);
    assert_eq!(says("-1", "fault-backtest-assets").as_deref(), Some("Assets must be at least 1."));
    assert_eq!(says("-1", "fault-backtest-resolution"), None);
    assert!(says("-1", "unpriced").is_some());
    assert_eq!(
        (says("-1", "cost"), says("-1", "missing"), says("-1", "after")),
        (None, None, None)
    );
    assert_eq!(says("20", "fault-backtest-assets"), None);
}

#[test]
fn the_browser_reads_what_the_server_wrote() {
    let mut estimator = estimator(6_902_380);
    let read = Estimator::from_text(&estimator.to_text()).unwrap();
    assert_eq!(read, estimator);
    estimator.card.operations[0].maximum = Some(Credits::from_thousandths(5_000));
    assert_eq!(Estimator::from_text(&estimator.to_text()), Some(estimator));
    for text in ["", "a", "a\t1\t2\tx", "v\ta\tb\t1", "r\t5\tassets", "z\t1", "o\tdance\t1\t2\t3"] {
        assert_eq!(Estimator::from_text(text), None, "{text}");
    }
}

//! What the price schedule promises.

use proptest::prelude::*;

use super::super::{AmountError, Currency, PriceStep, rate_card::tests::rate_card};
use super::*;

fn schedule() -> PriceSchedule {
    PriceSchedule {
        currency: Currency::Usd,
        minimum: 100,
        maximum: 100_000,
        steps: vec![
            PriceStep { up_to: 1_000, price_milli: 5_000 },
            PriceStep { up_to: 5_000, price_milli: 4_500 },
            PriceStep { up_to: 20_000, price_milli: 4_000 },
            PriceStep { up_to: 100_000, price_milli: 3_500 },
        ],
    }
}

fn catalogue() -> Catalogue {
    Catalogue {
        version: "test".to_owned(),
        schedule: schedule(),
        packages: vec![
            Package { id: "s".to_owned(), credits: 1_000 },
            Package { id: "m".to_owned(), credits: 5_000 },
        ],
        worth: Vec::new(),
        rate_card: rate_card(),
        terms: String::new(),
    }
}

#[test]
fn prices_in_a_line_differ_where_anything_shown_differs() {
    let shown = catalogue();
    let line = "test usd 1000:5000 5000:4500 20000:4000 100000:3500 s=1000 m=5000";
    assert_eq!(shown.prices(), line);
    let changes: [fn(&mut Catalogue); 4] = [
        |changed| changed.version = "next".to_owned(),
        |changed| changed.schedule.currency = Currency::Eur,
        |changed| changed.schedule.steps[3].price_milli += 1,
        |changed| changed.packages[0].credits += 1,
    ];
    for change in changes {
        let mut changed = catalogue();
        change(&mut changed);
        assert_ne!(changed.prices(), shown.prices());
    }
}

#[test]
fn a_schedule_that_cannot_be_counted_is_refused() {
    let with = |maximum, up_to, price_milli| PriceSchedule {
        maximum,
        steps: vec![PriceStep { up_to, price_milli }],
        ..schedule()
    };
    for (schedule, table) in [
        (with(i64::MAX, i64::MAX, 0), "minimum"),
        (with(1_000_000_000_001, 1_000_000_000_001, 0), "minimum"),
        (with(1_000, i64::MAX, 1), "price"),
        (with(1_000, 1_001, 1), "price"),
        (with(1_000, 1_000, i64::MAX), "price"),
        (with(1_000, 1_000, i64::MAX / 2_000_000 + 1), "price"),
        (with(1_000, 1_000, i64::MIN), "price"),
    ] {
        assert_eq!(schedule.validate().unwrap_err().table, table, "{schedule:?}");
    }
    assert_eq!(with(1_000, 1_000, 0).validate(), Ok(()), "credits may be free");
    let one_amount = PriceSchedule { minimum: 1_000, ..with(1_000, 1_000, 1) };
    assert_eq!(one_amount.validate(), Ok(()), "one amount alone may be sold");
    for schedule in [
        with(1_000_000_000_000, 1_000_000_000_000, 4_000),
        with(1_000, 1_000, i64::MAX / 2_000_000),
    ] {
        assert_eq!(schedule.validate(), Ok(()));
        let offer = schedule.offer(schedule.maximum);
        assert!(offer.per_credit_hundredths() > 0 && offer.saving_permille() == 0);
        assert_eq!(schedule.most_for_the_same(schedule.maximum), None);
    }
}

#[test]
fn each_credit_costs_what_its_step_says() {
    let offer = schedule().offer(20_000);
    let lines: Vec<_> = offer.lines.iter().map(|line| (line.credits, line.total.minor)).collect();
    assert_eq!(lines, [(1_000, 5_000), (4_000, 18_000), (15_000, 60_000)]);
    assert_eq!(offer.total.minor, 83_000);
    assert_eq!(offer.per_credit(), "4.15¢");
    assert_eq!((offer.saving.minor, offer.saving_permille()), (17_000, 170));
}

#[test]
fn the_total_is_rounded_once_and_the_lines_sum_to_it() {
    for credits in [1_001, 1_003, 20_001] {
        let offer = schedule().offer(credits);
        let sum: i64 = offer.lines.iter().map(|line| line.total.minor).sum();
        assert_eq!(sum, offer.total.minor);
    }
    assert_eq!(schedule().total(1_001), 5_004, "5,004.5 cents are rounded down");
}

#[test]
fn that_more_costs_the_same_is_known_where_it_is_worth_a_word() {
    let with = |steps: [(i64, i64); 3]| PriceSchedule {
        steps: steps.map(|(up_to, price_milli)| PriceStep { up_to, price_milli }).to_vec(),
        ..schedule()
    };
    // A step that costs nothing: the same total from 5,000 to 20,000.
    let free_step = with([(5_000, 4_500), (20_000, 0), (100_000, 3_500)]);
    assert_eq!(free_step.most_for_the_same(4_000), None);
    assert_eq!(free_step.most_for_the_same(5_000), Some(20_000));
    assert_eq!(free_step.most_for_the_same(12_000), Some(20_000));
    assert_eq!(free_step.most_for_the_same(19_900), None, "100 of 19,900 are not worth a word");
    assert_eq!(free_step.most_for_the_same(20_000), None);
    // A hundredth of a cent per credit: a hundred credits share each cent.
    let tiny = with([(1_000, 10), (20_000, 10), (100_000, 10)]);
    assert_eq!(tiny.most_for_the_same(100), Some(199));
    assert_eq!(tiny.most_for_the_same(5_000), Some(5_099));
    assert_eq!(tiny.most_for_the_same(50_000), None, "99 of 50,000 are not worth a word");
    let all_free = with([(1_000, 0), (20_000, 0), (100_000, 0)]);
    assert_eq!(all_free.most_for_the_same(100), Some(100_000));
    let usual = schedule();
    assert!((usual.minimum..=usual.maximum).all(|of| usual.most_for_the_same(of).is_none()));
}

#[test]
fn one_credit_more_never_makes_the_total_smaller() {
    let schedule = schedule();
    for credits in schedule.minimum..schedule.maximum {
        assert!(schedule.total(credits + 1) >= schedule.total(credits), "{credits}");
    }
}

#[test]
fn an_amount_that_cannot_be_bought_is_refused_with_its_reason() {
    let schedule = schedule();
    let parse = |text| schedule.parse_amount(text);
    assert_eq!(parse(" 5000 "), Ok(5_000));
    assert_eq!(parse(""), Err(AmountError::Empty));
    assert_eq!(parse("0"), Err(AmountError::TooFew(100)));
    assert_eq!(parse("99"), Err(AmountError::TooFew(100)));
    assert_eq!(parse("100"), Ok(100));
    assert_eq!(parse("-500"), Err(AmountError::TooFew(100)));
    assert_eq!(parse("100001"), Err(AmountError::TooMany(100_000)));
    assert_eq!(parse("99999999999999999999"), Err(AmountError::TooMany(100_000)));
    assert_eq!(parse("500.5"), Err(AmountError::Fraction));
    assert_eq!(parse("0,5"), Err(AmountError::Fraction));
    assert_eq!(parse("5,000"), Err(AmountError::Separators("5000".to_owned())));
    assert_eq!(parse("5 000"), Err(AmountError::Separators("5000".to_owned())));
    for text in ["1e9", "five", "+500", "0x1f4", "--5", "-", "５００"] {
        assert_eq!(parse(text), Err(AmountError::NotANumber), "{text}");
    }
}

#[test]
fn a_schedule_that_punishes_a_larger_purchase_is_refused() {
    let mut catalogue = catalogue();
    assert_eq!(catalogue.validate(), Ok(()));
    catalogue.schedule.steps[2].price_milli = -1;
    let error = catalogue.validate().unwrap_err();
    assert_eq!((error.table, error.index), ("price", 2));
    assert!(error.message.contains("5001 credits would cost less than 5000"), "{error}");
}

#[test]
fn a_schedule_or_package_out_of_order_is_refused() {
    let mut unordered = catalogue();
    unordered.schedule.steps.swap(0, 1);
    assert_eq!(unordered.validate().unwrap_err().index, 1);
    let mut short = catalogue();
    short.schedule.maximum = 200_000;
    assert_eq!(short.validate().unwrap_err().index, 3);
    let mut twice = catalogue();
    twice.packages[1].id = "s".to_owned();
    assert_eq!(twice.validate().unwrap_err().table, "package");
    let mut huge = catalogue();
    huge.packages[1].credits = 1_000_000;
    assert_eq!(huge.validate().unwrap_err().index, 1);
}

proptest! {
    #[test]
    fn totals_grow_with_every_schedule_that_is_accepted(
        prices in prop::collection::vec(0_i64..10_000, 1..6),
        widths in prop::collection::vec(1_i64..500, 6),
    ) {
        let mut up_to = 0;
        let steps: Vec<_> = prices.iter().zip(&widths).map(|(price_milli, width)| {
            up_to += width;
            PriceStep { up_to, price_milli: *price_milli }
        }).collect();
        let schedule = PriceSchedule { currency: Currency::Usd, minimum: 1, maximum: up_to, steps };
        prop_assert_eq!(schedule.validate(), Ok(()));
        for credits in 0..up_to {
            prop_assert!(schedule.total(credits + 1) >= schedule.total(credits));
        }
    }
}

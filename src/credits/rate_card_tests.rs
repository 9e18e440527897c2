//! What the rate card promises.

use super::{super::Quantity, *};

pub fn number(id: &str, unit: &str, minimum: i64, maximum: i64) -> PricedQuantity {
    let name = format!("{}{}", id[..1].to_uppercase(), id[1..].replace('_', " "));
    let kind = QuantityKind::Number(Number {
        one: unit.to_owned(),
        many: format!("{unit}s"),
        minimum,
        maximum,
        decimals: 0,
        in_thousands: false,
    });
    PricedQuantity { id: id.to_owned(), name, kind }
}

pub fn choice(id: &str, name: &str, options: &[(&str, &str, i64)]) -> PricedQuantity {
    let options = options.iter().map(|(id, words, factor)| Choosable {
        id: (*id).to_owned(),
        name: (*id).to_owned(),
        words: (*words).to_owned(),
        factor: *factor,
    });
    let kind = QuantityKind::Choice(options.collect());
    PricedQuantity { id: id.to_owned(), name: name.to_owned(), kind }
}

pub fn rate(price: i64, of: &[&str]) -> Rate {
    Rate { price, of: of.iter().map(|id| (*id).to_owned()).collect() }
}

pub fn rates(
    operation: Operation,
    quantities: Vec<PricedQuantity>,
    rates: Vec<Rate>,
) -> OperationRates {
    let (minimum, maximum) = (Credits::ZERO, None);
    OperationRates { operation, base: 0, minimum, maximum, quantities, rates }
}

fn tokens(id: &str, unit: &str) -> PricedQuantity {
    let mut quantity = number(id, unit, 0, 10_000_000);
    let QuantityKind::Number(number) = &mut quantity.kind else { unreachable!() };
    number.in_thousands = true;
    number.many = unit.replace("token ", "tokens ");
    quantity
}

/// A card with a price for every operation.
pub fn rate_card() -> RateCard {
    let model = || {
        let classes = [("fast", "Fast class", 200_000), ("standard", "Standard class", 1_000_000)];
        choice("model", "Model class", &classes)
    };
    let bars = [("daily", "daily bars", 1_000_000), ("hourly", "hourly bars", 2_500_000)];
    let inference =
        vec![tokens("input_tokens", "token in"), tokens("output_tokens", "out"), model()];
    let mut years = number("years", "year", 500, 50_000);
    let QuantityKind::Number(number_of_years) = &mut years.kind else { unreachable!() };
    number_of_years.decimals = 3;
    let backtest = vec![
        number("assets", "asset", 1, 1_000),
        years,
        choice("resolution", "Bar resolution", &bars),
    ];
    let analysis = vec![number("symbols", "symbol", 0, 500)];
    RateCard {
        operations: vec![
            rates(
                Operation::Inference,
                inference,
                vec![rate(50_000, &["input_tokens"]), rate(200_000, &["output_tokens"])],
            ),
            rates(
                Operation::Strategy,
                vec![number("iterations", "iteration", 1, 100), model()],
                vec![rate(6_250_000_000, &["iterations"])],
            ),
            rates(Operation::Backtest, backtest, vec![rate(500_000_000, &["assets", "years"])]),
            rates(Operation::Analysis, analysis, vec![rate(50_000_000, &["symbols"])]),
        ],
    }
}

fn given(quantities: &[(&str, &str)]) -> Quantities {
    quantities.iter().map(|(id, text)| ((*id).to_owned(), Quantity::from(*text))).collect()
}

fn backtest(assets: &str, years: &str, resolution: &str) -> Result<Priced, QuantityError> {
    let quantities = given(&[("assets", assets), ("years", years), ("resolution", resolution)]);
    rate_card().price(Operation::Backtest, &quantities)
}

fn inference(input: &str, output: &str, model: &str) -> Priced {
    let quantities = given(&[("input_tokens", input), ("output_tokens", output), ("model", model)]);
    rate_card().price(Operation::Inference, &quantities).unwrap()
}

#[test]
fn what_is_counted_apart_is_added_and_what_belongs_together_multiplied() {
    assert_eq!(inference("66000", "16000", "standard").cost.to_string(), "6.5");
    assert_eq!(inference("66000", "16000", "fast").cost.to_string(), "1.3");
    assert_eq!(backtest("20", "3", "hourly").unwrap().cost.to_string(), "75");
    assert_eq!(backtest("20", "0.5", "daily").unwrap().cost.to_string(), "5");
}

#[test]
fn the_row_says_what_was_priced() {
    assert_eq!(backtest("20", "1", "daily").unwrap().detail, "20 assets × 1 year, daily bars");
    assert_eq!(backtest("1", "2.5", "hourly").unwrap().detail, "1 asset × 2.5 years, hourly bars");
    let detail = |input, output| inference(input, output, "standard").detail;
    assert_eq!(detail("66000", "16000"), "66k tokens in, 16k out, Standard class");
    assert_eq!(detail("66512", "1"), "66,512 tokens in, 1 out, Standard class");
    assert_eq!(detail("1", "1500"), "1 token in, 1.5k out, Standard class");
    assert_eq!(detail("1000", "999"), "1k tokens in, 999 out, Standard class");
    assert_eq!(detail("1050", "900"), "1,050 tokens in, 900 out, Standard class");
    assert_eq!(detail("0", "1200000"), "0 tokens in, 1,200k out, Standard class");
}

#[test]
fn the_rates_are_told_as_they_are_for_what_was_chosen() {
    let told = |operation, quantities: &[(&str, &str)]| {
        let card = rate_card();
        let rates = card.rates(operation).unwrap();
        rates.rates_in_words(&rates.known(&given(quantities)).unwrap())
    };
    let bars = [("assets", "1"), ("years", "1"), ("resolution", "hourly")];
    assert_eq!(told(Operation::Backtest, &bars), "1.25 credits per asset × year");
    let mut limited = rate_card().rates(Operation::Backtest).unwrap().clone();
    limited.minimum = Credits::from_thousandths(500);
    limited.maximum = Some(Credits::from_thousandths(5_000_000));
    let limits = limited.rates_in_words(&limited.known(&given(&bars)).unwrap());
    assert_eq!(limits, "1.25 credits per asset × year, at least 0.5, at most 5,000");
    limited.base = 2_000_000_000;
    limited.maximum = None;
    let with_base = limited.rates_in_words(&limited.known(&given(&bars)).unwrap());
    assert_eq!(with_base, "2 credits each and 1.25 per asset × year, at least 0.5");
    assert_eq!(nano_credits(1_250_000_000_000), "1,250");
    assert_eq!(nano_credits(1_000_500_000_000), "1,000.5");
    let tokens = [("input_tokens", "1"), ("output_tokens", "1"), ("model", "fast")];
    let expected = "0.01 credits per 1k tokens in and 0.04 per 1k out";
    assert_eq!(told(Operation::Inference, &tokens), expected);
}

#[test]
fn a_cost_is_rounded_once_and_down() {
    assert_eq!(inference("19", "0", "standard").cost.thousandths(), 0, "0.95 thousandths");
    assert_eq!(inference("1", "1", "standard").cost.thousandths(), 0, "0.05 and 0.2 thousandths");
    assert_eq!(inference("39", "1", "standard").cost.thousandths(), 2, "1.95 and 0.2 thousandths");
}

#[test]
fn what_cannot_be_priced_is_said_at_its_field() {
    let fails = |assets: &str, years: &str, resolution: &str| {
        let error = backtest(assets, years, resolution).unwrap_err();
        format!("{}: {}", error.field, error.message)
    };
    assert_eq!(fails("", "1", "daily"), "assets: Assets is missing: a number from 1 to 1,000.");
    for text in ["NaN", "inf", "1e3", "1,000", "-", ".5", "5.", "0x10", "٣", "a list", "+1"] {
        let message = "assets: Assets must be a number in digits, such as 20.";
        assert_eq!(fails(text, "1", "daily"), message, "{text}");
    }
    assert_eq!(fails("-20", "1", "daily"), "assets: Assets must be at least 1.");
    assert_eq!(fails("0", "1", "daily"), "assets: Assets must be at least 1.");
    for huge in ["1001", "9".repeat(400).as_str()] {
        assert_eq!(fails(huge, "1", "daily"), "assets: Assets must be at most 1,000.", "{huge}");
    }
    assert_eq!(fails("1.5", "1", "daily"), "assets: Assets must be a whole number.");
    assert_eq!(fails("1", "0.4", "daily"), "years: Years must be at least 0.5.");
    assert_eq!(fails("1", "1.2345", "daily"), "years: Years can have 3 decimals at most.");
    assert_eq!(
        fails("1", "1", "weekly"),
        "resolution: Bar resolution is unknown: choose one of daily, hourly."
    );
    let unknown = rate_card().price(Operation::Analysis, &given(&[("depth", "deep")]));
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.field, "depth");
    assert_eq!(unknown.message, "depth is no quantity of analysis: it has symbols.");
}

#[test]
fn whatever_comes_as_json_is_priced_or_named() {
    let read = |json: &str| serde_json::from_str::<Quantities>(json).unwrap();
    let price = |json: &str| rate_card().price(Operation::Backtest, &read(json));
    let priced = price(r#"{"assets": 20, "years": 0.5, "resolution": "hourly"}"#).unwrap();
    assert_eq!(priced.cost.to_string(), "12.5");
    for assets in ["null", "true", "[1]", "{\"a\": [1]}", "-1", "1e300", "0.5", "\"\""] {
        let json = format!(r#"{{"assets": {assets}, "years": 1, "resolution": "daily"}}"#);
        assert_eq!(price(&json).unwrap_err().field, "assets", "{assets}");
    }
    let kept = read(r#"{"assets": 20, "years": 0.5, "resolution": "hourly"}"#);
    let written = serde_json::to_string(&kept).unwrap();
    assert_eq!(written, r#"{"assets":20,"resolution":"hourly","years":0.5}"#);
    assert_eq!(read(&written), kept);
    let odd = read(r#"{"assets": "007", "model": 5.415180360558208e-160, "years": "-0"}"#);
    assert_eq!(read(&serde_json::to_string(&odd).unwrap()), odd);
}

fn refused(change: impl Fn(&mut RateCard)) -> String {
    let mut card = rate_card();
    assert_eq!(card.validate(), Ok(()));
    change(&mut card);
    card.validate().unwrap_err().message
}

#[test]
fn a_card_that_could_not_price_is_refused() {
    let backtest = 2;
    assert!(refused(|card| drop(card.operations.pop())).contains("analysis has no price"));
    let twice = refused(|card| card.operations[3].operation = Operation::Strategy);
    assert!(twice.contains("strategy is there twice"), "{twice}");
    let negative = refused(|card| card.operations[backtest].rates[0].price = -1);
    assert!(negative.contains("can't be negative"), "{negative}");
    let free = refused(|card| card.operations[backtest].rates.clear());
    assert!(free.contains("\"assets\" has no rate"), "{free}");
    let strange = refused(|card| card.operations[backtest].rates[0].of.push("resolution".into()));
    assert!(strange.contains("no number"), "{strange}");
    let huge = refused(|card| {
        card.operations[backtest].rates[0].price = i64::MAX;
        card.operations[backtest].quantities[0] = number("assets", "asset", 1, i64::MAX);
    });
    assert!(huge.contains("more than can be counted"), "{huge}");
    let range = refused(|card| {
        card.operations[3].quantities[0] = number("symbols", "symbol", 5, 4);
    });
    assert!(range.contains("in order"), "{range}");
    let limits = refused(|card| card.operations[3].maximum = Some(Credits::from_thousandths(-1)));
    assert!(limits.contains("below the minimum"), "{limits}");
}

#[test]
fn a_card_that_could_not_be_told_is_refused() {
    let of = |change: &dyn Fn(&mut OperationRates)| refused(|card| change(&mut card.operations[2]));
    fn number_of(rates: &mut OperationRates) -> &mut Number {
        let QuantityKind::Number(number) = &mut rates.quantities[0].kind else { unreachable!() };
        number
    }
    fn options_of(rates: &mut OperationRates) -> &mut Vec<Choosable> {
        let QuantityKind::Choice(options) = &mut rates.quantities[2].kind else { unreachable!() };
        options
    }
    let twice = of(&|rates| rates.quantities[1].id = "assets".to_owned());
    assert!(twice.contains("\"assets\" is there twice"), "{twice}");
    for id in ["", "Assets", "as sets", "assets1"] {
        let told = of(&|rates| rates.quantities[0].id = id.to_owned());
        assert!(told.contains("small letters and underscores"), "{id}: {told}");
    }
    for name in ["", " ", "two\nlines"] {
        let told = of(&|rates| rates.quantities[0].name = name.to_owned());
        assert!(told.contains("must have a name of one line"), "{told}");
        let told = of(&|rates| number_of(rates).one = name.to_owned());
        assert!(told.contains("its unit in one and many"), "{told}");
        let told = of(&|rates| number_of(rates).many = name.to_owned());
        assert!(told.contains("its unit in one and many"), "{told}");
        let told = of(&|rates| options_of(rates)[0].name = name.to_owned());
        assert!(told.contains("name and words of one line"), "{told}");
        let told = of(&|rates| options_of(rates)[0].words = name.to_owned());
        assert!(told.contains("name and words of one line"), "{told}");
    }
    let decimals = of(&|rates| number_of(rates).decimals = 4);
    assert!(decimals.contains("3 decimals at most"), "{decimals}");
    let below = of(&|rates| number_of(rates).minimum = -1);
    assert!(below.contains("0 or more and in order"), "{below}");
    let none = of(&|rates| options_of(rates).clear());
    assert!(none.contains("must have options"), "{none}");
    let twice = of(&|rates| options_of(rates)[1].id = "daily".to_owned());
    assert!(twice.contains("ids of their own"), "{twice}");
    let factor = of(&|rates| options_of(rates)[0].factor = -1);
    assert!(factor.contains("negative factor"), "{factor}");
    let nothing = of(&|rates| rates.rates.push(rate(1, &[])));
    assert!(nothing.contains("must name the numbers"), "{nothing}");
    let again =
        of(&|rates| rates.rates[0].of = vec!["assets".into(), "years".into(), "assets".into()]);
    assert!(again.contains("\"assets\" twice"), "{again}");
    for negative in
        [of(&|rates| rates.base = -1), of(&|rates| rates.minimum = Credits::from_thousandths(-1))]
    {
        assert!(negative.contains("base and minimum can't be negative"), "{negative}");
    }
}

#[test]
fn what_costs_nothing_and_what_has_one_price_only_is_no_fault() {
    let mut card = rate_card();
    let rates = &mut card.operations[2];
    rates.rates[0].price = 0;
    rates.maximum = Some(rates.minimum);
    let QuantityKind::Choice(options) = &mut rates.quantities[2].kind else { unreachable!() };
    options[0].factor = 0;
    let QuantityKind::Number(number) = &mut rates.quantities[0].kind else { unreachable!() };
    number.maximum = number.minimum;
    number.decimals = 3;
    assert_eq!(card.validate(), Ok(()));
}

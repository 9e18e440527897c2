//! Reads the catalogue from TOML: embedded, or the operator's file. What is wrong with it is
//! told with its line.

use std::{fmt, ops::Range, path::Path, str::FromStr};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Deserialize;
use toml::Spanned;

use super::rates::{self, OperationTable};
use crate::credits::{
    Catalogue, CatalogueError, Currency, Operation, Package, PriceSchedule, PriceStep, Quantities,
    RateCard, WorthExample,
};

/// The catalogue that is used where the operator names none.
const EMBEDDED: &str = include_str!("catalogue.toml");

/// The longest name of a version.
const LONGEST_VERSION: usize = 40;

/// A catalogue with the text that it was read from.
#[derive(Clone, Debug)]
pub struct CatalogueFile {
    /// What it says.
    pub catalogue: Catalogue,
    /// The text.
    pub content: String,
    /// Whether it is the one that is built in.
    pub is_embedded: bool,
}

/// Why a catalogue can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue {file} can't be used: {place}{message}")]
pub struct CatalogueFileError {
    file: String,
    place: Place,
    message: String,
}

/// A line, where one is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(Option<usize>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, "line {line}: "))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<String>,
    currency: Spanned<String>,
    minimum: Spanned<i64>,
    maximum: i64,
    terms: String,
    package: Vec<Spanned<PackageTable>>,
    price: Vec<Spanned<PriceTable>>,
    #[serde(default)]
    worth: Vec<Spanned<WorthTable>>,
    operation: Vec<Spanned<OperationTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageTable {
    id: String,
    credits: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceTable {
    up_to: i64,
    per_credit: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorthTable {
    operation: Spanned<String>,
    quantities: Spanned<Quantities>,
    what: String,
    short: String,
}

/// A fault at a place of the text.
pub(super) type Fault = (Option<Range<usize>>, String);

/// Reads the operator's catalogue, or the embedded one.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn load(path: Option<&Path>) -> Result<CatalogueFile, CatalogueFileError> {
    let Some(path) = path else {
        let catalogue = parse("that is built in", EMBEDDED)?;
        let content = EMBEDDED.to_owned();
        return Ok(CatalogueFile { catalogue, content, is_embedded: true });
    };
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| CatalogueFileError {
        file: file.clone(),
        place: Place(None),
        message: error.to_string(),
    })?;
    let catalogue = parse(&file, &text)?;
    Ok(CatalogueFile { catalogue, content: text, is_embedded: false })
}

/// Reads a catalogue from its text; `file` names it in errors.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn parse(file: &str, text: &str) -> Result<Catalogue, CatalogueFileError> {
    read(text).map_err(|(span, message)| {
        let line =
            |span: Range<usize>| text[..span.start.min(text.len())].matches('\n').count() + 1;
        CatalogueFileError { file: file.to_owned(), place: Place(span.map(line)), message }
    })
}

fn read(text: &str) -> Result<Catalogue, Fault> {
    let file: File =
        toml::from_str(text).map_err(|error| (error.span(), error.message().to_owned()))?;
    let packages = file.package.iter().map(|package| {
        let package = package.get_ref();
        Package { id: package.id.clone(), credits: package.credits }
    });
    let operations = file.operation.iter().map(|table| rates::read(table.get_ref()));
    let rate_card = RateCard { operations: operations.collect::<Result<_, _>>()? };
    // Only a card that is sound can price what credits are worth.
    rate_card.validate().map_err(|error| (span(&file, &error), error.to_string()))?;
    let catalogue = Catalogue {
        version: version(&file.version)?,
        schedule: PriceSchedule {
            currency: known::<Currency>(&file.currency)?,
            minimum: *file.minimum.get_ref(),
            maximum: file.maximum,
            steps: file.price.iter().map(step).collect::<Result<_, _>>()?,
        },
        packages: packages.collect(),
        worth: file
            .worth
            .iter()
            .map(|table| example(table, &rate_card))
            .collect::<Result<_, _>>()?,
        rate_card,
        terms: file.terms.clone(),
    };
    catalogue.validate().map_err(|error| (span(&file, &error), error.to_string()))?;
    Ok(catalogue)
}

/// The name of a version: short and of one line, as rows and pages show it.
fn version(text: &Spanned<String>) -> Result<String, Fault> {
    let name = text.get_ref();
    let is_name = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if !is_name || name.chars().count() > LONGEST_VERSION {
        let message = format!("version must be 1 to {LONGEST_VERSION} characters on one line");
        return Err((Some(text.span()), message));
    }
    Ok(name.clone())
}

/// Where the table stands that an error names.
fn span(file: &File, error: &CatalogueError) -> Option<Range<usize>> {
    match error.table {
        "price" => file.price.get(error.index).map(Spanned::span),
        "package" => file.package.get(error.index).map(Spanned::span),
        "operation" => file.operation.get(error.index).map(Spanned::span),
        "worth" => file.worth.get(error.index).map(Spanned::span),
        _ => Some(file.minimum.span()),
    }
}

/// What a text of the file stands for.
pub(super) fn known<T: FromStr<Err: fmt::Display>>(text: &Spanned<String>) -> Result<T, Fault> {
    text.get_ref().parse().map_err(|error: T::Err| (Some(text.span()), error.to_string()))
}

/// A price in minor units with up to three decimals, as thousandths of the minor unit.
fn step(table: &Spanned<PriceTable>) -> Result<PriceStep, Fault> {
    let table = table.get_ref();
    let price: Decimal = known(&table.per_credit)?;
    let milli = price.checked_mul(Decimal::ONE_THOUSAND).filter(Decimal::is_integer);
    let price_milli = milli.and_then(|milli| milli.to_i64()).ok_or_else(|| {
        let message = format!("per_credit = {price} must have 3 decimals at most");
        (Some(table.per_credit.span()), message)
    })?;
    Ok(PriceStep { up_to: table.up_to, price_milli })
}

/// A typical operation, its cost and its words from the rate card.
fn example(table: &Spanned<WorthTable>, card: &RateCard) -> Result<WorthExample, Fault> {
    let table = table.get_ref();
    let operation = known::<Operation>(&table.operation)?;
    let quantities = table.quantities.get_ref();
    let at = |error: String| (Some(table.quantities.span()), error);
    let Some(rates) = card.rates(operation) else {
        return Err(at(format!("there is no operation {operation} to price it")));
    };
    let priced = rates.price(quantities).map_err(|error| at(error.to_string()))?;
    let mut what = table.what.clone();
    for (id, words) in rates.words(quantities).map_err(|error| at(error.to_string()))? {
        what = what.replace(&format!("{{{id}}}"), &words);
    }
    let (quantities, short) = (quantities.clone(), table.short.clone());
    Ok(WorthExample { operation, quantities, cost: priced.cost, what, short })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(from: &str, to: &str) -> String {
        assert!(EMBEDDED.contains(from), "{from}");
        parse("test.toml", &EMBEDDED.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_catalogue_can_be_sold_from() {
        let catalogue = load(None).unwrap().catalogue;
        let totals: Vec<_> = catalogue
            .packages
            .iter()
            .map(|package| catalogue.schedule.total(package.credits))
            .collect();
        assert_eq!(totals, [5_000, 23_000, 83_000, 188_000]);
    }

    #[test]
    fn what_credits_are_worth_comes_from_the_rate_card() {
        let catalogue = load(None).unwrap().catalogue;
        let worth = catalogue.worth.iter();
        let worth: Vec<_> =
            worth.map(|example| format!("{}: {}", example.what, example.cost)).collect();
        let expected = [
            "answers, 66k tokens in, 16k out, Standard class: 6.5",
            "strategies of 8 iterations, Standard class: 50",
            "backtests of 10 assets × 1 year, hourly bars: 12.5",
            "factor reports on 40 symbols: 16",
        ];
        assert_eq!(worth, expected);
    }

    #[test]
    fn a_schedule_that_punishes_is_refused_with_its_line() {
        let message = fault("per_credit = \"4.0\"", "per_credit = \"-4.0\"");
        assert!(message.contains("test.toml"), "{message}");
        assert!(message.contains("line 39: 5001 credits would cost less than 5000"), "{message}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert!(
            fault("currency = \"usd\"", "currency = \"xxx\"").contains("line 4: unknown currency")
        );
        assert!(fault("credits = 5000", "credits = 500").contains("line 18: package \"trader\""));
        assert!(fault("per_credit = \"4.5\"", "per_credit = \"4.50001\"").contains("line 37: "));
        assert!(fault("minimum = 100", "minimun = 100").contains("line 7: unknown field"));
        assert!(
            fault("operation = \"strategy\"", "operation = \"dance\"")
                .contains("unknown operation")
        );
        assert!(fault("version = \"2026-11\"", "version = ").contains("line 3: "));
        let price = fault("price = \"6.25\"", "price = \"0.0000000001\"");
        assert!(price.contains("price = 0.0000000001 must come to whole billionths"), "{price}");
        assert!(fault("factor = \"2.5\"", "factor = \"NaN\"").contains("line "));
        assert!(fault("maximum = \"5000\"", "maximum = \"-1\"").contains("below the minimum"));
        assert!(fault("id = \"strategy\"", "id = \"dance\"").contains("unknown operation"));
        let worth = fault("assets = 10", "assets = -10");
        assert!(worth.contains("line 63: Assets must be at least 1."), "{worth}");
        let price = fault("per_credit = \"4.5\"", "per_credit = \"79228162514264337593543950335\"");
        assert!(price.contains("line 37: per_credit = 792"), "{price}");
        let decimals = fault("decimals = 2", "decimals = 99");
        assert!(decimals.contains("can have 3 decimals at most"), "{decimals}");
        let unknown = fault("symbols = 40", "moons = 40");
        assert!(unknown.contains("moons is no quantity of analysis"), "{unknown}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Some(Path::new("no/such/file.toml"))).unwrap_err().to_string();
        assert!(error.contains("no/such/file.toml"), "{error}");
    }
}

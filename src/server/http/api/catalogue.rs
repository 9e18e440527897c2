//! What can be bought, and what operations cost.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{amount::Amount, caller::Caller, describe::OperationId, problem::Problem};
use crate::{
    credits::{Credits, Operation, OperationRates, PricedQuantity, QuantityKind, nano_credits},
    server::{AppState, identity::Scope},
};

/// The prices in effect.
#[derive(Serialize, ToSchema)]
pub struct CatalogueAnswer {
    /// Names this state of the prices; rows and quotes name theirs.
    version: String,
    /// The currency of the packages.
    currency: String,
    /// The packages that can be bought.
    packages: Vec<PackageAnswer>,
    /// What operations cost.
    operations: Vec<OperationAnswer>,
}

/// A package.
#[derive(Serialize, ToSchema)]
pub struct PackageAnswer {
    /// Its id.
    id: String,
    /// How many credits.
    credits: i64,
    /// What it costs, in minor units of the currency.
    total_minor: i64,
}

/// What one operation costs: `base` and each rate times its quantities, times the factors of the
/// options, rounded down to thousandths, between minimum and maximum.
#[derive(Serialize, ToSchema)]
pub struct OperationAnswer {
    /// The operation.
    #[schema(value_type = OperationId)]
    operation: Operation,
    /// Its name on screen.
    name: &'static str,
    /// What each costs whatever its quantities are.
    base: String,
    /// No cost is below it.
    minimum: Amount,
    /// No cost is above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<Amount>,
    /// What must be said of it.
    quantities: Vec<QuantityAnswer>,
    /// What its numbers cost.
    rates: Vec<RateAnswer>,
}

/// A quantity that a price depends on.
#[derive(Serialize, ToSchema)]
pub struct QuantityAnswer {
    /// Its name in a request.
    id: String,
    /// Its name on screen.
    name: String,
    /// The ids that can be chosen; left out where it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<String>>,
    /// The least that it may be, where it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<String>,
    /// The most that it may be, where it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<String>,
    /// How many decimals it may have, where it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<u32>,
}

/// The price of one unit, or of a product of several.
#[derive(Serialize, ToSchema)]
pub struct RateAnswer {
    /// Credits, exactly.
    price: String,
    /// The quantities that are multiplied.
    of: Vec<String>,
}

/// The prices in effect now.
#[utoipa::path(
    get, path = "/catalogue", tag = "Catalogue", security(("api_key" = [])),
    responses((status = 200, description = "The prices.", body = CatalogueAnswer), super::describe::KeyProblems),
)]
pub async fn read_catalogue(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<axum::Json<CatalogueAnswer>, Problem> {
    caller.may(Scope::Read)?;
    let catalogue = state.catalogues.current();
    let packages = catalogue.packages.iter().map(|package| PackageAnswer {
        id: package.id.clone(),
        credits: package.credits,
        total_minor: catalogue.schedule.total(package.credits),
    });
    Ok(axum::Json(CatalogueAnswer {
        version: catalogue.version.clone(),
        currency: catalogue.schedule.currency.code().to_owned(),
        packages: packages.collect(),
        operations: catalogue.rate_card.operations.iter().map(operation).collect(),
    }))
}

fn operation(rates: &OperationRates) -> OperationAnswer {
    let price = |rate: &crate::credits::Rate| RateAnswer {
        price: nano_credits(rate.price),
        of: rate.of.clone(),
    };
    OperationAnswer {
        operation: rates.operation,
        name: rates.operation.name(),
        base: nano_credits(rates.base),
        minimum: Amount(rates.minimum.max(Credits::ZERO)),
        maximum: rates.maximum.map(Amount),
        quantities: rates.quantities.iter().map(quantity).collect(),
        rates: rates.rates.iter().map(price).collect(),
    }
}

fn quantity(priced: &PricedQuantity) -> QuantityAnswer {
    let mut answer = QuantityAnswer {
        id: priced.id.clone(),
        name: priced.name.clone(),
        options: None,
        minimum: None,
        maximum: None,
        decimals: None,
    };
    match &priced.kind {
        QuantityKind::Choice(options) => {
            answer.options = Some(options.iter().map(|option| option.id.clone()).collect());
        }
        QuantityKind::Number(number) => {
            // Written for people, with separators.
            let plain = |value| number.written(value).replace(',', "");
            answer.minimum = Some(plain(number.minimum));
            answer.maximum = Some(plain(number.maximum));
            answer.decimals = Some(number.decimals);
        }
    }
    answer
}

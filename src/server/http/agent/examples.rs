//! What can be asked, each with a request that works as it stands.

use serde::Serialize;
use serde_json::{Value, json};

use crate::credits::{Catalogue, OperationRates, Quantities, Quantity, QuantityKind};

/// Something that can be asked.
#[derive(Serialize)]
pub struct Skill {
    pub id: &'static str,
    pub name: &'static str,
    pub description: String,
    pub examples: Vec<Example>,
}

/// A request.
#[derive(Serialize)]
pub struct Example {
    pub method: &'static str,
    /// `{quote}`, `{hold}` and `{account}` stand for what an earlier answer said.
    pub path: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What is sent besides the key.
#[derive(Serialize)]
pub struct Headers {
    #[serde(rename = "Idempotency-Key")]
    pub idempotency_key: String,
}

/// The operations that are sold, then the steps of the flow.
pub fn skills(catalogue: &Catalogue) -> Vec<Skill> {
    let operations = catalogue.rate_card.operations.iter();
    operations.map(|rates| operation(catalogue, rates)).chain(flow(catalogue)).collect()
}

fn operation(catalogue: &Catalogue, rates: &OperationRates) -> Skill {
    let (id, quantities) = (rates.operation.id(), typical(catalogue, rates));
    let cost = catalogue.rate_card.price(rates.operation, &quantities);
    let cost = cost.map(|priced| format!(" {} costs {} credits.", priced.detail, priced.cost));
    let names: Vec<_> = rates.quantities.iter().map(|quantity| quantity.id.as_str()).collect();
    let cost = cost.unwrap_or_default();
    Skill {
        id,
        name: rates.operation.name(),
        description: format!("An operation priced by {}.{cost}", names.join(", ")),
        examples: vec![quote(id, &quantities, id)],
    }
}

/// The steps of the flow, for the first operation that is sold.
pub fn flow(catalogue: &Catalogue) -> Vec<Skill> {
    let Some(rates) = catalogue.rate_card.operations.first() else { return Vec::new() };
    let (id, quantities) = (rates.operation.id(), typical(catalogue, rates));
    let skill = |id, name, description: &str, example| Skill {
        id,
        name,
        description: description.to_owned(),
        examples: vec![example],
    };
    vec![
        skill(
            "quote",
            "Ask the price",
            "A binding price: within its validity no charge is above it. It says whether the \
             account can pay.",
            quote(id, &quantities, "job"),
        ),
        skill(
            "hold",
            "Set credits aside",
            "Before the work starts: what is held can't be spent elsewhere. It lapses by itself \
             after ttl_seconds, an hour where nothing is said.",
            post("/api/v1/holds", "job-hold", json!({"quote": "{quote}", "reference": "job-1842"})),
        ),
        skill(
            "capture",
            "Charge what was done",
            "The work is done: it is charged up to what is held, and the rest returns. An empty \
             body charges all of it.",
            post("/api/v1/holds/{hold}/capture", "job-capture", json!({"quantities": quantities})),
        ),
        skill(
            "release",
            "Give credits back",
            "The work failed or was cancelled: it costs nothing, and a row says so.",
            post("/api/v1/holds/{hold}/release", "job-release", json!({"reason": "failed"})),
        ),
        skill(
            "usage",
            "Charge at once",
            "For work that is done already and was not held.",
            post(
                "/api/v1/usage",
                "job-usage",
                json!({"operation": id, "quantities": quantities, "reference": "job-1843"}),
            ),
        ),
        skill("balance", "Read the balance", "What can be spent, and what is held.", BALANCE),
    ]
}

const BALANCE: Example = Example {
    method: "GET",
    path: "/api/v1/accounts/{account}/balance",
    headers: None,
    body: None,
};

fn quote(operation: &str, quantities: &Quantities, name: &str) -> Example {
    let body = json!({"operation": operation, "quantities": quantities});
    post("/api/v1/quotes", &format!("{name}-quote"), body)
}

fn post(path: &'static str, key: &str, body: Value) -> Example {
    let headers = Some(Headers { idempotency_key: format!("example-{key}") });
    Example { method: "POST", path, headers, body: Some(body) }
}

/// What the catalogue calls typical; where it says nothing, the least that can be asked for.
fn typical(catalogue: &Catalogue, rates: &OperationRates) -> Quantities {
    let worth = catalogue.worth.iter().find(|worth| worth.operation == rates.operation);
    if let Some(worth) = worth {
        return worth.quantities.clone();
    }
    let least = |kind: &QuantityKind| match kind {
        QuantityKind::Number(number) => number.written(number.minimum).replace(',', ""),
        QuantityKind::Choice(options) => {
            options.first().map(|option| option.id.clone()).unwrap_or_default()
        }
    };
    let quantities = rates.quantities.iter();
    quantities.map(|it| (it.id.clone(), Quantity::new(least(&it.kind)))).collect()
}

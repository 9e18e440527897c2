//! What a session sells: its line items, their prices and products, and what they come to.
use serde_json::{Value, json};

use super::objects::{self, merge};
use super::{new_id, random_text};
use crate::api::error::ApiError;
use crate::checkout::money::written;

/// The largest amount that Stripe takes, in minor units.
const LARGEST: i64 = 99_999_999;

/// The session's items, and the products that their prices name.
pub fn line_items(params: &Value, now: i64) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let given = params["line_items"].as_array().filter(|items| !items.is_empty());
    let given = given.ok_or_else(|| ApiError::missing_parameter("line_items"))?;
    if given.len() > 100 {
        return Err(
            ApiError::invalid("You can't have more than 100 line items.").param("line_items")
        );
    }
    let mut products = Vec::new();
    let mut items = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let amount = line_amount(item, index)?;
        let product = product(&item["price_data"]["product_data"], now);
        items.push(line_item(item, amount, &product));
        products.push(product);
    }
    Ok((items, products))
}

/// What the line costs, when nothing is missing from it.
fn line_amount(item: &Value, index: usize) -> Result<i64, ApiError> {
    let at = |name: &str| format!("line_items[{index}]{name}");
    let price = &item["price_data"];
    for (path, value) in [
        ("[price_data]", price),
        ("[price_data][currency]", &price["currency"]),
        ("[price_data][unit_amount]", &price["unit_amount"]),
        ("[price_data][product_data][name]", &price["product_data"]["name"]),
        ("[quantity]", &item["quantity"]),
    ] {
        if value.is_null() {
            return Err(ApiError::missing_parameter(&at(path)));
        }
    }
    let at_least = |value: &Value, least: i64, path: &str| {
        let value = value.as_i64().unwrap_or_default();
        let message = format!("This value must be greater than or equal to {least}.");
        if value >= least {
            Ok(value)
        } else {
            Err(ApiError::invalid(message).code("parameter_invalid_integer").param(at(path)))
        }
    };
    let unit_amount = at_least(&price["unit_amount"], 0, "[price_data][unit_amount]")?;
    let quantity = at_least(&item["quantity"], 1, "[quantity]")?;
    let amount = unit_amount.checked_mul(quantity).filter(|amount| *amount <= LARGEST);
    amount.ok_or_else(|| too_large().param(at("[price_data][unit_amount]")))
}

fn line_item(item: &Value, amount: i64, product: &Value) -> Value {
    let price = &item["price_data"];
    objects::line_item(json!({
        "id": new_id("li_1"),
        "amount_subtotal": amount,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": item.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "price": {
            "id": new_id("price_1"),
            "created": product["created"],
            "currency": price["currency"],
            "product": product["id"],
            "tax_behavior": price.get("tax_behavior").cloned().unwrap_or_else(|| json!("unspecified")),
            "unit_amount": price["unit_amount"],
            "unit_amount_decimal": price["unit_amount"].to_string(),
        },
        "quantity": item["quantity"],
    }))
}

fn product(data: &Value, now: i64) -> Value {
    let mut product = objects::product(
        json!({ "id": format!("prod_{}", random_text(14)), "created": now, "updated": now }),
    );
    merge(&mut product, data.clone());
    product
}

fn too_large() -> ApiError {
    ApiError::invalid("The amount must be no more than $999,999.99.").code("amount_too_large")
}

/// What all items come to, when Stripe would take that much or that little.
///
/// # Errors
/// Mixed currencies, `amount_too_small`, `amount_too_large`.
pub fn total(items: &[Value], currency: &Value) -> Result<i64, ApiError> {
    if items.iter().any(|item| &item["currency"] != currency) {
        return Err(ApiError::invalid(
            "All prices on a Checkout Session must be expressed in the same currency.",
        )
        .param("line_items"));
    }
    let total: i64 = items.iter().filter_map(|item| item["amount_total"].as_i64()).sum();
    let currency = currency.as_str().unwrap_or_default();
    let smallest = smallest_charge(currency);
    if total > LARGEST {
        return Err(too_large());
    }
    if total > 0 && total < smallest {
        let least = written(smallest, currency);
        let message = format!(
            "The Checkout Session's total amount due must add up to at least {least} {currency}"
        );
        return Err(ApiError::invalid(message).code("amount_too_small"));
    }
    Ok(total)
}

/// Stripe's minimum charges, in minor units.
pub fn smallest_charge(currency: &str) -> i64 {
    match currency {
        "gbp" => 30,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "pln" => 200,
        "czk" => 1500,
        _ => 50,
    }
}

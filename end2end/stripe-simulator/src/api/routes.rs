//! The route table of `/v1`.
use serde_json::{Value, json};

use super::Call;
use super::error::ApiError;
use super::parameters::{
    CREATE_CUSTOMER, CREATE_SESSION, LIST_CUSTOMERS, LIST_EVENTS, LIST_LINE_ITEMS, LIST_PAYMENTS,
    LIST_SESSIONS, RETRIEVE,
};
use super::schema::{Field, read};
use crate::books::list::{created_within, page};
use crate::books::{Books, objects};

/// Stripe shows events of the last 30 days.
const EVENTS_SECONDS: i64 = 30 * 24 * 3600;

/// Does what the call asks and answers with the object.
pub fn route(books: &mut Books, call: &Call) -> Result<Value, ApiError> {
    let path: Vec<&str> =
        call.path.trim_start_matches("/v1/").trim_end_matches('/').split('/').collect();
    let params = |fields: &'static [Field]| read(fields, &call.form);
    let (mut object, params) = match (call.method.as_str(), path.as_slice()) {
        ("POST", ["checkout", "sessions"]) => {
            let params = params(CREATE_SESSION)?;
            books.expand(&mut blank_session(), &params)?;
            (books.create_session(&params)?, params)
        }
        ("POST", ["checkout", "sessions", id, "expire"]) => {
            let params = params(RETRIEVE)?;
            books.expand(&mut blank_session(), &params)?;
            (books.expire_session(id)?, params)
        }
        ("POST", ["customers"]) => {
            let params = params(CREATE_CUSTOMER)?;
            books.expand(&mut objects::customer(json!({})), &params)?;
            let id = books.new_customer(&params);
            (books.find("customer", &id, "id")?.clone(), params)
        }
        ("GET", ["checkout", "sessions"]) => {
            let params = params(LIST_SESSIONS)?;
            (list_sessions(books, &params)?, params)
        }
        ("GET", ["checkout", "sessions", id, "line_items"]) => {
            let params = params(LIST_LINE_ITEMS)?;
            (books.line_items(id, &params)?, params)
        }
        ("GET", ["events"]) => {
            let params = params(LIST_EVENTS)?;
            (list_events(books, &params)?, params)
        }
        ("GET", [noun @ ("payment_intents" | "charges")]) => {
            let params = params(LIST_PAYMENTS)?;
            let object = if *noun == "charges" { "charge" } else { "payment_intent" };
            (
                list(books, object, &params, &call.path, |found| {
                    matches(found, &params, &["customer", "payment_intent"])
                })?,
                params,
            )
        }
        ("GET", ["customers"]) => {
            let params = params(LIST_CUSTOMERS)?;
            (
                list(books, "customer", &params, &call.path, |found| {
                    matches(found, &params, &["email"])
                })?,
                params,
            )
        }
        ("GET", path) => {
            let (object, id, param) = retrievable(path).ok_or_else(|| unrecognized(call))?;
            let params = params(RETRIEVE)?;
            (books.find(object, id, param)?.clone(), params)
        }
        _ => return Err(unrecognized(call)),
    };
    books.expand(&mut object, &params)?;
    Ok(object)
}

/// What `expand` is tried on before anything is changed: a refused request must leave no trace.
fn blank_session() -> Value {
    objects::session(json!({ "line_items": { "object": "list", "data": [] } }))
}

/// Routes of the form `/noun/:id`: the object's kind, its id, and the name of the path's parameter.
fn retrievable<'a>(path: &[&'a str]) -> Option<(&'static str, &'a str, &'static str)> {
    match path {
        ["checkout", "sessions", id] => Some(("checkout.session", id, "session")),
        ["events", id] => Some(("event", id, "id")),
        ["payment_intents", id] => Some(("payment_intent", id, "intent")),
        ["charges", id] => Some(("charge", id, "id")),
        ["customers", id] => Some(("customer", id, "id")),
        ["payment_methods", id] => Some(("payment_method", id, "id")),
        ["products", id] => Some(("product", id, "id")),
        ["balance_transactions", id] => Some(("balance_transaction", id, "id")),
        _ => None,
    }
}

fn unrecognized(call: &Call) -> ApiError {
    let mut error = ApiError::invalid(format!(
        "Unrecognized request URL ({}: {}). Either Stripe doesn't have it or the simulator doesn't simulate it.",
        call.method, call.path
    ));
    error.status = 404;
    error
}

fn list(
    books: &Books,
    object: &str,
    params: &Value,
    url: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value, ApiError> {
    let all: Vec<Value> = books
        .newest_first(object)
        .filter(|found| created_within(found, params) && wanted(found))
        .cloned()
        .collect();
    page(&all, params, url)
}

/// Whether the object has the values that the named parameters ask for.
fn matches(object: &Value, params: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| params[*name].is_null() || params[*name] == object[*name])
}

fn list_sessions(books: &Books, params: &Value) -> Result<Value, ApiError> {
    let email = &params["customer_details"]["email"];
    list(books, "checkout.session", params, "/v1/checkout/sessions", |session| {
        matches(session, params, &["customer", "payment_intent", "status"])
            && (email.is_null() || email == &session["customer_details"]["email"])
    })
}

fn list_events(books: &Books, params: &Value) -> Result<Value, ApiError> {
    let types = params["types"].as_array();
    if types.is_some_and(|types| types.len() > 20) {
        return Err(ApiError::invalid("You can pass at most 20 types.").param("types"));
    }
    if types.is_some() && !params["type"].is_null() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: type, types.",
        )
        .param("type"));
    }
    let oldest = books.now() - EVENTS_SECONDS;
    list(books, "event", params, "/v1/events", |event| {
        let named = types.is_none_or(|types| types.contains(&event["type"]));
        let delivered = params["delivery_success"]
            .as_bool()
            .is_none_or(|wanted| wanted == (event["pending_webhooks"] == json!(0)));
        named
            && delivered
            && matches(event, params, &["type"])
            && event["created"].as_i64().is_some_and(|at| at >= oldest)
    })
}

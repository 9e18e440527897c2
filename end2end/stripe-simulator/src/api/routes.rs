//! The route table of `/v1`.
use serde_json::{Value, json};

use super::Call;
use super::error::ApiError;
use super::parameters::{
    CREATE_CUSTOMER, CREATE_INTENT, CREATE_REFUND, CREATE_SESSION, LIST_CHARGES, LIST_CUSTOMERS,
    LIST_EVENTS, LIST_INTENTS, LIST_LINE_ITEMS, LIST_PAYMENT_METHODS, LIST_REVERSALS,
    LIST_SESSIONS, RETRIEVE,
};
use super::schema::{Field, read};
use crate::books::list::{created_within, page};
use crate::books::{Books, objects};

/// Stripe shows events of the last 30 days.
const EVENTS_SECONDS: i64 = 30 * 24 * 3600;

/// Does what the call asks and answers with the object.
pub fn route(books: &mut Books, call: &Call) -> Result<Value, ApiError> {
    let path = call.path.trim_start_matches("/v1/").trim_end_matches('/');
    let path: Vec<&str> = path.split('/').collect();
    let (mut object, params) = match call.method.as_str() {
        "POST" => act(books, call, &path)?,
        "GET" => look_up(books, call, &path)?,
        _ => return Err(unrecognized(call)),
    };
    books.expand(&mut object, &params)?;
    Ok(object)
}

/// What changes something: the object and the parameters that were read.
fn act(books: &mut Books, call: &Call, path: &[&str]) -> Result<(Value, Value), ApiError> {
    let params = |fields: &'static [Field]| read(fields, &call.form);
    Ok(match path {
        ["checkout", "sessions"] => {
            let params = params(CREATE_SESSION)?;
            books.expand(&mut blank_session(), &params)?;
            (books.create_session(&params)?, params)
        }
        ["checkout", "sessions", id, "expire"] => {
            let params = params(RETRIEVE)?;
            books.expand(&mut blank_session(), &params)?;
            (books.expire_session(id)?, params)
        }
        ["customers"] => {
            let params = params(CREATE_CUSTOMER)?;
            books.expand(&mut objects::customer(json!({})), &params)?;
            let id = books.new_customer(&params);
            (books.find("customer", &id, "id")?.clone(), params)
        }
        ["payment_intents"] => {
            let params = params(CREATE_INTENT)?;
            books.expand(&mut objects::payment_intent(json!({})), &params)?;
            (books.pay_off_session(&params)?, params)
        }
        ["payment_methods", id, "detach"] => {
            let params = params(RETRIEVE)?;
            books.expand(&mut objects::payment_method(json!({})), &params)?;
            (books.detach(id)?, params)
        }
        ["refunds"] => {
            let params = params(CREATE_REFUND)?;
            books.expand(&mut objects::refund(json!({})), &params)?;
            (books.create_refund(&params)?, params)
        }
        _ => return Err(unrecognized(call)),
    })
}

/// What only looks something up.
fn look_up(books: &Books, call: &Call, path: &[&str]) -> Result<(Value, Value), ApiError> {
    let params = |fields: &'static [Field]| read(fields, &call.form);
    Ok(match path {
        ["checkout", "sessions"] => {
            let params = params(LIST_SESSIONS)?;
            (list_sessions(books, &params)?, params)
        }
        ["checkout", "sessions", id, "line_items"] => {
            let params = params(LIST_LINE_ITEMS)?;
            (books.line_items(id, &params)?, params)
        }
        ["events"] => {
            let params = params(LIST_EVENTS)?;
            (list_events(books, &params)?, params)
        }
        ["customers", customer, "payment_methods"] => {
            let params = params(LIST_PAYMENT_METHODS)?;
            books.find("customer", customer, "id")?;
            let wanted = |found: &Value| {
                found["customer"] == *customer && matches(found, &params, &["type"])
            };
            (list(books, "payment_method", &params, &call.path, wanted)?, params)
        }
        [noun] => {
            let (object, fields, names) = listable(noun).ok_or_else(|| unrecognized(call))?;
            let params = params(fields)?;
            let wanted = |found: &Value| matches(found, &params, names);
            (list(books, object, &params, &call.path, wanted)?, params)
        }
        path => {
            let (object, id, param) = retrievable(path).ok_or_else(|| unrecognized(call))?;
            let params = params(RETRIEVE)?;
            (books.find(object, id, param)?.clone(), params)
        }
    })
}

/// What `expand` is tried on before anything is changed: a refused request must leave no trace.
fn blank_session() -> Value {
    objects::session(json!({ "line_items": { "object": "list", "data": [] } }))
}

/// Plain lists: the object's kind, the parameters, and those of them that are fields of the object.
fn listable(noun: &str) -> Option<(&'static str, &'static [Field], &'static [&'static str])> {
    match noun {
        "payment_intents" => Some(("payment_intent", LIST_INTENTS, &["customer"])),
        "charges" => Some(("charge", LIST_CHARGES, &["customer", "payment_intent"])),
        "customers" => Some(("customer", LIST_CUSTOMERS, &["email"])),
        "payment_methods" => Some(("payment_method", LIST_PAYMENT_METHODS, &["customer", "type"])),
        "refunds" => Some(("refund", LIST_REVERSALS, &["charge", "payment_intent"])),
        "disputes" => Some(("dispute", LIST_REVERSALS, &["charge", "payment_intent"])),
        _ => None,
    }
}

/// Routes of the form `/noun/:id`: the object's kind, its id, and the name of the path's parameter.
fn retrievable<'a>(path: &[&'a str]) -> Option<(&'static str, &'a str, &'static str)> {
    match path {
        ["checkout", "sessions", id] => Some(("checkout.session", id, "session")),
        ["events", id] => Some(("event", id, "id")),
        ["payment_intents", id] => Some(("payment_intent", id, "intent")),
        ["setup_intents", id] => Some(("setup_intent", id, "intent")),
        ["charges", id] => Some(("charge", id, "id")),
        ["refunds", id] => Some(("refund", id, "id")),
        ["disputes", id] => Some(("dispute", id, "id")),
        ["radar", "early_fraud_warnings", id] => Some(("radar.early_fraud_warning", id, "id")),
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

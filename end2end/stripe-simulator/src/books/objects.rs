//! Complete objects: every field that Stripe's specification names, from the templates, then what is particular.
use serde_json::{Map, Value, json};

use super::new_id;

/// The version whose shapes these are.
pub const API_VERSION: &str = "2026-09-30.endive";

/// A new object from its template.
pub fn from_template(template: &str, fields: Value) -> Value {
    // The templates are part of the program; a test reads every one of them.
    let mut object = serde_json::from_str(template).unwrap_or(Value::Null);
    merge(&mut object, fields);
    object
}

pub fn session(fields: Value) -> Value {
    from_template(include_str!("../templates/checkout_session.json"), fields)
}

pub fn line_item(fields: Value) -> Value {
    from_template(include_str!("../templates/line_item.json"), fields)
}

pub fn product(fields: Value) -> Value {
    from_template(include_str!("../templates/product.json"), fields)
}

pub fn payment_intent(fields: Value) -> Value {
    from_template(include_str!("../templates/payment_intent.json"), fields)
}

pub fn setup_intent(fields: Value) -> Value {
    from_template(include_str!("../templates/setup_intent.json"), fields)
}

pub fn charge(fields: Value) -> Value {
    from_template(include_str!("../templates/charge.json"), fields)
}

pub fn payment_method(fields: Value) -> Value {
    from_template(include_str!("../templates/payment_method.json"), fields)
}

pub fn customer(fields: Value) -> Value {
    from_template(include_str!("../templates/customer.json"), fields)
}

pub fn refund(fields: Value) -> Value {
    from_template(include_str!("../templates/refund.json"), fields)
}

pub fn dispute(fields: Value) -> Value {
    from_template(include_str!("../templates/dispute.json"), fields)
}

/// Money that moved on the account's balance, in minor units.
pub fn balance_transaction(kind: &str, source: &Value, amount: i64, fee: i64, now: i64) -> Value {
    let details = json!([{ "amount": fee, "application": null, "currency": source["currency"], "description": "Stripe processing fees", "type": "stripe_fee" }]);
    let fields = json!({
        "id": new_id("txn_3"),
        "amount": amount,
        "available_on": now + 2 * 86_400,
        "created": now,
        "currency": source["currency"],
        "fee": fee,
        "fee_details": if fee == 0 { json!([]) } else { details },
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "type": kind,
    });
    from_template(include_str!("../templates/balance_transaction.json"), fields)
}

/// Sets the given fields, deep where both sides are objects. `metadata` is replaced, never mixed.
pub fn merge(object: &mut Value, fields: Value) {
    let (Value::Object(object), Value::Object(fields)) = (object, fields) else {
        return;
    };
    for (name, value) in fields {
        match (object.get_mut(&name), value) {
            (Some(old @ Value::Object(_)), value @ Value::Object(_)) if name != "metadata" => {
                merge(old, value)
            }
            (_, value) => {
                object.insert(name, value);
            }
        }
    }
}

/// The named fields of `from` that are there, for a merge.
pub fn pick(from: &Value, names: &[&str]) -> Value {
    let found = names
        .iter()
        .filter_map(|name| from.get(*name).map(|value| ((*name).to_owned(), value.clone())));
    Value::Object(found.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_an_object_that_names_its_kind() {
        let source = json!({"id": "ch_1", "currency": "usd"});
        let all = [
            session(json!({})),
            line_item(json!({})),
            product(json!({})),
            refund(json!({})),
            dispute(json!({})),
            payment_intent(json!({})),
            setup_intent(json!({})),
            charge(json!({})),
            payment_method(json!({})),
            customer(json!({})),
        ];
        for object in all.iter().chain([&balance_transaction("charge", &source, 100, 3, 0)]) {
            assert!(object["object"].is_string(), "{object}");
        }
    }

    #[test]
    fn merging_goes_deep_but_replaces_metadata() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "metadata": {"old": "1"}});
        merge(&mut object, json!({"a": {"b": null}, "metadata": {"new": "2"}}));
        assert_eq!(object, json!({"a": {"b": null, "c": 2}, "metadata": {"new": "2"}}));
    }
}

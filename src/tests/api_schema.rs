//! Whether JSON is what a schema of the description says: the part of JSON Schema that the
//! description uses. A word that is not known here stops the test, so that none is passed over.

use chrono::{DateTime, NaiveDate};
use recharge::credits::Credits;
use serde_json::{Value, json};

use crate::api_contract::DESCRIPTION;

/// How credits are written.
const AMOUNT: &str = r"^-?\d{1,15}(\.\d{1,3})?$";

/// Where and why a value is not what a schema says; none where it is. An object has no fields but
/// those that are named.
pub fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let mut named = Vec::new();
    let found = look(schema, value, "", &mut named);
    found.or_else(|| unnamed(value, "", &named))
}

fn look(schema: &Value, value: &Value, at: &str, named: &mut Vec<String>) -> Option<String> {
    let words = schema.as_object().unwrap();
    words.iter().find_map(|(word, wanted)| {
        let says = |ok: bool| (!ok).then(|| format!("{at}: {word} {wanted}, not {value}"));
        match word.as_str() {
            "description" | "example" | "examples" | "default" | "title" => None,
            "$ref" => look(referred(wanted), value, at, named),
            "type" => says(is_type(wanted, value)),
            "enum" => says(wanted.as_array().unwrap().contains(value)),
            "pattern" => {
                assert_eq!(wanted, AMOUNT, "a pattern that the tests don't know");
                says(value.as_str().is_some_and(|text| text.parse::<Credits>().is_ok()))
            }
            "format" => says(is_format(wanted.as_str().unwrap(), value)),
            "minimum" => says(value.as_f64().is_none_or(|it| it >= wanted.as_f64().unwrap())),
            "maximum" => says(value.as_f64().is_none_or(|it| it <= wanted.as_f64().unwrap())),
            "required" => {
                let is_there = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                says(wanted.as_array().unwrap().iter().all(is_there))
            }
            "properties" => wanted.as_object().unwrap().iter().find_map(|(name, schema)| {
                let inner = format!("{at}/{name}");
                named.push(inner.clone());
                look(schema, value.get(name)?, &inner, named)
            }),
            "items" => value.as_array()?.iter().enumerate().find_map(|(index, item)| {
                let inner = format!("{at}/{index}");
                named.push(inner.clone());
                look(wanted, item, &inner, named)
            }),
            "allOf" => {
                wanted.as_array().unwrap().iter().find_map(|part| look(part, value, at, named))
            }
            "oneOf" => {
                let fitting = wanted.as_array().unwrap().iter();
                let fitting = fitting.filter(|part| look(part, value, at, named).is_none());
                says(fitting.count() == 1)
            }
            other => panic!("the tests don't know what {other} means at {at} of {schema}"),
        }
    })
}

/// A field or item that no schema names.
fn unnamed(value: &Value, at: &str, named: &[String]) -> Option<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, it)| (index.to_string(), it)).collect()
        }
        _ => return None,
    };
    inner.into_iter().find_map(|(name, value)| {
        let place = format!("{at}/{name}");
        if named.contains(&place) {
            unnamed(value, &place, named)
        } else {
            Some(format!("{place} is not documented"))
        }
    })
}

fn referred(reference: &Value) -> &'static Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    DESCRIPTION.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_type(wanted: &Value, value: &Value) -> bool {
    if let Some(any) = wanted.as_array() {
        return any.iter().any(|wanted| is_type(wanted, value));
    }
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the tests don't know the type {other}"),
    }
}

fn is_format(wanted: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return true };
    match wanted {
        // Numbers, whose type says already that this is none.
        "int32" | "int64" => false,
        "date" => text.parse::<NaiveDate>().is_ok(),
        "date-time" => DateTime::parse_from_rfc3339(text).is_ok(),
        other => panic!("the tests don't know the format {other} of a text"),
    }
}

#[test]
fn a_schema_refuses_what_it_does_not_name() {
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let mut told = json!({"type": "urn:recharge:busy", "title": "Service Unavailable",
                          "status": 503, "code": "busy", "detail": "Later."});
    assert_eq!(misfit(&problem, &told), None);
    told["needed"] = json!("12.5");
    assert_eq!(misfit(&problem, &told), None);
    for (field, wrong) in [
        ("needed", json!(12.5)),
        ("needed", json!("many")),
        ("status", json!("503")),
        ("secret", json!("x")),
    ] {
        let mut told = told.clone();
        told[field] = wrong;
        assert!(misfit(&problem, &told).is_some(), "{field}");
    }
    told.as_object_mut().unwrap().remove("code");
    assert!(misfit(&problem, &told).is_some());
}

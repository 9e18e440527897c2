//! Lists with cursors, and the expansion of ids into objects.
use serde_json::{Value, json};

use super::Books;
use crate::api::error::ApiError;

/// Fields that hold an id which `expand` replaces by its object.
const EXPANDABLE: [&str; 11] = [
    "balance_transaction",
    "charge",
    "customer",
    "failure_balance_transaction",
    "invoice",
    "latest_charge",
    "payment_intent",
    "payment_method",
    "product",
    "setup_intent",
    "source",
];

/// Cuts the page that the cursors ask for out of `all` (newest first).
///
/// # Errors
/// A limit out of range, or a cursor that points at nothing.
pub fn page(all: &[Value], params: &Value, url: &str) -> Result<Value, ApiError> {
    let limit = limit(params)?;
    let position = |name: &str| -> Result<Option<usize>, ApiError> {
        let Some(id) = params[name].as_str() else {
            return Ok(None);
        };
        let found = all.iter().position(|object| object["id"] == id);
        found.map(Some).ok_or_else(|| ApiError::no_such("object", id, name))
    };
    let (items, has_more) = match (position("starting_after")?, position("ending_before")?) {
        (_, Some(before)) => (&all[before.saturating_sub(limit)..before], before > limit),
        (Some(after), None) => take(&all[after + 1..], limit),
        (None, None) => take(all, limit),
    };
    Ok(json!({ "object": "list", "data": items, "has_more": has_more, "url": url }))
}

fn take(all: &[Value], limit: usize) -> (&[Value], bool) {
    (&all[..limit.min(all.len())], all.len() > limit)
}

fn limit(params: &Value) -> Result<usize, ApiError> {
    let limit = params["limit"].as_i64().unwrap_or(10);
    let wrong = |words: &str, bound: i64| {
        let message = format!(
            "This value must be {words} than or equal to {bound} (it currently is '{limit}')."
        );
        ApiError::invalid(message).code("parameter_invalid_integer").param("limit")
    };
    match limit {
        ..1 => Err(wrong("greater", 1)),
        101.. => Err(wrong("less", 100)),
        _ => Ok(usize::try_from(limit).unwrap_or(10)),
    }
}

/// Whether an object was created within `created[gt|gte|lt|lte]`.
pub fn created_within(object: &Value, params: &Value) -> bool {
    let created = object["created"].as_i64().unwrap_or_default();
    let bound = |name: &str| params["created"][name].as_i64();
    bound("gt").is_none_or(|at| created > at)
        && bound("gte").is_none_or(|at| created >= at)
        && bound("lt").is_none_or(|at| created < at)
        && bound("lte").is_none_or(|at| created <= at)
}

impl Books {
    /// Replaces ids by objects along the dotted paths of `expand`.
    ///
    /// # Errors
    /// A path that can't be expanded.
    pub fn expand(&self, object: &mut Value, params: &Value) -> Result<(), ApiError> {
        let paths = params["expand"].as_array().map(Vec::as_slice).unwrap_or_default();
        for path in paths.iter().filter_map(Value::as_str) {
            let steps: Vec<&str> = path.split('.').collect();
            if steps.len() > 4 {
                return Err(ApiError::invalid(
                    "You cannot expand more than 4 levels of a property.",
                )
                .param("expand"));
            }
            self.expand_path(object, &steps).map_err(|()| {
                ApiError::invalid(format!("This property cannot be expanded ({path})."))
                    .param("expand")
            })?;
        }
        Ok(())
    }

    fn expand_path(&self, object: &mut Value, steps: &[&str]) -> Result<(), ()> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        if object["object"] == "list" && *step == "data" {
            let items = object["data"].as_array_mut().ok_or(())?;
            return items.iter_mut().try_for_each(|item| self.expand_path(item, rest));
        }
        if object["object"] == "checkout.session" && *step == "line_items" {
            let id = object["id"].as_str().unwrap_or_default().to_owned();
            if object["line_items"].is_null() {
                object["line_items"] = self.line_items(&id, &json!({})).map_err(|_| ())?;
            }
            return self.expand_path(&mut object["line_items"], rest);
        }
        let inner = object.get_mut(*step).ok_or(())?;
        if inner.is_null() {
            return Ok(());
        }
        if let Some(id) = inner.as_str() {
            if !EXPANDABLE.contains(step) {
                return Err(());
            }
            *inner = self.get(id).cloned().ok_or(())?;
        } else if !inner.is_object() || rest.is_empty() && !EXPANDABLE.contains(step) {
            return Err(());
        }
        self.expand_path(inner, rest)
    }

    /// The line items of a session as a list.
    ///
    /// # Errors
    /// `resource_missing`, or cursors that make no sense.
    pub fn line_items(&self, id: &str, params: &Value) -> Result<Value, ApiError> {
        self.find("checkout.session", id, "session")?;
        let items = self.details(id).map(|details| details.line_items.clone()).unwrap_or_default();
        page(&items, params, &format!("/v1/checkout/sessions/{id}/line_items"))
    }
}

#[cfg(test)]
mod tests {
    use super::page;
    use serde_json::{Value, json};

    fn ids(answer: &Value) -> Vec<i64> {
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap()[1..].parse().unwrap())
            .collect()
    }

    #[test]
    fn paging_reaches_every_object_once_in_both_directions() {
        let all: Vec<Value> = (0..7).rev().map(|n| json!({"id": format!("x{n}")})).collect();
        let first = page(&all, &json!({"limit": 3}), "/").unwrap();
        assert_eq!((ids(&first), &first["has_more"]), (vec![6, 5, 4], &json!(true)));
        let second = page(&all, &json!({"limit": 3, "starting_after": "x4"}), "/").unwrap();
        assert_eq!((ids(&second), &second["has_more"]), (vec![3, 2, 1], &json!(true)));
        let last = page(&all, &json!({"limit": 3, "starting_after": "x1"}), "/").unwrap();
        assert_eq!((ids(&last), &last["has_more"]), (vec![0], &json!(false)));
        let back = page(&all, &json!({"limit": 3, "ending_before": "x1"}), "/").unwrap();
        assert_eq!((ids(&back), &back["has_more"]), (vec![4, 3, 2], &json!(true)));
        let top = page(&all, &json!({"limit": 3, "ending_before": "x4"}), "/").unwrap();
        assert_eq!((ids(&top), &top["has_more"]), (vec![6, 5], &json!(false)));
    }

    #[test]
    fn limits_and_cursors_out_of_range_are_refused() {
        for params in [json!({"limit": 0}), json!({"limit": 101}), json!({"starting_after": "x9"})]
        {
            assert!(page(&[], &params, "/").is_err(), "{params}");
        }
    }
}

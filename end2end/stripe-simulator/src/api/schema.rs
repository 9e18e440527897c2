//! Which parameters a route takes. Everything else is refused, as Stripe refuses it.
use serde_json::{Map, Value, json};

use super::error::ApiError;

/// What a parameter may hold.
pub enum Kind {
    Text(usize),
    Int,
    Bool,
    Url,
    Email,
    Currency,
    OneOf(&'static [&'static str]),
    /// Up to 50 pairs of text.
    Metadata,
    List(&'static Kind),
    Object(&'static [Field]),
    /// A switch that the simulator knows only in its `false` position.
    Off,
    /// Stripe takes it; the simulator would ignore it, so it says no.
    NotSimulated,
}

/// A named parameter.
pub type Field = (&'static str, Kind);

/// `expand[]`, which every route takes.
pub const EXPAND: Field = ("expand", Kind::List(&Kind::Text(5000)));

/// Reads a decoded form by the schema: text becomes numbers, truth values, lists. An empty value counts as not sent.
pub fn read(fields: &'static [Field], form: &Map<String, Value>) -> Result<Value, ApiError> {
    read_object(fields, form, "")
}

fn read_object(
    fields: &'static [Field],
    form: &Map<String, Value>,
    prefix: &str,
) -> Result<Value, ApiError> {
    let mut out = Map::new();
    for (name, raw) in form {
        let path = join(prefix, name);
        let Some((_, kind)) = fields.iter().find(|(field, _)| field == name) else {
            return Err(ApiError::unknown_parameter(&path));
        };
        if raw == "" && !matches!(kind, Kind::NotSimulated) {
            continue;
        }
        out.insert(name.clone(), read_value(kind, raw, &path)?);
    }
    Ok(Value::Object(out))
}

fn read_value(kind: &'static Kind, raw: &Value, path: &str) -> Result<Value, ApiError> {
    match (kind, raw) {
        (Kind::NotSimulated, _) => Err(ApiError::not_simulated(path)),
        (Kind::Object(fields), Value::Object(form)) => read_object(fields, form, path),
        (Kind::List(item), Value::Object(form)) => read_list(item, form, path),
        (Kind::Metadata, Value::Object(form)) => read_metadata(form, path),
        (Kind::Object(_) | Kind::List(_) | Kind::Metadata, _) => {
            Err(ApiError::invalid(format!("Invalid {}", shape(kind))).param(path))
        }
        (_, Value::String(text)) => read_text(kind, text, path),
        _ => Err(ApiError::invalid("Invalid string: {...}").param(path)),
    }
}

fn shape(kind: &Kind) -> &'static str {
    if matches!(kind, Kind::List(_)) { "array" } else { "object" }
}

fn read_list(
    item: &'static Kind,
    form: &Map<String, Value>,
    path: &str,
) -> Result<Value, ApiError> {
    let mut numbered = Vec::with_capacity(form.len());
    for (key, raw) in form {
        let number: usize =
            key.parse().map_err(|_| ApiError::invalid("Invalid array").param(path))?;
        numbered.push((number, raw));
    }
    numbered.sort_by_key(|(number, _)| *number);
    let items = numbered
        .into_iter()
        .map(|(number, raw)| read_value(item, raw, &format!("{path}[{number}]")));
    items.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn read_metadata(form: &Map<String, Value>, path: &str) -> Result<Value, ApiError> {
    if form.len() > 50 {
        return Err(ApiError::invalid("Metadata can have at most 50 keys").param(path));
    }
    for (key, value) in form {
        let Some(text) = value.as_str() else {
            return Err(ApiError::invalid("Metadata values must be strings").param(join(path, key)));
        };
        if key.chars().count() > 40 {
            return Err(ApiError::invalid("Metadata keys can have up to 40 characters")
                .param(join(path, key)));
        }
        if text.chars().count() > 500 {
            let message =
                "Metadata values can have up to 500 characters, but you passed in a longer one";
            return Err(ApiError::invalid(message).param(join(path, key)));
        }
    }
    Ok(Value::Object(form.clone()))
}

fn read_text(kind: &Kind, text: &str, path: &str) -> Result<Value, ApiError> {
    let bad =
        |message: String, code: &'static str| ApiError::invalid(message).code(code).param(path);
    match kind {
        Kind::Int => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| bad(format!("Invalid integer: {text}"), "parameter_invalid_integer")),
        Kind::Bool => match text {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(ApiError::invalid(format!("Invalid boolean: {text}")).param(path)),
        },
        Kind::Off => {
            if text == "false" {
                Ok(json!(false))
            } else {
                Err(ApiError::not_simulated(path))
            }
        }
        Kind::Text(most) if text.chars().count() > *most => Err(ApiError::invalid(format!(
            "Invalid string: {}…; must be at most {most} characters",
            head(text)
        ))
        .param(path)),
        Kind::OneOf(allowed) if !allowed.contains(&text) => Err(ApiError::invalid(format!(
            "Invalid {}: must be one of {}",
            last(path),
            allowed.join(", ")
        ))
        .param(path)),
        Kind::Url if !is_url(text) => Err(bad("Not a valid URL".into(), "url_invalid")),
        Kind::Email if !is_email(text) => {
            Err(bad(format!("Invalid email address: {text}"), "email_invalid"))
        }
        Kind::Currency => currency(text)
            .map(Value::from)
            .ok_or_else(|| ApiError::invalid(format!("Invalid currency: {text}.")).param(path)),
        _ => Ok(json!(text)),
    }
}

fn is_url(text: &str) -> bool {
    // Stripe's placeholder is no URL syntax; it fills it in itself.
    let url = url::Url::parse(&text.replace("{CHECKOUT_SESSION_ID}", "cs"));
    url.is_ok_and(|url| url.has_host() && text.len() <= 5000)
}

pub fn is_email(text: &str) -> bool {
    let sound = |part: &str| !part.is_empty() && !part.contains([' ', '@', '<', '>', ',']);
    text.len() <= 800
        && text.split_once('@').is_some_and(|(name, host)| {
            sound(name) && sound(host) && host.contains('.') && !host.ends_with('.')
        })
}

fn currency(text: &str) -> Option<String> {
    const KNOWN: [&str; 14] = [
        "usd", "eur", "gbp", "chf", "jpy", "aud", "cad", "dkk", "nok", "sek", "nzd", "sgd", "pln",
        "czk",
    ];
    let lower = text.to_ascii_lowercase();
    KNOWN.contains(&lower.as_str()).then_some(lower)
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

fn last(path: &str) -> &str {
    path.rsplit('[').next().unwrap_or(path).trim_end_matches(']')
}

fn head(text: &str) -> String {
    text.chars().take(20).collect()
}

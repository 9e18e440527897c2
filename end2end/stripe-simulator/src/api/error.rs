//! Errors in Stripe's words and shape.
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// An error as the API answers it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `invalid_request_error`, `card_error`, `idempotency_error` or `api_error`.
    pub kind: &'static str,
    /// Machine-readable code, such as `resource_missing`.
    pub code: Option<&'static str>,
    /// Text for developers.
    pub message: String,
    /// The parameter that is to blame.
    pub param: Option<String>,
    /// The bank's reason, for declined cards.
    pub decline_code: Option<&'static str>,
    /// Objects that belong to the error: `charge` (an id), `payment_intent` and `payment_method` (objects).
    pub about: Option<Box<Map<String, Value>>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            kind,
            code: None,
            message: message.into(),
            param: None,
            decline_code: None,
            about: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn decline(mut self, decline_code: &'static str) -> Self {
        self.decline_code = Some(decline_code);
        self
    }

    /// Adds an object that belongs to the error.
    pub(crate) fn about(mut self, name: &str, object: Value) -> Self {
        self.about.get_or_insert_default().insert(name.to_owned(), object);
        self
    }

    pub(crate) fn unknown_parameter(param: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {param}"))
            .code("parameter_unknown")
            .param(param)
    }

    pub(crate) fn missing_parameter(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}."))
            .code("parameter_missing")
            .param(param)
    }

    /// The parameter exists at Stripe; here it would silently do nothing, so it is refused.
    pub(crate) fn not_simulated(param: &str) -> Self {
        Self::invalid(format!("The Stripe simulator doesn't simulate {param}")).param(param)
    }

    /// 404 when the id stands in the path, 400 when it came as a parameter.
    pub(crate) fn no_such(noun: &str, id: &str, param: &str) -> Self {
        let mut error =
            Self::invalid(format!("No such {noun}: '{id}'")).code("resource_missing").param(param);
        if matches!(param, "id" | "session" | "intent") {
            error.status = 404;
        }
        error
    }

    /// What stands under `error` in the answer, and in `last_payment_error`.
    #[must_use]
    pub fn object(&self) -> Value {
        let mut object = self.about.as_deref().cloned().unwrap_or_default();
        object.insert("type".into(), json!(self.kind));
        object.insert("message".into(), json!(self.message));
        if let Some(code) = self.code {
            object.insert("code".into(), json!(code));
            object.insert(
                "doc_url".into(),
                json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))),
            );
        }
        if let Some(param) = &self.param {
            object.insert("param".into(), json!(param));
        }
        if let Some(decline_code) = self.decline_code {
            object.insert("decline_code".into(), json!(decline_code));
        }
        Value::Object(object)
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.object() })
    }
}

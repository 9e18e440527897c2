//! What a program is told when its request can't be done: RFC 9457, `application/problem+json`.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::amount::Amount;
use crate::{
    credits::{HoldState, Operation, QuantityError, Refusal},
    server::{identity::KeyProblem, ledger::LedgerError},
};

/// Seconds after which a request that met a full queue or an outage is worth another try.
const PAUSE_SECONDS: u32 = 1;

/// The code of what a spend cap refuses.
pub const SPEND_CAP: &str = "spend_cap";

/// Why a request was not done. Nothing was changed by it. `code` is for programs and stays;
/// `detail` is for people.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:recharge:insufficient_credits`.
    #[serde(rename = "type")]
    kind: String,
    /// The HTTP status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What programs tell problems apart by.
    code: &'static str,
    /// What happened, in a sentence.
    detail: String,
    /// The numbers and names that belong to it.
    #[serde(flatten)]
    facts: Box<Facts>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// What some problems say besides.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(default)]
pub struct Facts {
    /// The field of the request that is wrong: `quantities.assets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<Amount>,
    /// What can be spent now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Amount>,
    /// What is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Amount>,
    /// The quote that the request named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<String>,
    /// Where a person buys what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_up_url: Option<String>,
    /// Where a person sets the spend caps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps_url: Option<String>,
    /// When the spend cap begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
    /// The spend cap or ceiling that would be passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Amount>,
    /// What is left below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Amount>,
    /// The operation that is capped, where not all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub operation: Option<Operation>,
    /// How a hold was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub state: Option<HoldState>,
    /// What the request asked to capture, or what a settled hold held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// What of a settled hold became spending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<Amount>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:recharge:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            facts: Box::default(),
            retry_after: None,
        }
    }

    /// A field that can't be meant.
    #[must_use]
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail);
        problem.with(|facts| facts.field = Some(field.into()))
    }

    /// What isn't there, or isn't the caller's: both look the same.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// A key that was used for something else.
    #[must_use]
    pub fn key_reused() -> Self {
        Refusal::KeyReused.into()
    }

    /// A program that asks too fast.
    #[must_use]
    pub fn too_fast(seconds: u32) -> Self {
        let detail = "This key asks faster than its limit allows. Nothing was done.";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// More requests than can be taken at once.
    #[must_use]
    pub fn busy() -> Self {
        let detail = "Too much is asked at once. Nothing was done; try again in a moment.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        Self { retry_after: Some(PAUSE_SECONDS), ..problem }
    }

    /// An outage; whether the request was done is told by sending it again with the same key.
    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "The ledger can't be reached. Send the request again with the same key.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        Self { retry_after: Some(PAUSE_SECONDS), ..problem }
    }

    /// The same with more facts.
    #[must_use]
    pub fn with(mut self, tell: impl FnOnce(&mut Facts)) -> Self {
        tell(&mut self.facts);
        self
    }

    /// Its HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What programs tell it by.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<KeyProblem> for Problem {
    fn from(problem: KeyProblem) -> Self {
        let unauthorized =
            |code, detail: &str| Self::new(StatusCode::UNAUTHORIZED, code, detail.to_owned());
        match problem {
            KeyProblem::Missing => unauthorized(
                "key_missing",
                "Send your API key in the header Authorization: Bearer rcg_…",
            ),
            KeyProblem::Wrong => {
                unauthorized("key_invalid", "The API key is wrong or was revoked.")
            }
            KeyProblem::Unavailable => Self::unavailable(),
        }
    }
}

impl From<QuantityError> for Problem {
    fn from(error: QuantityError) -> Self {
        let field = match error.field.as_str() {
            "operation" => "operation".to_owned(),
            quantity => format!("quantities.{quantity}"),
        };
        Self::field(field, error.message)
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Refused(refusal) => refusal.into(),
            LedgerError::Busy => Self::busy(),
            LedgerError::Unavailable => Self::unavailable(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = sentence(&refusal.to_string());
        let is = |status, code| Self::new(status, code, detail.clone());
        match refusal {
            Refusal::InsufficientCredits { needed, available, held } => {
                is(StatusCode::PAYMENT_REQUIRED, "insufficient_credits").with(|facts| {
                    facts.needed = Some(Amount(needed));
                    facts.available = Some(Amount(available));
                    facts.held = Some(Amount(held));
                })
            }
            Refusal::SpendCap { operation, cap, left, needed, available, held } => {
                is(StatusCode::PAYMENT_REQUIRED, SPEND_CAP).with(|facts| {
                    facts.available = Some(Amount(available));
                    facts.held = Some(Amount(held));
                    facts.operation = operation;
                    facts.limit = Some(Amount(cap));
                    facts.left = Some(Amount(left));
                    facts.needed = Some(Amount(needed));
                })
            }
            Refusal::AboveCeiling { ceiling, needed } => is(StatusCode::FORBIDDEN, "above_ceiling")
                .with(|facts| {
                    facts.limit = Some(Amount(ceiling));
                    facts.needed = Some(Amount(needed));
                }),
            Refusal::HoldSettled { state, amount, captured, .. } => {
                is(StatusCode::CONFLICT, settled_code(state)).with(|facts| {
                    facts.state = Some(state);
                    facts.amount = Some(Amount(amount));
                    facts.captured = Some(Amount(captured));
                })
            }
            Refusal::CaptureAboveHold { amount, held } => {
                is(StatusCode::CONFLICT, "capture_above_hold").with(|facts| {
                    facts.amount = Some(Amount(amount));
                    facts.held = Some(Amount(held));
                })
            }
            Refusal::InvalidAmount { .. } => Self::field("amount", detail),
            Refusal::AlreadyExpired => Self::field("expires_at", detail),
            Refusal::ExtensionTooShort { .. } => Self::field("ttl_seconds", detail),
            Refusal::UnknownHold => Self::not_found("hold"),
            Refusal::UnknownAccount => Self::not_found("account"),
            Refusal::KeyReused => is(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        }
    }
}

const fn settled_code(state: HoldState) -> &'static str {
    match state {
        HoldState::Open => "hold_open",
        HoldState::Captured => "hold_captured",
        HoldState::Released => "hold_released",
        HoldState::Lapsed => "hold_expired",
    }
}

/// "there is …" as a sentence of its own.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

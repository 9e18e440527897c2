//! Binding prices.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    amount::Amount,
    body::{IdempotencyKey, Json},
    caller::Caller,
    charge::{instant, top_up_url},
    describe::{AccountProblems, OperationId, QuantityMap},
    problem::Problem,
};
use crate::{
    credits::{Credits, Operation, Quantities},
    server::{AppState, identity::Scope, quotes::QuoteError},
};

/// An operation to price.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// The account; an account's own key may leave it out.
    account: Option<String>,
    /// The operation.
    #[schema(value_type = OperationId)]
    operation: Operation,
    /// How much of it, by the names of the rate card.
    #[schema(value_type = QuantityMap)]
    quantities: Quantities,
}

/// A binding price: the charge will not be above it.
#[derive(Serialize, ToSchema)]
pub struct QuoteAnswer {
    /// Its id.
    id: String,
    /// The account.
    account: String,
    /// The operation.
    #[schema(value_type = OperationId)]
    operation: Operation,
    /// What it costs at most.
    cost: Amount,
    /// What is priced, in words.
    detail: String,
    /// What can be spent now.
    available: Amount,
    /// What could be spent after it; negative where it can't be paid.
    balance_after: Amount,
    /// Whether it can be paid now.
    enough: bool,
    /// The version of the rate card that prices it.
    rate_card: String,
    /// When it was made.
    created_at: String,
    /// The first instant at which it can't be used any more.
    valid_until: String,
    /// Where a person buys what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_up_url: Option<String>,
}

/// Price an operation. Nothing is set aside.
#[utoipa::path(
    post, path = "/quotes", tag = "Quotes", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = QuoteRequest,
    responses((status = 201, description = "The quote.", body = QuoteAnswer), AccountProblems),
)]
pub async fn make_quote(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(asked): Json<QuoteRequest>,
) -> Result<(StatusCode, axum::Json<QuoteAnswer>), Problem> {
    let account = caller.account(Scope::Read, asked.account.as_deref())?;
    let (available, _) = state.ledger.balance(&account).await?;
    let made = state.quotes.make(&account, key.text(), asked.operation, &asked.quantities).await;
    let quote = made.map_err(|error| match error {
        QuoteError::Quantity(error) => error.into(),
        QuoteError::KeyReused => Problem::key_reused(),
        QuoteError::Database(error) => {
            tracing::error!(%error, "a quote could not be written");
            Problem::unavailable()
        }
    })?;
    let balance_after = available - quote.cost;
    let enough = balance_after >= Credits::ZERO;
    let answer = QuoteAnswer {
        id: quote.id,
        account: account.0,
        operation: quote.operation,
        cost: Amount(quote.cost),
        detail: quote.detail,
        available: Amount(available),
        balance_after: Amount(balance_after),
        enough,
        rate_card: quote.rate_card,
        created_at: instant(quote.created_at),
        valid_until: instant(quote.valid_until),
        top_up_url: (!enough).then(|| top_up_url(&state)),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

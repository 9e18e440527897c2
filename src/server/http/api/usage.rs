//! Charges for work that is done: one, or up to a thousand.

use axum::{extract::State, http::StatusCode};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    amount::Amount,
    body::{IdempotencyKey, Json},
    caller::Caller,
    charge::{Asked, Planned, carry_out, instant},
    describe::{MoneyProblems, OperationId, QuantityMap},
    problem::Problem,
};
use crate::{
    credits::{AccountId, Command, Operation, Quantities},
    server::{
        AppState,
        identity::Scope,
        ledger::{Outcome, RequestKey},
    },
};

/// The most charges in one batch.
const LARGEST_BATCH: usize = 1_000;
/// Charges of a batch that are priced at a time: quotes are read from the database, and others
/// read too.
const PRICED_AT_ONCE: usize = 8;
/// Charges of a batch that wait for the ledger at a time.
const AT_ONCE: usize = 256;

/// Work to charge. Its cost is told by exactly one of `quote`, `quantities` and `amount`; beside a
/// quote, quantities or an amount say what the work came to, and the quote is the ceiling.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageRequest {
    /// The account; an account's own key may leave it out.
    account: Option<String>,
    /// The operation; a quote names it.
    #[schema(value_type = Option<OperationId>)]
    operation: Option<Operation>,
    /// The id of a quote.
    quote: Option<String>,
    /// How much was done, by the names of the rate card.
    #[schema(value_type = Option<QuantityMap>)]
    quantities: Option<Quantities>,
    /// What it costs. Zero is allowed and leaves a row.
    amount: Option<Amount>,
    /// The first line of the row in the history.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// The second line; without it, what was priced.
    #[schema(max_length = 200)]
    detail: Option<String>,
    /// Your own reference: a job, an order. All requests with one reference are one run of a key
    /// that has a ceiling.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// A charge.
#[derive(Serialize, ToSchema)]
pub struct UsageAnswer {
    /// The account.
    account: String,
    /// The number of its row in the account's history.
    entry: i64,
    /// What was charged.
    charged: Amount,
    /// What can be spent after it.
    available: Amount,
    /// What is set aside after it.
    held: Amount,
    /// When.
    at: String,
    /// Whether the same key was charged before: then nothing happened now.
    replayed: bool,
}

/// Charge work that is done.
#[utoipa::path(
    post, path = "/usage", tag = "Usage", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = UsageRequest,
    responses((status = 200, description = "The charge.", body = UsageAnswer), MoneyProblems),
)]
pub async fn charge_usage(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(asked): Json<UsageRequest>,
) -> Result<axum::Json<UsageAnswer>, Problem> {
    let account = caller.account(Scope::Spend, asked.account.as_deref())?;
    let key = caller.in_run(key.of("usage", &asked), asked.reference.as_deref());
    let priced = price(&state, &caller, account, key, asked).await;
    charge(&state, priced).await.map(axum::Json)
}

/// A charge of which the cost is known, or why it is not.
struct PricedUsage {
    account: AccountId,
    key: RequestKey,
    command: Result<Command, Problem>,
    quote: Option<String>,
}

async fn price(
    state: &AppState,
    caller: &Caller,
    account: AccountId,
    key: RequestKey,
    asked: UsageRequest,
) -> PricedUsage {
    let command = plan(state, caller, &account, &asked).await;
    PricedUsage { account, key, command, quote: asked.quote }
}

async fn charge(state: &AppState, priced: PricedUsage) -> Result<UsageAnswer, Problem> {
    let PricedUsage { account, key, command, quote } = priced;
    let outcome = carry_out(state, &account, key, command, quote.as_deref()).await?;
    Ok(answer(account, &outcome))
}

async fn plan(
    state: &AppState,
    caller: &Caller,
    account: &AccountId,
    asked: &UsageRequest,
) -> Result<Command, Problem> {
    let Planned { operation, amount, note } = asked.asked().plan(state, caller, account).await?;
    Ok(Command::Spend { operation, amount, note })
}

impl UsageRequest {
    fn asked(&self) -> Asked<'_> {
        Asked {
            operation: self.operation,
            quote: self.quote.as_deref(),
            quantities: self.quantities.as_ref(),
            amount: self.amount,
            description: self.description.as_deref(),
            detail: self.detail.as_deref(),
            reference: self.reference.as_deref(),
        }
    }
}

fn answer(account: AccountId, outcome: &Outcome) -> UsageAnswer {
    UsageAnswer {
        account: account.0,
        entry: outcome.seq,
        charged: Amount(-outcome.amount()),
        available: Amount(outcome.available_after),
        held: Amount(outcome.held_after),
        at: instant(outcome.at),
        replayed: outcome.replayed,
    }
}

/// Up to 1,000 charges.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The charges. Each is carried out or refused on its own, in this order for each account.
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<UsageRequest>,
}

/// What became of each charge, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    /// One for each.
    results: Vec<BatchResult>,
}

/// What became of one charge.
#[derive(Serialize, ToSchema)]
pub struct BatchResult {
    /// The HTTP status that it would have had alone.
    status: u16,
    /// The charge, where it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageAnswer>,
    /// Why not, where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Charge much work at once. Sent again with the same key, each charge still happens once.
#[utoipa::path(
    post, path = "/usage/batch", tag = "Usage", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "Your own key; the same when you repeat the request.", min_length = 1, max_length = 180)),
    request_body = BatchRequest,
    responses((status = 200, description = "What became of each charge.", body = BatchAnswer), super::describe::BatchProblems),
)]
pub async fn charge_batch(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(BatchRequest { items }): Json<BatchRequest>,
) -> Result<axum::Json<BatchAnswer>, Problem> {
    caller.may(Scope::Spend)?;
    if items.is_empty() {
        return Err(Problem::field("items", "A batch has at least one charge."));
    }
    if items.len() > LARGEST_BATCH {
        let detail = format!("A batch has at most {LARGEST_BATCH} charges.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", detail));
    }
    let keys = key.of_all("usage/batch", &items);
    let accounts = items.iter().map(|asked| caller.account(Scope::Spend, asked.account.as_deref()));
    let accounts: Vec<_> = accounts.collect();
    let asked = accounts.iter().zip(&keys).filter_map(|(id, key)| Some((id.as_ref().ok()?, key)));
    if state.ledger.is_any_reused(asked).await? {
        return Err(Problem::key_reused());
    }
    let (state, caller) = (&state, &caller);
    let asked = items.into_iter().zip(accounts.into_iter().zip(keys));
    let prices = asked.map(|(asked, (account, key))| async move {
        let key = caller.in_run(key, asked.reference.as_deref());
        Ok(price(state, caller, account?, key, asked).await)
    });
    // Some take longer to price than others: only when all are priced do they take their places in
    // the queue of the ledger, in the order of the request.
    let priced: Vec<Result<_, Problem>> =
        stream::iter(prices).buffered(PRICED_AT_ONCE).collect().await;
    let charges = stream::iter(priced).map(|priced| async move { charge(state, priced?).await });
    let results = charges.buffered(AT_ONCE).map(|result| match result {
        Ok(usage) => BatchResult { status: 200, usage: Some(usage), problem: None },
        Err(problem) => {
            BatchResult { status: problem.status(), usage: None, problem: Some(problem) }
        }
    });
    Ok(axum::Json(BatchAnswer { results: results.collect().await }))
}

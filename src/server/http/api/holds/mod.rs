//! Credits set aside before the work, and settled after it.

mod settle;

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use settle::*;

use super::{
    amount::Amount,
    body::{Id, IdempotencyKey, Json},
    caller::Caller,
    charge::{Asked, Planned, carry_out, instant},
    describe::{MoneyProblems, OperationId, QuantityMap},
    problem::Problem,
};
use crate::{
    credits::{AccountId, Command, Credits, Hold, HoldState, HoldTime, Operation, Quantities},
    server::{AppState, identity::Scope, ledger::Outcome},
};

/// Credits to set aside. How many is told by exactly one of `quote`, `quantities` and `amount`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// The account; an account's own key may leave it out.
    account: Option<String>,
    /// The operation; a quote names it.
    #[schema(value_type = Option<OperationId>)]
    operation: Option<Operation>,
    /// The id of a quote.
    quote: Option<String>,
    /// How much is to be done, by the names of the rate card.
    #[schema(value_type = Option<QuantityMap>)]
    quantities: Option<Quantities>,
    /// The most that it can cost.
    amount: Option<Amount>,
    /// How long they stay set aside; an hour where nothing is said.
    #[schema(minimum = 1, maximum = 86400, default = 3600)]
    ttl_seconds: Option<u32>,
    /// The first line of its rows in the history.
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

/// A hold.
#[derive(Serialize, ToSchema)]
pub struct HoldAnswer {
    /// Its id.
    id: String,
    /// The account.
    account: String,
    /// How far it has come.
    #[schema(value_type = super::describe::HoldStateId)]
    state: HoldState,
    /// What is or was set aside.
    amount: Amount,
    /// What of it became spending.
    captured: Amount,
    /// What of it was given back.
    released: Amount,
    /// The first instant at which it has lapsed; left out once it is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The number of the row that made or settled it.
    entry: i64,
    /// What the account can spend after it; left out where the hold is only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Amount>,
    /// What the account holds after it; left out where the hold is only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Amount>,
    /// Whether it had happened before: then nothing happened now.
    replayed: bool,
}

/// Set credits aside for an operation that is about to start.
#[utoipa::path(
    post, path = "/holds", tag = "Holds", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = HoldRequest,
    responses((status = 201, description = "The hold.", body = HoldAnswer), MoneyProblems),
)]
pub async fn make_hold(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(asked): Json<HoldRequest>,
) -> Result<(StatusCode, axum::Json<HoldAnswer>), Problem> {
    let account = caller.account(Scope::Spend, asked.account.as_deref())?;
    let key = caller.in_run(key.of("holds", &asked), asked.reference.as_deref());
    let lasts = hold_time(asked.ttl_seconds)?;
    let planned = plan(&state, &caller, &account, &asked, lasts).await;
    let outcome = carry_out(&state, &account, key, planned, asked.quote.as_deref()).await?;
    let expires_at = Some(instant(lasts.ends(outcome.at)));
    let answer = HoldAnswer { expires_at, ..answer(&account, &outcome, HoldState::Open) };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

async fn plan(
    state: &AppState,
    caller: &Caller,
    account: &AccountId,
    asked: &HoldRequest,
    lasts: HoldTime,
) -> Result<Command, Problem> {
    if asked.quote.is_some() && (asked.quantities.is_some() || asked.amount.is_some()) {
        let detail = "A quote says what is set aside: leave quantities and amount out.";
        return Err(Problem::field("quote", detail));
    }
    let Planned { operation, amount, note } = asked.asked().plan(state, caller, account).await?;
    Ok(Command::Hold { operation, amount, lasts, note })
}

impl HoldRequest {
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

/// A hold as it is now.
#[utoipa::path(
    get, path = "/holds/{id}", tag = "Holds", security(("api_key" = [])),
    params(("id" = String, Path, description = "The hold.")),
    responses((status = 200, description = "The hold.", body = HoldAnswer), super::describe::ReadProblems),
)]
pub async fn read_hold(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<axum::Json<HoldAnswer>, Problem> {
    let (account, number) = named(&caller, Scope::Read, &id)?;
    let hold = find(&state, &account, number).await?;
    Ok(axum::Json(read(&account, &hold)))
}

/// The account and number of a hold that this program may use so; a foreign one isn't there.
fn named(caller: &Caller, scope: Scope, id: &str) -> Result<(AccountId, i64), Problem> {
    caller.may(scope)?;
    let (account, number) = parse(id).ok_or_else(|| Problem::not_found("hold"))?;
    caller.account(scope, Some(&account.0)).map_err(|_| Problem::not_found("hold"))?;
    Ok((account, number))
}

async fn find(state: &AppState, account: &AccountId, number: i64) -> Result<Hold, Problem> {
    state.ledger.hold(account, number).await?.ok_or_else(|| Problem::not_found("hold"))
}

fn hold_time(seconds: Option<u32>) -> Result<HoldTime, Problem> {
    let Some(seconds) = seconds else { return Ok(HoldTime::DEFAULT) };
    HoldTime::from_seconds(seconds).ok_or_else(|| {
        let detail = format!("A hold lasts from 1 to {} seconds.", HoldTime::LONGEST_SECONDS);
        Problem::field("ttl_seconds", detail)
    })
}

/// `hld_…_7`: the seventh entry of an account.
fn written(account: &AccountId, number: i64) -> String {
    format!("hld_{}_{number}", account.0.trim_start_matches("acc_"))
}

fn parse(id: &str) -> Option<(AccountId, i64)> {
    let (account, number) = id.strip_prefix("hld_")?.rsplit_once('_')?;
    let found = (AccountId(format!("acc_{account}")), number.parse().ok()?);
    // One hold has one id: no other spelling of the number.
    (written(&found.0, found.1) == id).then_some(found)
}

/// What has become of a hold by this outcome.
fn answer(account: &AccountId, outcome: &Outcome, state: HoldState) -> HoldAnswer {
    let number = outcome.hold.unwrap_or_default();
    // It moved all that is or was set aside, one way or the other.
    let (amount, captured) = (outcome.held_change.abs(), -outcome.amount());
    HoldAnswer {
        available: Some(Amount(outcome.available_after)),
        held: Some(Amount(outcome.held_after)),
        replayed: outcome.replayed,
        ..told(account, number, state, (amount, captured), outcome.seq)
    }
}

fn read(account: &AccountId, hold: &Hold) -> HoldAnswer {
    let entry = hold.settled.map_or(hold.number, |(seq, _)| seq);
    HoldAnswer {
        expires_at: hold.is_open().then(|| instant(hold.expires_at)),
        ..told(account, hold.number, hold.state, (hold.amount, hold.captured), entry)
    }
}

fn told(
    account: &AccountId,
    number: i64,
    state: HoldState,
    (amount, captured): (Credits, Credits),
    entry: i64,
) -> HoldAnswer {
    let is_open = state == HoldState::Open;
    HoldAnswer {
        id: written(account, number),
        account: account.0.clone(),
        state,
        amount: Amount(amount),
        captured: Amount(captured),
        released: Amount(if is_open { Credits::ZERO } else { amount - captured }),
        expires_at: None,
        entry,
        available: None,
        held: None,
        replayed: false,
    }
}

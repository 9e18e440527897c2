//! How a hold ends, or goes on.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        amount::Amount,
        body::{Id, IdempotencyKey, Json},
        caller::Caller,
        charge::{carry_out, catalogue},
        describe::{ExtendProblems, HoldProblems, QuantityMap, ReleaseReasonId},
        problem::Problem,
    },
    HoldAnswer, answer, find, hold_time, named, read,
};
use crate::{
    credits::{AccountId, Captured, Command, Credits, HoldState, Quantities, ReleaseReason},
    server::{AppState, identity::Scope},
};

/// What the work came to. Neither `amount` nor `quantities`: all that is held.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// What it cost; not more than is held.
    amount: Option<Amount>,
    /// How much was done: priced as the hold was, and charged up to what is held.
    #[schema(value_type = Option<QuantityMap>)]
    quantities: Option<Quantities>,
}

/// Charge the work and give the rest of the hold back. Capturing twice is capturing once.
#[utoipa::path(
    post, path = "/holds/{id}/capture", tag = "Holds", security(("api_key" = [])),
    params(("id" = String, Path, description = "The hold."), IdempotencyKey),
    request_body = CaptureRequest,
    responses((status = 200, description = "The hold, captured.", body = HoldAnswer), HoldProblems),
)]
pub async fn capture_hold(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<CaptureRequest>,
) -> Result<axum::Json<HoldAnswer>, Problem> {
    let (account, number) = named(&caller, Scope::Spend, &id)?;
    let key = key.of(&id, &("capture", &asked));
    let planned = plan_capture(&state, &account, number, &asked).await;
    let outcome = carry_out(&state, &account, key, planned, None).await?;
    Ok(axum::Json(answer(&account, &outcome, HoldState::Captured)))
}

async fn plan_capture(
    state: &AppState,
    account: &AccountId,
    number: i64,
    asked: &CaptureRequest,
) -> Result<Command, Problem> {
    let capture = |amount, detail| Command::Capture { hold: number, amount, detail };
    match (asked.amount, &asked.quantities) {
        (Some(Amount(amount)), None) => Ok(capture(Captured::Exactly(amount), None)),
        (None, None) => Ok(capture(Captured::All, None)),
        (None, Some(quantities)) => {
            let hold = find(state, account, number).await?;
            if hold.note.rate_card.is_empty() {
                let detail = "The hold was made by an amount: capture an amount.";
                return Err(Problem::field("quantities", detail));
            }
            let catalogue = catalogue(state, &hold.note.rate_card).await?;
            let priced = catalogue.rate_card.price(hold.operation, quantities)?;
            Ok(capture(Captured::UpTo(priced.cost), Some(priced.detail)))
        }
        (Some(_), Some(_)) => {
            let detail = "Say what it came to by quantities or by an amount, not by both.";
            Err(Problem::field("amount", detail))
        }
    }
}

/// Why a hold is given back.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Why; the row says it.
    #[schema(value_type = Option<ReleaseReasonId>)]
    reason: Option<ReleaseReason>,
}

/// Give all of a hold back: the work failed or was called off, and costs nothing. Releasing twice
/// is releasing once.
#[utoipa::path(
    post, path = "/holds/{id}/release", tag = "Holds", security(("api_key" = [])),
    params(("id" = String, Path, description = "The hold."), IdempotencyKey),
    request_body = ReleaseRequest,
    responses((status = 200, description = "The hold, released.", body = HoldAnswer), HoldProblems),
)]
pub async fn release_hold(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<ReleaseRequest>,
) -> Result<axum::Json<HoldAnswer>, Problem> {
    let (account, number) = named(&caller, Scope::Spend, &id)?;
    let key = key.of(&id, &("release", &asked));
    let reason = asked.reason.unwrap_or(ReleaseReason::Failed);
    let command = Command::Release { hold: number, reason };
    let outcome = carry_out(&state, &account, key, Ok(command), None).await?;
    // What was given back before may have been so by the clock.
    let end = if outcome.replayed {
        find(&state, &account, number).await?.state
    } else {
        HoldState::Released
    };
    Ok(axum::Json(answer(&account, &outcome, end)))
}

/// How a hold outlasts or outgrows what was thought.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// How long it lasts from now on; not shorter than before. Where nothing is said it keeps its
    /// end, and lasts an hour at least.
    #[schema(minimum = 1, maximum = 86400)]
    ttl_seconds: Option<u32>,
    /// What is set aside on top.
    more: Option<Amount>,
}

/// Let a hold last longer, or set more aside, for work that outgrows it.
#[utoipa::path(
    post, path = "/holds/{id}/extend", tag = "Holds", security(("api_key" = [])),
    params(("id" = String, Path, description = "The hold."), IdempotencyKey),
    request_body = ExtendRequest,
    responses((status = 200, description = "The hold as it is now.", body = HoldAnswer), ExtendProblems),
)]
pub async fn extend_hold(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<ExtendRequest>,
) -> Result<axum::Json<HoldAnswer>, Problem> {
    let (account, number) = named(&caller, Scope::Spend, &id)?;
    let mut key = key.of(&id, &("extend", &asked));
    if caller.ceiling().is_some() {
        let hold = find(&state, &account, number).await?;
        key = caller.in_run(key, Some(&hold.note.reference));
    }
    let is_counted = state.ledger.counts_to_run(&account, number, &key).await?;
    let command = plan_extension(number, &asked, caller.ceiling());
    let command = if is_counted { command } else { Err(other_run()) };
    let outcome = carry_out(&state, &account, key, command, None).await?;
    let hold = find(&state, &account, number).await?;
    Ok(axum::Json(HoldAnswer {
        entry: outcome.seq,
        available: Some(Amount(outcome.available_after)),
        held: Some(Amount(outcome.held_after)),
        replayed: outcome.replayed,
        ..read(&account, &hold)
    }))
}

fn plan_extension(
    hold: i64,
    asked: &ExtendRequest,
    ceiling: Option<Credits>,
) -> Result<Command, Problem> {
    let lasts = asked.ttl_seconds.map(|seconds| hold_time(Some(seconds))).transpose()?;
    let more = asked.more.map_or(Credits::ZERO, |Amount(more)| more);
    Ok(Command::Extend { hold, lasts, more, ceiling })
}

/// A ceiling is for what a run costs in all: what another one has set aside is not in its sum.
fn other_run() -> Problem {
    let detail = "This key has a ceiling, and the hold was made in no run of it. A key with a \
                  ceiling extends the holds of its own runs.";
    Problem::new(StatusCode::FORBIDDEN, "other_run", detail)
}

//! What programs read of an account.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, StatusCode,
        header::{ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    amount::Amount,
    body::{Id, can_be_id},
    caller::Caller,
    describe::{EntryKindId, OperationId, ReadProblems},
    problem::Problem,
};
use crate::{
    credits::{Cursor, EntryKind, HistoryFilter, Operation, Row},
    server::{AppState, identity::Scope, ledger::ReadError},
};

/// What an account has.
#[derive(Serialize, ToSchema)]
pub struct BalanceAnswer {
    /// The account.
    account: String,
    /// What can be spent.
    available: Amount,
    /// What is set aside.
    held: Amount,
    /// Both.
    balance: Amount,
}

/// What an account has now. The entity tag of the answer changes with it.
#[utoipa::path(
    get, path = "/accounts/{id}/balance", tag = "Accounts", security(("api_key" = [])),
    params(("id" = String, Path, description = "The account."), ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (status = 200, description = "The balance.", body = BalanceAnswer, headers(("ETag" = String))),
        (status = 304, description = "It is what it was."),
        ReadProblems,
    ),
)]
pub async fn read_balance(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let account = caller.account(Scope::Read, Some(&id))?;
    let (available, held) = state.ledger.balance(&account).await?;
    let tag = format!("\"{}-{}\"", available.thousandths(), held.thousandths());
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_tag = |it: &str| matches!(it, "*") || it.strip_prefix("W/").unwrap_or(it) == tag;
    let is_known = known.is_some_and(|known| known.split(',').map(str::trim).any(is_tag));
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let answer = BalanceAnswer {
        account: account.0,
        available: Amount(available),
        held: Amount(held),
        balance: Amount(available + held),
    };
    Ok(([(ETAG, tag)], axum::Json(answer)).into_response())
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Only this kind. Held rows, which move no ownership, are shown only when asked for.
    #[param(value_type = Option<EntryKindId>)]
    kind: Option<EntryKind>,
    /// Only this operation.
    #[param(value_type = Option<OperationId>)]
    operation: Option<Operation>,
    /// From this day on, in the account's zone.
    from: Option<NaiveDate>,
    /// Up to and including this day.
    to: Option<NaiveDate>,
    /// Text within description, detail or reference.
    #[param(max_length = 100)]
    text: Option<String>,
    /// Rows older than this one: `next` of the page before.
    #[param(minimum = 1)]
    before: Option<u32>,
}

/// A page of the history, newest first.
#[derive(Serialize, ToSchema)]
pub struct EntriesAnswer {
    /// The rows.
    entries: Vec<EntryAnswer>,
    /// `before` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// One row of the history.
#[derive(Serialize, ToSchema)]
pub struct EntryAnswer {
    /// Its number in the account's history: 1, 2, 3 … without gaps.
    entry: i64,
    /// What happened.
    #[schema(value_type = EntryKindId)]
    kind: EntryKind,
    /// The operation, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OperationId>)]
    operation: Option<Operation>,
    /// What it did to the balance.
    amount: Amount,
    /// What it did to the held credits.
    held_change: Amount,
    /// The balance after it, held credits included.
    balance_after: Amount,
    /// What it was for.
    description: String,
    /// What was priced.
    detail: String,
    /// The program's own reference.
    reference: String,
    /// The version of the rate card that priced it.
    rate_card: String,
    /// When, with the offset of the account's zone.
    at: String,
}

/// The history, newest first, 25 rows a page.
#[utoipa::path(
    get, path = "/accounts/{id}/entries", tag = "Accounts", security(("api_key" = [])),
    params(("id" = String, Path, description = "The account."), EntriesQuery),
    responses((status = 200, description = "A page.", body = EntriesAnswer), super::describe::QueryProblems),
)]
pub async fn list_entries(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    query: Result<Query<EntriesQuery>, QueryRejection>,
) -> Result<axum::Json<EntriesAnswer>, Problem> {
    let account = caller.account(Scope::Read, Some(&id))?;
    let Query(query) = query.map_err(unread)?;
    let text = query.text.unwrap_or_default();
    if text.chars().count() > 100 || !can_be_id(&text) {
        let detail = "A text that is searched for has at most 100 printable characters.";
        return Err(Problem::field("text", detail));
    }
    check_day("from", query.from)?;
    check_day("to", query.to)?;
    let filter = HistoryFilter {
        kind: query.kind,
        operation: query.operation,
        from: query.from,
        to: query.to,
        text,
    };
    let cursor = query.before.map(|before| Cursor::Before(i64::from(before)));
    let page = state.ledger.history(&account, filter, cursor, None).await?;
    let next = page.older.map(|(Cursor::Before(row) | Cursor::After(row))| row);
    let entries = page.rows.into_iter().map(entry).collect();
    Ok(axum::Json(EntriesAnswer { entries, next }))
}

fn entry(row: Row) -> EntryAnswer {
    EntryAnswer {
        entry: row.seq,
        kind: row.kind,
        operation: row.operation,
        amount: Amount(row.amount),
        held_change: Amount(row.held_change),
        balance_after: Amount(row.balance_after),
        description: row.note.description,
        detail: row.note.detail,
        reference: row.note.reference,
        rate_card: row.note.rate_card,
        at: row.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    }
}

/// Which billing cycle.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// A day of the cycle, in the account's zone; the current cycle where nothing is said.
    cycle: Option<NaiveDate>,
}

/// What a billing cycle consumed.
#[derive(Serialize, ToSchema)]
pub struct CycleAnswer {
    /// The first day of the cycle.
    first_day: NaiveDate,
    /// The first day after it.
    end_day: NaiveDate,
    /// The account's time zone, in which days begin.
    zone: String,
    /// All operations together: always the sum of the four.
    consumed: Amount,
    /// What each operation consumed.
    operations: Vec<OperationUsage>,
    /// The days up to today.
    days: Vec<DayAnswer>,
}

/// What one operation consumed.
#[derive(Serialize, ToSchema)]
pub struct OperationUsage {
    /// The operation.
    #[schema(value_type = OperationId)]
    operation: Operation,
    /// Credits.
    consumed: Amount,
}

/// What one day consumed.
#[derive(Serialize, ToSchema)]
pub struct DayAnswer {
    /// The day.
    day: NaiveDate,
    /// What each operation consumed.
    operations: Vec<OperationUsage>,
}

/// What a billing cycle consumed, by day and operation.
#[utoipa::path(
    get, path = "/accounts/{id}/usage", tag = "Accounts", security(("api_key" = [])),
    params(("id" = String, Path, description = "The account."), UsageQuery),
    responses((status = 200, description = "The usage.", body = CycleAnswer), super::describe::QueryProblems),
)]
pub async fn read_usage(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<axum::Json<CycleAnswer>, Problem> {
    let account = caller.account(Scope::Read, Some(&id))?;
    let Query(query) = query.map_err(unread)?;
    check_day("cycle", query.cycle)?;
    let overview = state.ledger.overview(&account, query.cycle).await?;
    let usage = overview.usage;
    let of = |operation, consumed| OperationUsage { operation, consumed: Amount(consumed) };
    let days = usage.days.iter().map(|day| DayAnswer {
        day: day.day,
        operations: Operation::ALL
            .into_iter()
            .zip(day.credits)
            .map(|(it, sum)| of(it, sum))
            .collect(),
    });
    Ok(axum::Json(CycleAnswer {
        first_day: usage.cycle.first,
        end_day: usage.cycle.end,
        zone: overview.zone,
        consumed: Amount(usage.total()),
        operations: Operation::ALL.map(|it| of(it, usage.by_operation(it))).into(),
        days: days.collect(),
    }))
}

/// A day that a calendar of four digits has; the cycles around any other can't be told.
fn check_day(field: &str, day: Option<NaiveDate>) -> Result<(), Problem> {
    match day {
        Some(day) if !(1..=9999).contains(&day.year()) => {
            Err(Problem::field(field, "A day is in the years 1 to 9999."))
        }
        _ => Ok(()),
    }
}

fn unread(rejection: QueryRejection) -> Problem {
    let detail = rejection.body_text();
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::UnknownAccount => Self::not_found("account"),
            ReadError::Unavailable => Self::unavailable(),
        }
    }
}

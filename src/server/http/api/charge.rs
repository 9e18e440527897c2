//! What a request costs, and the command that it becomes.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use super::{
    amount::Amount,
    body::can_be_id,
    caller::Caller,
    problem::{Problem, SPEND_CAP},
};
use crate::{
    credits::{AccountId, Catalogue, Command, Credits, Note, Operation, Priced, Quantities, Quote},
    server::{
        AppState,
        ledger::{LedgerError, Outcome, RequestKey},
    },
};

/// The longest text that a row takes from a program.
const LONGEST_TEXT: usize = 200;

/// How a program says what something costs: by a quote, by quantities, or by an amount; and what
/// the row says in its own words.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub operation: Option<Operation>,
    pub quote: Option<&'a str>,
    pub quantities: Option<&'a Quantities>,
    pub amount: Option<Amount>,
    pub description: Option<&'a str>,
    pub detail: Option<&'a str>,
    pub reference: Option<&'a str>,
}

/// What is asked for, priced.
pub struct Planned {
    pub operation: Operation,
    pub amount: Credits,
    pub note: Note,
}

/// What it costs, and on what grounds.
struct Cost {
    operation: Operation,
    amount: Credits,
    /// What was priced, as a row says it.
    detail: String,
    /// The version of the rate card; empty where the program named the amount.
    rate_card: String,
}

impl Asked<'_> {
    /// Prices it, within the ceiling of the program.
    pub async fn plan(
        &self,
        state: &AppState,
        caller: &Caller,
        account: &AccountId,
    ) -> Result<Planned, Problem> {
        let Cost { operation, amount, detail, rate_card } = self.cost(state, account).await?;
        caller.check_ceiling(amount)?;
        let note = Note {
            description: text("description", self.description, operation.name())?,
            detail: text("detail", self.detail, &detail)?,
            reference: text("reference", self.reference, "")?,
            rate_card,
        };
        Ok(Planned { operation, amount, note })
    }

    /// The cost. A quote is a ceiling: what the work came to is charged up to it, at the prices
    /// that it was made with.
    async fn cost(&self, state: &AppState, account: &AccountId) -> Result<Cost, Problem> {
        if let Some(id) = self.quote {
            return self.quoted(state, account, id).await;
        }
        let operation = self.operation.ok_or_else(|| {
            Problem::field("operation", "Name the operation, or a quote that does.")
        })?;
        match (self.quantities, self.amount) {
            (Some(quantities), None) => {
                let catalogue = state.catalogues.current();
                let Priced { cost, detail } = catalogue.rate_card.price(operation, quantities)?;
                let rate_card = catalogue.version.clone();
                Ok(Cost { operation, amount: cost, detail, rate_card })
            }
            (None, Some(Amount(amount))) => {
                let (detail, rate_card) = (String::new(), String::new());
                Ok(Cost { operation, amount, detail, rate_card })
            }
            _ => Err(Problem::field(
                "amount",
                "Say what it costs by exactly one of quote, quantities or amount.",
            )),
        }
    }

    async fn quoted(
        &self,
        state: &AppState,
        account: &AccountId,
        id: &str,
    ) -> Result<Cost, Problem> {
        let quote = find_quote(state, account, id).await?;
        if self.operation.is_some_and(|operation| operation != quote.operation) {
            let detail = format!("The quote is for {}.", quote.operation);
            return Err(Problem::field("operation", detail));
        }
        if !quote.is_valid(state.clock.now()) {
            let detail = "The quote has expired. Make another one.";
            let problem = Problem::new(StatusCode::CONFLICT, "quote_expired", detail);
            return Err(problem.with(|facts| facts.quote_id = Some(quote.id)));
        }
        let actual = match (self.quantities, self.amount) {
            (None, None) => Priced { cost: quote.cost, detail: quote.detail.clone() },
            (Some(quantities), None) => {
                let catalogue = catalogue(state, &quote.rate_card).await?;
                catalogue.rate_card.price(quote.operation, quantities)?
            }
            (None, Some(Amount(cost))) => Priced { cost, detail: quote.detail.clone() },
            (Some(_), Some(_)) => {
                let detail = "Say what it came to by quantities or by an amount, not by both.";
                return Err(Problem::field("amount", detail));
            }
        };
        Ok(Cost {
            operation: quote.operation,
            amount: quote.charge(actual.cost),
            detail: actual.detail,
            rate_card: quote.rate_card,
        })
    }
}

/// A text of a program for a row.
pub fn text(field: &str, value: Option<&str>, default: &str) -> Result<String, Problem> {
    let value = value.unwrap_or(default);
    if value.chars().count() > LONGEST_TEXT || value.chars().any(char::is_control) {
        let detail = format!("{field} must have at most {LONGEST_TEXT} printable characters.");
        return Err(Problem::field(field, detail));
    }
    Ok(value.to_owned())
}

/// The account's quote with this id.
async fn find_quote(state: &AppState, account: &AccountId, id: &str) -> Result<Quote, Problem> {
    if !can_be_id(id) {
        return Err(Problem::not_found("quote"));
    }
    let found = state.quotes.find(account, id).await.map_err(|error| {
        tracing::error!(%error, "a quote could not be read");
        Problem::unavailable()
    })?;
    found.ok_or_else(|| Problem::not_found("quote"))
}

/// The catalogue of a version, which stays whatever was published later.
pub async fn catalogue(state: &AppState, version: &str) -> Result<Arc<Catalogue>, Problem> {
    let catalogue = state.catalogues.find(version).await.map_err(|error| {
        tracing::error!(%error, "a catalogue could not be read");
        Problem::unavailable()
    })?;
    catalogue.ok_or_else(|| {
        tracing::error!(version, "a row names a catalogue that is not published");
        Problem::unavailable()
    })
}

/// Carries out what was planned. Where it can't be planned any more, because a quote has expired
/// or a limit has changed since, a known request still has its first outcome.
pub async fn carry_out(
    state: &AppState,
    account: &AccountId,
    key: RequestKey,
    planned: Result<Command, Problem>,
    quote: Option<&str>,
) -> Result<Outcome, Problem> {
    match planned {
        Ok(command) => match state.ledger.execute_request(account, key, command).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(refused(state, account, error, quote).await),
        },
        Err(problem) => state.ledger.known(account, &key).await?.ok_or(problem),
    }
}

/// Says also which quote was asked for, and what a person can do: buy what is missing, or change
/// the cap, below which nothing that is bought could be spent.
async fn refused(
    state: &AppState,
    account: &AccountId,
    error: LedgerError,
    quote: Option<&str>,
) -> Problem {
    let problem = Problem::from(error);
    if problem.status() != StatusCode::PAYMENT_REQUIRED.as_u16() {
        return problem;
    }
    let problem = problem.with(|facts| facts.quote_id = quote.map(str::to_owned));
    if problem.code() != SPEND_CAP {
        return problem.with(|facts| facts.top_up_url = Some(top_up_url(state)));
    }
    // Where it can't be read the refusal stands all the same.
    let resets_at = state.ledger.cycle_end(account).await.ok().map(instant);
    problem.with(|facts| {
        facts.caps_url = Some(format!("{}/settings/spend-caps", state.config.public_origin()));
        facts.resets_at = resets_at;
    })
}

/// Where a person buys credits.
pub fn top_up_url(state: &AppState) -> String {
    format!("{}/settings/credits#buy", state.config.public_origin())
}

/// An instant as programs read it: RFC 3339, UTC, milliseconds.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

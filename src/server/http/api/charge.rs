//! What a request costs, and the command that it becomes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{amount::Amount, body::can_be_id, problem::Problem};
use crate::{
    credits::{AccountId, Command, Credits, Note, Operation, Priced, Quantities, Quote, RateCard},
    server::{
        AppState,
        ledger::{LedgerError, Outcome, RequestKey},
    },
};
use axum::http::StatusCode;

/// The longest text that a row takes from a program.
const LONGEST_TEXT: usize = 200;

/// How a program says what something costs: by a quote, by quantities, or by an amount.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub operation: Option<Operation>,
    pub quote: Option<&'a str>,
    pub quantities: Option<&'a Quantities>,
    pub amount: Option<Amount>,
}

/// What it costs, and on what grounds.
pub struct Cost {
    pub operation: Operation,
    pub amount: Credits,
    /// What was priced, as a row says it.
    pub detail: String,
    /// The version of the rate card; empty where the program named the amount.
    pub rate_card: String,
}

/// What the row says in the program's own words.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Words<'a> {
    pub description: Option<&'a str>,
    pub detail: Option<&'a str>,
    pub reference: Option<&'a str>,
}

impl Asked<'_> {
    /// The cost. A quote is a ceiling: what the work came to is charged up to it, at the prices
    /// that it was made with.
    pub async fn cost(&self, state: &AppState, account: &AccountId) -> Result<Cost, Problem> {
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
                rate_card(state, &quote.rate_card).await?.price(quote.operation, quantities)?
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

impl Cost {
    /// What the row says.
    pub fn note(&self, words: &Words<'_>) -> Result<Note, Problem> {
        Ok(Note {
            description: text("description", words.description, self.operation.name())?,
            detail: text("detail", words.detail, &self.detail)?,
            reference: text("reference", words.reference, "")?,
            rate_card: self.rate_card.clone(),
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
pub async fn find_quote(state: &AppState, account: &AccountId, id: &str) -> Result<Quote, Problem> {
    if !can_be_id(id) {
        return Err(Problem::not_found("quote"));
    }
    let found = state.quotes.find(account, id).await.map_err(|error| {
        tracing::error!(%error, "a quote could not be read");
        Problem::unavailable()
    })?;
    found.ok_or_else(|| Problem::not_found("quote"))
}

/// The rate card of a version, which stays whatever was published later.
pub async fn rate_card(state: &AppState, version: &str) -> Result<RateCard, Problem> {
    let catalogue = state.catalogues.find(version).await.map_err(|error| {
        tracing::error!(%error, "a catalogue could not be read");
        Problem::unavailable()
    })?;
    let catalogue = catalogue.ok_or_else(|| {
        tracing::error!(version, "a row names a catalogue that is not published");
        Problem::unavailable()
    })?;
    Ok(catalogue.rate_card.clone())
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
        Ok(command) => {
            let outcome = state.ledger.execute_request(account, key, command).await;
            outcome.map_err(|error| refused(state, error, quote))
        }
        Err(problem) => state.ledger.known(account, &key).await?.ok_or(problem),
    }
}

/// Says also which quote was asked for, and where a person buys what is missing.
fn refused(state: &AppState, error: LedgerError, quote: Option<&str>) -> Problem {
    let problem = Problem::from(error);
    if problem.status() != StatusCode::PAYMENT_REQUIRED.as_u16() {
        return problem;
    }
    problem.with(|facts| {
        facts.quote_id = quote.map(str::to_owned);
        facts.top_up_url = Some(top_up_url(state));
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

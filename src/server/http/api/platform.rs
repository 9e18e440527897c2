//! What the platform's own services do for its users: bring them along, let them in, give credits.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    amount::Amount,
    body::{Id, IdempotencyKey, Json},
    caller::Caller,
    charge::{carry_out, instant, text},
    describe::AccountProblems,
    problem::Problem,
};
use crate::{
    credits::{AccountId, Command, Note, Source, Validity},
    server::{
        AppState,
        identity::{
            self, Bring, BringError, Scope,
            sign_in_links::{self, SignInLinkError},
        },
    },
};

/// Somebody whom the platform knows.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// The platform's own id for them.
    #[schema(min_length = 1, max_length = 200)]
    external_id: String,
    /// Their e-mail address.
    #[schema(max_length = 254)]
    email: String,
    /// Their name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Their time zone, by its IANA name; UTC where nothing is said.
    zone: Option<String>,
}

/// Their account.
#[derive(Serialize, ToSchema)]
pub struct AccountAnswer {
    /// The account.
    account: String,
    /// The platform's own id for them.
    external_id: String,
    /// Whether this request opened it.
    opened: bool,
    /// Whether the same key asked before: then nothing happened now.
    replayed: bool,
}

/// Open an account for a user of the platform, or bring their e-mail address and name up to date.
#[utoipa::path(
    post, path = "/accounts", tag = "Platform", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = AccountRequest,
    responses(
        (status = 201, description = "Opened.", body = AccountAnswer),
        (status = 200, description = "It was there.", body = AccountAnswer),
        super::describe::PlatformProblems,
    ),
)]
pub async fn open_account(
    State(state): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(asked): Json<AccountRequest>,
) -> Result<(StatusCode, axum::Json<AccountAnswer>), Problem> {
    caller.service(Scope::Spend)?;
    let request = key.kept("accounts", &asked);
    let bring = Bring {
        external_id: asked.external_id.clone(),
        email: asked.email,
        name: asked.name,
        zone: asked.zone.unwrap_or_else(|| "UTC".to_owned()),
    };
    let brought = identity::bring(&state.database, &bring, Some(&request), state.clock.now()).await;
    let brought = brought.map_err(|error| match error {
        BringError::Field { field, message } => Problem::field(field, message),
        BringError::EmailTaken(_) => {
            let detail = "This e-mail address belongs to another account.";
            Problem::new(StatusCode::CONFLICT, "email_taken", detail)
        }
        BringError::KeyReused => Problem::key_reused(),
        BringError::Database(error) => {
            tracing::error!(%error, "an account could not be opened");
            Problem::unavailable()
        }
    })?;
    let status = if brought.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = AccountAnswer {
        account: brought.account.0,
        external_id: asked.external_id,
        opened: brought.is_new,
        replayed: brought.replayed,
    };
    Ok((status, axum::Json(answer)))
}

/// Nothing has to be said.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {}

/// A way in without a password.
#[derive(Serialize, ToSchema)]
pub struct LinkAnswer {
    /// Send the user's browser here.
    url: String,
    /// Until when it works; it works once.
    expires_at: String,
}

/// Make a link that signs the owner of an account in: one use, 60 seconds. It leads on to a path
/// of this site that is added as its parameter next.
#[utoipa::path(
    post, path = "/accounts/{id}/sign-in-links", tag = "Platform", security(("api_key" = [])),
    params(("id" = String, Path, description = "The account."), ("Idempotency-Key" = String, Header, description = "Your own key. A repeated request makes another link: the first one is not kept.", min_length = 1, max_length = 200)),
    request_body = LinkRequest,
    responses((status = 201, description = "The link.", body = LinkAnswer), AccountProblems),
)]
pub async fn make_sign_in_link(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<LinkRequest>,
) -> Result<(StatusCode, axum::Json<LinkAnswer>), Problem> {
    caller.service(Scope::Spend)?;
    let request = key.kept(&format!("accounts/{id}/sign-in-links"), &asked);
    let (account, now) = (AccountId(id), state.clock.now());
    let made = sign_in_links::make(&state.database, &account, Some(&request), now).await;
    let link = made.map_err(|error| match error {
        SignInLinkError::KeyReused => Problem::key_reused(),
        error => {
            tracing::error!(%error, "a sign-in link could not be made");
            Problem::unavailable()
        }
    })?;
    let link = link.ok_or_else(|| Problem::not_found("account"))?;
    let answer = LinkAnswer {
        url: format!("{}{}", state.config.public_origin(), link.path.reveal()),
        expires_at: instant(link.expires_at),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Credits to give away.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// How many.
    amount: Amount,
    /// The first instant at which they can't be spent any more; a year from now where nothing is
    /// said.
    expires_at: Option<DateTime<Utc>>,
    /// What the row says: "Autumn research credits".
    #[schema(min_length = 1, max_length = 200)]
    description: String,
    /// Your own reference: a campaign.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// Credits that were given.
#[derive(Serialize, ToSchema)]
pub struct GrantAnswer {
    /// The account.
    account: String,
    /// The number of its row in the account's history; it names the lot.
    entry: i64,
    /// What was given.
    granted: Amount,
    /// What can be spent after it.
    available: Amount,
    /// When.
    at: String,
    /// Whether the same key gave before: then nothing happened now.
    replayed: bool,
}

/// Give credits to promote the platform.
#[utoipa::path(
    post, path = "/accounts/{id}/grants", tag = "Platform", security(("api_key" = [])),
    params(("id" = String, Path, description = "The account."), IdempotencyKey),
    request_body = GrantRequest,
    responses((status = 201, description = "Given.", body = GrantAnswer), AccountProblems),
)]
pub async fn grant_credits(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    key: IdempotencyKey,
    Json(asked): Json<GrantRequest>,
) -> Result<(StatusCode, axum::Json<GrantAnswer>), Problem> {
    caller.service(Scope::Grant)?;
    let account = AccountId(id);
    let key = key.of("grants", &asked);
    let outcome = carry_out(&state, &account, key, plan(&asked), None).await?;
    let answer = GrantAnswer {
        account: account.0,
        entry: outcome.seq,
        granted: Amount(outcome.amount()),
        available: Amount(outcome.available_after),
        at: instant(outcome.at),
        replayed: outcome.replayed,
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

fn plan(asked: &GrantRequest) -> Result<Command, Problem> {
    let note = Note {
        description: text("description", Some(&asked.description), "")?,
        reference: text("reference", asked.reference.as_deref(), "")?,
        ..Note::default()
    };
    if note.description.trim().is_empty() {
        return Err(Problem::field("description", "Say what the credits are given for."));
    }
    Ok(Command::Grant {
        source: Source::Promotion,
        amount: asked.amount.0,
        validity: asked.expires_at.map_or(Validity::OneYear, Validity::Until),
        purchase: None,
        note,
    })
}

//! The forms of the page of API keys.
//!
//! The answer to the form that makes a key is the page itself: the secret is in no address, no
//! session and no table, so it is on no page but this one.

use axum::{
    Extension, Form, Router,
    extract::{Path, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;

use super::page_answer::{answer_with_page, entered_amount};
use crate::{
    pages::api_keys::{FormOutcome, FormProblem, KeyForm, NewKey},
    server::identity::{
        ApiKeys, Customer, Scope,
        api_keys::{MakeKeyError, NewApiKey},
    },
};

/// What the forms need: the keys, and the page that answers.
#[derive(Clone, Debug)]
struct Forms {
    keys: ApiKeys,
    pages: Router,
}

/// The posts of the page of API keys, for signed-in customers.
pub fn routes<S>(keys: ApiKeys, pages: Router) -> Router<S> {
    Router::new()
        .route("/settings/api-keys", post(make))
        .route("/settings/api-keys/{id}/revoke", post(revoke))
        .with_state(Forms { keys, pages })
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    name: String,
    read: String,
    spend: String,
    ceiling: String,
    intent: String,
}

async fn make(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
    parts: Parts,
    Form(wish): Form<Wish>,
) -> Response {
    let (outcome, status) = match wish.make(&forms.keys, customer).await {
        Ok(key) => (FormOutcome::Made(key), StatusCode::OK),
        Err(problems) => {
            let status = status_of(&problems);
            (FormOutcome::Refused(wish.again(problems)), status)
        }
    };
    answer_with_page(forms.pages, parts, status, outcome).await
}

async fn revoke(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
    Path(id): Path<String>,
) -> Response {
    match forms.keys.revoke(&customer.account, &id).await {
        // The id is one of ours: it needs no encoding.
        Ok(true) => Redirect::to(&format!("/settings/api-keys?revoked={id}")).into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a key could not be revoked");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

fn status_of(problems: &[FormProblem]) -> StatusCode {
    match problems {
        [FormProblem::Unavailable] => StatusCode::SERVICE_UNAVAILABLE,
        [FormProblem::TooMany | FormProblem::SentBefore] => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl Wish {
    async fn make(&self, keys: &ApiKeys, customer: Customer) -> Result<NewKey, Vec<FormProblem>> {
        let scopes = [(&self.read, Scope::Read), (&self.spend, Scope::Spend)];
        let ticked = scopes.into_iter().filter(|(value, _)| !value.is_empty());
        let ceiling = entered_amount(&self.ceiling);
        let is_amount = ceiling.is_ok();
        let new = NewApiKey {
            name: self.name.clone(),
            account: Some(customer.account),
            scopes: ticked.map(|(_, scope)| scope).collect(),
            ceiling: ceiling.unwrap_or_default(),
            intent: self.intent.parse().ok(),
        };
        let mut problems: Vec<_> = new.problems().iter().map(problem).collect();
        if !is_amount {
            problems.push(FormProblem::Ceiling);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        match keys.make(new).await {
            Ok(made) => {
                let text = made.text.reveal().to_owned();
                Ok(NewKey { name: made.key.name, text })
            }
            Err(error) => Err(vec![problem(&error)]),
        }
    }

    /// The form with what was entered.
    fn again(self, problems: Vec<FormProblem>) -> KeyForm {
        KeyForm {
            name: self.name,
            read: !self.read.is_empty(),
            spend: !self.spend.is_empty(),
            ceiling: self.ceiling,
            intent: self.intent,
            problems,
        }
    }
}

fn problem(error: &MakeKeyError) -> FormProblem {
    match error {
        MakeKeyError::Name => FormProblem::Name,
        MakeKeyError::NoScope | MakeKeyError::Grant => FormProblem::NoScope,
        MakeKeyError::Ceiling => FormProblem::Ceiling,
        MakeKeyError::TooMany => FormProblem::TooMany,
        MakeKeyError::Made(_) => FormProblem::SentBefore,
        MakeKeyError::NoRandomness(_) | MakeKeyError::Database(_) => {
            tracing::error!(%error, "a key could not be made");
            FormProblem::Unavailable
        }
    }
}

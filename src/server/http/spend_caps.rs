//! The form of the spend caps.

use axum::{
    Extension, Form, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;

use super::page_answer::answer_with_page;
use crate::{
    credits::{Caps, Credits},
    pages::spend_caps::EnteredCaps,
    server::{identity::Customer, ledger::Ledger},
};

#[derive(Clone, Debug)]
struct Forms {
    ledger: Ledger,
    pages: Router,
}

/// The post of the page of spend caps, for signed-in customers.
pub fn routes<S>(ledger: Ledger, pages: Router) -> Router<S> {
    Router::new().route("/settings/spend-caps", post(save)).with_state(Forms { ledger, pages })
}

/// What the form sends: amounts, or nothing where there is no cap.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entered {
    all: String,
    inference: String,
    strategy: String,
    backtest: String,
    analysis: String,
}

async fn save(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
    parts: Parts,
    Form(entered): Form<Entered>,
) -> Response {
    let Entered { all, inference, strategy, backtest, analysis } = entered;
    let texts = [all, inference, strategy, backtest, analysis];
    let caps = texts.each_ref().map(|text| cap(text));
    let fields = texts.map(|text| text.chars().take(24).collect::<String>());
    let mut again = EnteredCaps { is_away: false, ..EnteredCaps::default() };
    for (field, (text, cap)) in again.fields.iter_mut().zip(fields.into_iter().zip(&caps)) {
        *field = (text, cap.is_err());
    }
    let [Ok(all), Ok(inference), Ok(strategy), Ok(backtest), Ok(analysis)] = caps else {
        let mut response = answer_with_page(forms.pages, parts, again).await;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return response;
    };
    let caps = Caps { all, by_operation: [inference, strategy, backtest, analysis] };
    if forms.ledger.set_caps(&customer.account, caps).await.is_err() {
        let again = EnteredCaps { is_away: true, ..again };
        let mut response = answer_with_page(forms.pages, parts, again).await;
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    }
    Redirect::to("/settings/spend-caps?saved=1").into_response()
}

/// None where the field is empty; separators of thousands are understood.
fn cap(text: &str) -> Result<Option<Credits>, ()> {
    let text = text.trim().replace([',', ' '], "");
    if text.is_empty() {
        return Ok(None);
    }
    let cap: Credits = text.parse().map_err(|_| ())?;
    if cap < Credits::ZERO { Err(()) } else { Ok(Some(cap)) }
}

//! The form of the spend caps.

use axum::{
    Extension, Form, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;

use super::page_answer::{answer_with_page, entered_amount};
use crate::{
    credits::Caps,
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
    let caps = texts.each_ref().map(|text| entered_amount(text));
    let fields = texts.map(|text| text.chars().take(24).collect::<String>());
    let mut again = EnteredCaps::default();
    for (field, (text, cap)) in again.fields.iter_mut().zip(fields.into_iter().zip(&caps)) {
        *field = (text, cap.is_err());
    }
    let [Ok(all), Ok(inference), Ok(strategy), Ok(backtest), Ok(analysis)] = caps else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer_with_page(forms.pages, parts, status, again).await;
    };
    let caps = Caps { all, by_operation: [inference, strategy, backtest, analysis] };
    if forms.ledger.set_caps(&customer.account, caps).await.is_err() {
        let again = EnteredCaps { is_away: true, ..again };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return answer_with_page(forms.pages, parts, status, again).await;
    }
    Redirect::to("/settings/spend-caps?saved=1").into_response()
}

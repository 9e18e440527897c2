//! The form of the billing cycle.

use axum::{
    Extension, Form, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use chrono_tz::Tz;
use serde::Deserialize;

use super::page_answer::answer_with_page;
use crate::{
    pages::billing_cycle::EnteredCycle,
    server::{identity::Customer, ledger::Ledger},
};

/// No day and no zone is longer.
const LONGEST_TEXT: usize = 64;

#[derive(Clone, Debug)]
struct Forms {
    ledger: Ledger,
    pages: Router,
}

/// The post of the page of the billing cycle, for signed-in customers.
pub fn routes<S>(ledger: Ledger, pages: Router) -> Router<S> {
    Router::new().route("/settings/billing-cycle", post(save)).with_state(Forms { ledger, pages })
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entered {
    day: String,
    zone: String,
}

async fn save(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
    parts: Parts,
    Form(entered): Form<Entered>,
) -> Response {
    let day = entered.day.trim().parse().ok().filter(|day| (1..=31).contains(day));
    let zone = entered.zone.trim().parse::<Tz>().ok();
    let again = EnteredCycle {
        day: entered.day.chars().take(LONGEST_TEXT).collect(),
        is_no_day: day.is_none(),
        zone: entered.zone.chars().take(LONGEST_TEXT).collect(),
        is_no_zone: zone.is_none(),
        is_away: false,
    };
    let (Some(day), Some(zone)) = (day, zone) else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer_with_page(forms.pages, parts, status, again).await;
    };
    if forms.ledger.set_billing_cycle(&customer.account, day, zone).await.is_err() {
        let again = EnteredCycle { is_away: true, ..again };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return answer_with_page(forms.pages, parts, status, again).await;
    }
    Redirect::to("/settings/billing-cycle?saved=1").into_response()
}

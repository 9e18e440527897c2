//! The forms of auto-recharge: plain posts that end in a redirect, or in the page with what is
//! wrong at its field.

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
    credits::RechargeForm,
    pages::auto_recharge::{EnteredRecharge, PATH, Said},
    server::{
        identity::Customer,
        payments::{Away, Buyer, Payments, RechargeAgreed, TurnOnError},
    },
};

#[derive(Clone, Debug)]
struct Forms {
    payments: Payments,
    pages: Router,
}

/// The posts of the page of auto-recharge, for signed-in customers.
pub fn routes<S>(payments: Payments, pages: Router) -> Router<S> {
    let to = |part: &str| format!("{PATH}/{part}");
    Router::new()
        .route(PATH, post(turn_on))
        .route(&to("off"), post(turn_off))
        .route(&to("resume"), post(resume))
        .route(&to("card"), post(save_card))
        .route(&to("card/remove"), post(remove_card))
        .with_state(Forms { payments, pages })
}

/// What the page of the words sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    threshold: String,
    package: String,
    amount: String,
    target: String,
    monthly_cap: String,
    per_day: String,
    cooldown: String,
    prices: String,
    card: String,
    consent: String,
}

async fn turn_on(
    State(Forms { payments, pages }): State<Forms>,
    Extension(customer): Extension<Customer>,
    parts: Parts,
    Form(wish): Form<Wish>,
) -> Response {
    let Wish { threshold, package, amount, target, monthly_cap, per_day, cooldown, .. } = wish;
    let form =
        RechargeForm { threshold, package, amount, target, monthly_cap, per_day, cooldown }.cut();
    let consent = wish.consent == "agreed";
    let agreed = RechargeAgreed { prices: wish.prices, card: wish.card, consent };
    let (said, status) = match payments.turn_recharge_on(&customer.account, &form, &agreed).await {
        Ok(()) => return said(Said::On),
        Err(TurnOnError::Fields(_)) => (None, StatusCode::UNPROCESSABLE_ENTITY),
        Err(TurnOnError::Consent) => (Some(Said::NoConsent), StatusCode::UNPROCESSABLE_ENTITY),
        Err(TurnOnError::Changed | TurnOnError::NoCard) => {
            (Some(Said::Changed), StatusCode::CONFLICT)
        }
        Err(TurnOnError::Away(_)) => (Some(Said::Away), StatusCode::SERVICE_UNAVAILABLE),
    };
    answer_with_page(pages, parts, status, EnteredRecharge { form, said }).await
}

async fn turn_off(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
) -> Response {
    done(forms.payments.turn_recharge_off(&customer.account).await.map(|()| Said::Off))
}

async fn resume(State(forms): State<Forms>, Extension(customer): Extension<Customer>) -> Response {
    let resumed = forms.payments.resume_recharge(&customer.account).await;
    done(resumed.map(|goes_on| if goes_on { Said::Resumed } else { Said::NotResumed }))
}

async fn save_card(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
) -> Response {
    let Customer { user, account, email, .. } = customer;
    match forms.payments.save_card(&Buyer { user, account, email }).await {
        Ok(page) => Redirect::to(&page).into_response(),
        Err(away) => done(Err(away)),
    }
}

async fn remove_card(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
) -> Response {
    done(forms.payments.remove_card(&customer.account).await.map(|()| Said::CardRemoved))
}

fn done(outcome: Result<Said, Away>) -> Response {
    match outcome {
        Ok(done) => said(done),
        Err(Away::Database) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(Away::Stripe | Away::Off) => said(Said::Unreachable),
    }
}

fn said(said: Said) -> Response {
    Redirect::to(&said.address()).into_response()
}

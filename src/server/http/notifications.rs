//! The form of the notifications.

use std::collections::{BTreeMap, HashMap};

use axum::{
    Extension, Form, Router,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};

use super::page_answer::{answer_with_page, entered_amount};
use crate::{
    credits::{Credits, Topic, Ways},
    pages::notifications::{Entered, Problem, TopicLine, Warning},
    server::{
        AppState,
        identity::Customer,
        notices::{LowBalance, MOST_DAYS, Preferences, USUAL_DAYS},
    },
};

/// The amounts that can be warned of, in thousandths.
const LEAST: Credits = Credits::from_thousandths(1_000);
const MOST: Credits = Credits::from_thousandths(100_000_000_000);
/// What a field holds at most.
const LONGEST: usize = 24;

#[derive(Clone, Debug)]
struct Forms {
    state: AppState,
    pages: Router,
}

/// The post of the page of notifications, for signed-in customers.
pub fn routes<S>(state: AppState, pages: Router) -> Router<S> {
    Router::new().route("/settings/notifications", post(save)).with_state(Forms { state, pages })
}

async fn save(
    State(forms): State<Forms>,
    Extension(customer): Extension<Customer>,
    parts: Parts,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let entered = read(&fields);
    let low_balance = match low_balance(&entered) {
        Ok(low_balance) => low_balance,
        Err(problem) => {
            let again = Entered { problem: Some(problem), ..entered };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return answer_with_page(forms.pages, parts, status, again).await;
        }
    };
    let ways: BTreeMap<_, _> = entered.topics.iter().map(|line| (line.topic, line.ways)).collect();
    let (notices, now) = (&forms.state.notices, forms.state.clock.now());
    if notices.prefer(&customer.account, &ways, low_balance, now).await.is_err() {
        let again = Entered { problem: Some(Problem::Away), ..entered };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return answer_with_page(forms.pages, parts, status, again).await;
    }
    Redirect::to("/settings/notifications?saved=1").into_response()
}

/// The form as it was entered; a box that is not ticked is not sent.
fn read(fields: &HashMap<String, String>) -> Entered {
    let text = |name: &str| -> String {
        fields.get(name).map(|text| text.chars().take(LONGEST).collect()).unwrap_or_default()
    };
    let chosen = text("warning");
    let line = |topic: Topic| {
        let ways = Ways {
            inbox: fields.contains_key(&format!("inbox-{}", topic.id())),
            mail: fields.contains_key(&format!("mail-{}", topic.id())),
        };
        TopicLine { topic, ways: if topic.is_optional() { ways } else { topic.usual() } }
    };
    Entered {
        warning: Warning::ALL.into_iter().find(|it| it.id() == chosen).unwrap_or(Warning::Days),
        days: text("days"),
        amount: text("amount"),
        topics: Topic::ALL.map(line).into(),
        problem: None,
    }
}

/// What was entered of the low balance; which field is wrong where it can't be meant.
fn low_balance(entered: &Entered) -> Result<LowBalance, Problem> {
    match entered.warning {
        Warning::Never => Ok(LowBalance::Never),
        Warning::Days => {
            let days = entered.days.trim().parse().ok();
            let days = days.filter(|days| (1..=MOST_DAYS).contains(days));
            days.map(LowBalance::Days).ok_or(Problem::Days)
        }
        Warning::Amount => {
            let amount = entered_amount(&entered.amount).ok().flatten();
            let amount = amount.filter(|amount| (LEAST..=MOST).contains(amount));
            amount.map(LowBalance::Below).ok_or(Problem::Amount)
        }
    }
}

/// The form of what a customer chose.
#[must_use]
pub fn shown(chosen: &Preferences) -> Entered {
    let usual = || USUAL_DAYS.to_string();
    let (warning, days, amount) = match chosen.low_balance {
        LowBalance::Days(days) => (Warning::Days, days.to_string(), String::new()),
        LowBalance::Below(amount) => (Warning::Amount, usual(), amount.plain()),
        LowBalance::Never => (Warning::Never, usual(), String::new()),
    };
    let line = |(topic, ways): (&Topic, &Ways)| TopicLine { topic: *topic, ways: *ways };
    let topics = chosen.ways.iter().map(line).collect();
    Entered { warning, days, amount, topics, problem: None }
}

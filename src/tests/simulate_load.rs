//! The simulated platform, against a server that is really served: whatever happens on the way,
//! the books are as they were told, and where they are not, it says so.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, StatusCode, header::RETRY_AFTER},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use futures::stream;
use http_body_util::BodyExt;
use recharge::{
    credits::{AccountId, Command, Credits, Note, Operation, Source, Validity},
    server::{
        identity::{Scope, api_keys::NewApiKey},
        router::router,
        secret::Secret,
        simulate_load::{Load, LoadError, simulate},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{app::TestApp, databases::on_both_databases, payments_shop::serve};

on_both_databases!(
    what_was_spent_is_what_the_books_say,
    what_is_cut_off_or_told_to_wait_happens_once,
    what_others_spend_meanwhile_is_not_taken_for_ours,
    books_that_are_not_as_told_are_found,
    who_cannot_pay_is_told_where_to_top_up,
    what_should_not_happen_ends_the_load,
);

const WHOLE: i64 = 1_000_000;

/// Requests after which a run is asked to stop.
const ENOUGH: u32 = 300;

async fn funded(app: &TestApp, whole: i64) -> AccountId {
    let account = app.customer().await.account.unwrap();
    if whole > 0 {
        let command = Command::Grant {
            source: Source::Promotion,
            amount: Credits::try_from_whole(whole).unwrap(),
            validity: Validity::OneYear,
            purchase: None,
            note: Note::default(),
        };
        app.state.ledger.execute(&account, "grant", command).await.unwrap();
    }
    account
}

/// Spends as fast as it is answered, with the key of a service.
async fn load(app: &TestApp, accounts: &[&AccountId]) -> Load {
    let scopes = [Scope::Read, Scope::Spend].into_iter().collect();
    let name = "Load".to_owned();
    let new = NewApiKey { name, account: None, scopes, ceiling: None, intent: None };
    let key = app.state.api_keys.make(new).await.unwrap().text;
    Load {
        url: String::new(),
        key,
        account: accounts.iter().map(|account| account.0.clone()).collect(),
        rate: 0,
        in_flight: NonZeroU32::new(8).unwrap(),
        duration: None,
        failures: 0.2,
        seed: crate::databases::seed(),
    }
}

/// Drives the load at a server with this in front of it, and asks it to stop after [`ENOUGH`]
/// requests.
async fn drive(
    app: &TestApp,
    load: Load,
    front: impl Fn(Router) -> Router,
) -> (Result<(), LoadError>, String) {
    let stop = CancellationToken::new();
    let (asked, stopping) = (Arc::new(AtomicU32::new(0)), stop.clone());
    let counting = from_fn(move |request: Request, next: Next| {
        if asked.fetch_add(1, Ordering::Relaxed) == ENOUGH {
            stopping.cancel();
        }
        next.run(request)
    });
    let (address, serving) = serve(front(router(app.state.clone())).layer(counting)).await;
    let mut out = Vec::new();
    let load = Load { url: format!("http://{address}"), ..load };
    let ended = simulate(load, stop, &mut out).await;
    serving.abort();
    (ended, String::from_utf8(out).unwrap())
}

/// What an account spent, by its history.
async fn spent(app: &TestApp, account: &AccountId) -> Credits {
    app.adds_up().await;
    let (available, held) = app.state.ledger.balance(account).await.unwrap();
    assert!(held.is_zero(), "nothing stays held");
    Credits::try_from_whole(WHOLE).unwrap() - available
}

async fn what_was_spent_is_what_the_books_say(app: TestApp) {
    let (one, other) = (funded(&app, WHOLE).await, funded(&app, WHOLE).await);
    let load = load(&app, &[&one, &other]).await;
    let (ended, said) = drive(&app, load, |router| router).await;
    ended.unwrap_or_else(|error| panic!("{error}\n{said}"));
    let all = spent(&app, &one).await + spent(&app, &other).await;
    assert!(all.is_positive());
    assert!(said.contains(&format!("{all} credits charged   0 refused")), "{all}: {said}");
    assert_eq!(said.matches(": as told.").count(), 2, "{said}");
    assert_eq!(said.matches("Books: the balance fell by").count(), 2, "{said}");
}

/// Every third request is carried out and its answer lost; every fourth is told to wait.
fn unreliable(router: Router) -> Router {
    let count = Arc::new(AtomicU32::new(0));
    router.layer(from_fn(move |request: Request, next: Next| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            if number > 4 && number.is_multiple_of(4) {
                return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "0")]).into_response();
            }
            let is_lost = number > 4 && number.is_multiple_of(3);
            let response = next.run(request).await;
            if !is_lost {
                return response;
            }
            let cut = stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
            Response::new(Body::from_stream(cut))
        }
    }))
}

async fn what_is_cut_off_or_told_to_wait_happens_once(app: TestApp) {
    let account = funded(&app, WHOLE).await;
    let (ended, said) = drive(&app, load(&app, &[&account]).await, unreliable).await;
    ended.unwrap_or_else(|error| panic!("{error}\n{said}"));
    let spent = spent(&app, &account).await;
    assert!(said.contains(&format!("Books: the balance fell by {spent}")), "{said}");
    assert!(said.contains("told to wait") && said.contains("cut off, all sent again"), "{said}");
}

async fn what_others_spend_meanwhile_is_not_taken_for_ours(app: TestApp) {
    let account = funded(&app, WHOLE).await;
    let (ledger, theirs) = (app.state.ledger.clone(), account.clone());
    let meanwhile = move |router: Router| {
        let (ledger, theirs) = (ledger.clone(), theirs.clone());
        router.layer(from_fn(move |request: Request, next: Next| {
            let (ledger, theirs) = (ledger.clone(), theirs.clone());
            async move {
                if request.uri().path() == "/api/v1/holds" {
                    let amount = Credits::from_thousandths(5);
                    let operation = Operation::Analysis;
                    let command = Command::Spend { operation, amount, note: Note::default() };
                    ledger.execute(&theirs, "theirs", command).await.unwrap();
                }
                next.run(request).await
            }
        }))
    };
    let (ended, said) = drive(&app, load(&app, &[&account]).await, meanwhile).await;
    ended.unwrap_or_else(|error| panic!("{error}\n{said}"));
    let ours = spent(&app, &account).await - Credits::from_thousandths(5);
    assert!(said.contains("Books: 1 other rows, and ours are "), "{said}");
    assert!(said.contains(&format!(" over {ours}.")), "{ours}: {said}");
}

/// Tells of every capture that it cost a thousandth more.
fn untruthful(router: Router) -> Router {
    router.layer(from_fn(|request: Request, next: Next| async move {
        let is_capture = request.uri().path().ends_with("/capture");
        let response = next.run(request).await;
        if !is_capture {
            return response;
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let told: Credits = answer["captured"].as_str().unwrap().parse().unwrap();
        answer["captured"] = (told + Credits::from_thousandths(1)).plain().into();
        (parts.status, axum::Json(answer)).into_response()
    }))
}

async fn books_that_are_not_as_told_are_found(app: TestApp) {
    let account = funded(&app, WHOLE).await;
    let (ended, said) = drive(&app, load(&app, &[&account]).await, untruthful).await;
    assert!(matches!(ended, Err(LoadError::Books(1))), "{ended:?}\n{said}");
    assert!(said.contains(": NOT AS TOLD."), "{said}");
}

async fn who_cannot_pay_is_told_where_to_top_up(app: TestApp) {
    let (poor, rich) = (funded(&app, 0).await, funded(&app, WHOLE).await);
    let load = load(&app, &[&poor, &rich]).await;
    let (ended, said) = drive(&app, load, |router| router).await;
    ended.unwrap_or_else(|error| panic!("{error}\n{said}"));
    let place = "Top up at http://127.0.0.1:3000/settings/credits#buy";
    let told: Vec<_> = said.lines().filter(|line| line.contains(place)).collect();
    assert_eq!(told.len(), 1, "once: {said}");
    assert!(told[0].starts_with(&poor.0), "{said}");
    assert!(spent(&app, &rich).await.is_positive(), "the others go on");
}

async fn what_should_not_happen_ends_the_load(app: TestApp) {
    let account = funded(&app, WHOLE).await;
    let unknown = AccountId("acc_nobody".to_owned());
    let (ended, _) = drive(&app, load(&app, &[&unknown]).await, |router| router).await;
    let said = ended.unwrap_err().to_string();
    assert!(said.contains("POST /usage: 404, not_found: There is no such account."), "{said}");

    let wrong = Load { key: Secret::new("rcg_wrong"), ..load(&app, &[&account]).await };
    let (ended, _) = drive(&app, wrong, |router| router).await;
    let said = ended.unwrap_err().to_string();
    assert!(said.contains("GET /catalogue: 401, key_invalid"), "{said}");

    let strange = |router: Router| {
        router.layer(from_fn(|request: Request, next: Next| async move {
            if request.method() == Method::POST && request.uri().path().ends_with("/quotes") {
                return StatusCode::CONFLICT.into_response();
            }
            next.run(request).await
        }))
    };
    let (ended, said) = drive(&app, load(&app, &[&account]).await, strange).await;
    assert!(matches!(ended, Err(LoadError::Failed(_))), "{said}");
    assert!(ended.unwrap_err().to_string().contains("POST /quotes: 409"), "{said}");
    assert!(said.contains("In all: "), "what happened until then is told: {said}");
}

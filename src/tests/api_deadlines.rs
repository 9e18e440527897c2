//! A program is answered in time, also while somebody else holds what its request needs.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, to_bytes},
    http::{
        Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
    },
    response::Response,
};
use recharge::{
    credits::AccountId,
    server::{
        AppState,
        database::{Database, Limits},
        ledger::Ledger,
        router::router,
    },
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    api::{Program, account_with},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(while_somebody_holds_its_rows_a_program_is_told_to_come_back);

/// Short, so that the test is. A server's own are between 2 and 5 seconds.
const LIMITS: Limits = Limits {
    statement: Duration::from_millis(800),
    lock: Duration::from_millis(300),
    connection: Duration::from_millis(800),
    ..Limits::SERVING
};

async fn while_somebody_holds_its_rows_a_program_is_told_to_come_back(app: TestApp) {
    let account = account_with(&app, 100).await;
    let key = Program::of(&app, &account).await.key.unwrap();
    let database = Database::connect_with(&app.home.url, None, LIMITS).await.unwrap();
    let ledger = Ledger::start(database, app.clock.clone());
    let state = app.state.clone().with(|parts| parts.ledger = ledger);

    let holder = hold(&app, &account).await;
    let begun = Instant::now();
    let answer = charge(&state, &key).await;
    let wait = begun.elapsed();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()[RETRY_AFTER], "1");
    assert_eq!(body(answer).await["code"], "unavailable");
    // The door itself gives an answer up after 10 seconds.
    assert!(wait < Duration::from_secs(5), "answered after {wait:?}");

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    let answer = until_charged(&state, &key).await;
    assert_eq!(body(answer).await["charged"], "1");
}

/// A connection that keeps what a charge needs: the row of the account, or the one writer of SQLite.
async fn hold(app: &TestApp, account: &AccountId) -> sea_orm::DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(app.home.url.clone());
    options.max_connections(1);
    let holder = sea_orm::Database::connect(options).await.unwrap();
    let hold = if app.database.is_sqlite() {
        "BEGIN IMMEDIATE".to_owned()
    } else {
        format!("BEGIN; SELECT id FROM accounts WHERE id = '{account}' FOR UPDATE")
    };
    holder.execute_unprepared(&hold).await.unwrap();
    holder
}

async fn charge(state: &AppState, key: &str) -> Response {
    let charge = json!({"operation": "backtest", "amount": "1"}).to_string();
    let request = Request::post("/api/v1/usage")
        .header("host", "127.0.0.1:3000")
        .header(AUTHORIZATION, key)
        .header(CONTENT_TYPE, "application/json")
        .header("idempotency-key", "charge")
        .body(Body::from(charge));
    router(state.clone()).oneshot(request.unwrap()).await.unwrap()
}

/// Sends the charge again as it was told to.
async fn until_charged(state: &AppState, key: &str) -> Response {
    let begun = Instant::now();
    loop {
        let answer = charge(state, key).await;
        if answer.status().is_success() {
            return answer;
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(begun.elapsed() < Duration::from_secs(10), "nothing is charged any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn body(answer: Response) -> Value {
    serde_json::from_slice(&to_bytes(answer.into_body(), 10_000).await.unwrap()).unwrap()
}

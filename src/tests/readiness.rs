//! `/readyz` tells the truth: whether requests can be answered that write, too.

use std::time::Duration;

use axum::http::StatusCode;
use recharge::server::readiness::Trouble;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use tokio::time::sleep;

use crate::{
    api::account_with,
    app::{Answer, TestApp},
    commands::spend,
    databases::on_both_databases,
    logging::Logged,
};

on_both_databases!(
    a_database_that_can_only_be_read_is_not_ready,
    a_database_that_takes_no_write_in_time_is_not_ready,
    a_ledger_that_waits_is_not_ready,
    every_trouble_is_said_and_shown,
    a_server_that_drains_is_not_ready_and_serves,
);

async fn ready(app: &TestApp) -> Answer {
    app.visitor().get("/readyz").await
}

/// Asks until it is ready, or until it says this.
async fn becomes(app: &TestApp, status: StatusCode, words: &str) {
    for _ in 0..200 {
        let answer = ready(app).await;
        if answer.status == status && answer.body.contains(words) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it never said {words:?}: {:?}", ready(app).await);
}

async fn shown(app: &TestApp, trouble: &str) -> bool {
    let metrics = app.visitor().get("/metrics").await.body;
    let line = |value| format!("\nrecharge_trouble{{trouble=\"{trouble}\"}} {value}\n");
    assert!(metrics.contains(&line(0)) || metrics.contains(&line(1)), "{metrics}");
    metrics.contains(&line(1))
}

/// A connection of somebody else, who may write whatever the database says.
async fn stranger(app: &TestApp) -> DatabaseConnection {
    sea_orm::Database::connect(&app.home.url).await.unwrap()
}

/// On SQLite the connection that writes is told so, as it is by a file that can only be read, which
/// nobody can have who tests as root.
async fn let_write(app: &TestApp, stranger: &DatabaseConnection, may_write: bool) {
    if app.database.is_sqlite() {
        let pragma = format!("PRAGMA query_only = {}", if may_write { "off" } else { "on" });
        // Prepared: after other statements the connection is closed, and the next one may write.
        let pragma = Statement::from_string(DbBackend::Sqlite, pragma);
        app.database.writer().execute_raw(pragma).await.unwrap();
        return;
    }
    let is_on = if may_write { "off" } else { "on" };
    let rule = format!(
        "BEGIN; SET TRANSACTION READ WRITE; DO $$ BEGIN EXECUTE format(\
         'ALTER DATABASE %I SET default_transaction_read_only = {is_on}', current_database()); \
         END $$; COMMIT"
    );
    stranger.execute_unprepared(&rule).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    stranger.execute_unprepared(end).await.unwrap();
}

async fn a_database_that_can_only_be_read_is_not_ready(app: TestApp) {
    assert_eq!(ready(&app).await.status, StatusCode::OK);
    let (logged, stranger) = (Logged::new(), stranger(&app).await);
    let_write(&app, &stranger, false).await;
    becomes(&app, StatusCode::SERVICE_UNAVAILABLE, "The database can only be read.\n").await;
    assert_eq!(app.visitor().get("/healthz").await.status, StatusCode::OK);
    assert_eq!(app.visitor().get("/sign-in").await.status, StatusCode::OK);
    assert!(shown(&app, "writing").await);
    ready(&app).await;
    assert_eq!(logged.text().matches("ALERT").count(), 1, "{}", logged.text());
    let_write(&app, &stranger, true).await;
    becomes(&app, StatusCode::OK, "ready\n").await;
    assert!(!shown(&app, "writing").await);
    stranger.close().await.unwrap();
}

/// Holds what the next write needs.
async fn hold(stranger: &DatabaseConnection, statement: &str) -> DatabaseTransaction {
    let transaction = stranger.begin().await.unwrap();
    transaction.execute_unprepared(statement).await.unwrap();
    transaction
}

async fn a_database_that_takes_no_write_in_time_is_not_ready(app: TestApp) {
    assert_eq!(ready(&app).await.status, StatusCode::OK);
    let stranger = stranger(&app).await;
    let marks = if app.database.is_sqlite() {
        "UPDATE marks SET value = value"
    } else {
        "LOCK TABLE marks IN EXCLUSIVE MODE"
    };
    let held = hold(&stranger, marks).await;
    becomes(&app, StatusCode::SERVICE_UNAVAILABLE, "has not taken a write for 2 seconds.\n").await;
    assert_eq!(app.visitor().get("/healthz").await.status, StatusCode::OK);
    held.rollback().await.unwrap();
    becomes(&app, StatusCode::OK, "ready\n").await;
    stranger.close().await.unwrap();
}

/// The entry of one key takes the database three seconds.
const SLOW_ENTRY: &str = "
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.request_key = 'waits' THEN PERFORM pg_sleep(3); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER slow BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION slow()";

async fn a_ledger_that_waits_is_not_ready(app: TestApp) {
    let account = account_with(&app, 100).await;
    assert_eq!(ready(&app).await.status, StatusCode::OK);
    let stranger = stranger(&app).await;
    // On PostgreSQL a lock makes nobody wait for so long.
    let held = if app.database.is_sqlite() {
        Some(hold(&stranger, "UPDATE accounts SET seq = seq").await)
    } else {
        stranger.execute_unprepared(SLOW_ENTRY).await.unwrap();
        None
    };
    let (ledger, spender) = (app.state.ledger.clone(), account.clone());
    let spending = tokio::spawn(async move { ledger.execute(&spender, "waits", spend(1)).await });
    let words = if app.database.is_sqlite() { "write" } else { "waits for the database" };
    becomes(&app, StatusCode::SERVICE_UNAVAILABLE, words).await;
    if let Some(held) = held {
        held.rollback().await.unwrap();
    }
    // Whether it was carried out or given up, the ledger goes on.
    spending.await.unwrap().ok();
    becomes(&app, StatusCode::OK, "ready\n").await;
    app.state.ledger.execute(&account, "goes on", spend(1)).await.unwrap();
    stranger.close().await.unwrap();
}

async fn every_trouble_is_said_and_shown(app: TestApp) {
    for trouble in Trouble::ALL.into_iter().filter(|it| *it != Trouble::Writing) {
        assert!(!shown(&app, trouble.id()).await);
        let sentence = format!("Something is wrong with {}.", trouble.id());
        app.state.readiness.report(trouble, &*sentence);
        let answer = ready(&app).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.body, format!("{sentence}\n"));
        assert!(shown(&app, trouble.id()).await);
        assert_eq!(app.visitor().get("/healthz").await.status, StatusCode::OK);
        app.state.readiness.clear(trouble);
        assert_eq!(ready(&app).await.status, StatusCode::OK);
    }
}

async fn a_server_that_drains_is_not_ready_and_serves(app: TestApp) {
    app.state.draining.cancel();
    let answer = ready(&app).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::SERVICE_UNAVAILABLE, "ending\n"));
    assert_eq!(app.visitor().get("/sign-in").await.status, StatusCode::OK);
    app.customer().await.get("/settings/credits").await;
}

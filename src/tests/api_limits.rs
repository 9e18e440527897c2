//! Where spending ends: at nothing left, at a cap, at a ceiling, at a pace.

use chrono::TimeDelta;
use futures::{StreamExt, stream::FuturesUnordered};
use recharge::{
    credits::{AccountId, Caps, Command, Note, Operation},
    server::ledger::LedgerError,
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use crate::{
    api::{Program, WORKER, account_with, give, text},
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
};

on_both_databases!(
    at_zero_a_program_is_told_what_is_missing_and_where_to_buy_it,
    the_same_key_succeeds_once_after_a_top_up,
    a_spend_cap_is_enforced_before_the_work,
    a_cap_of_one_operation_leaves_the_others_alone,
    what_was_given_back_is_below_the_cap_again,
    a_key_with_a_ceiling_spends_nothing_above_it,
    a_ceiling_holds_for_what_a_hold_grows_to,
    who_asks_too_fast_is_told_when_to_come_back,
    a_known_balance_is_not_sent_again,
    a_full_queue_sends_programs_away_for_a_moment,
);

fn strategy(iterations: i64) -> Value {
    json!({"operation": "strategy", "quantities": {"iterations": iterations, "model": "standard"}})
}

fn backtest(amount: &str) -> Value {
    json!({"operation": "backtest", "amount": amount})
}

async fn cap(app: &TestApp, account: &AccountId, all: Option<i64>, backtests: Option<i64>) {
    let mut caps = Caps { all: all.map(credits), ..Caps::default() };
    caps.by_operation[Operation::Backtest as usize] = backtests.map(credits);
    app.state.ledger.set_caps(account, caps).await.unwrap();
}

async fn at_zero_a_program_is_told_what_is_missing_and_where_to_buy_it(app: TestApp) {
    let account = account_with(&app, 60).await;
    let program = Program::of(&app, &account).await;
    let quote = text(&program.post_new("/quotes", &strategy(8)).await.is(201), "id");
    let held = program.post_new("/holds", &backtest("40")).await.is(201);
    let by_quote = json!({"quote": quote});
    for path in ["/holds", "/usage"] {
        let problem = program.post_new(path, &by_quote).await;
        assert!(problem.header("retry-after").is_empty(), "time alone changes nothing");
        let problem = problem.refused(402, "insufficient_credits");
        let facts = json!({
            "type": "urn:recharge:insufficient_credits", "title": "Payment Required",
            "status": 402, "code": "insufficient_credits",
            "detail": "50 credits are needed, 20 are available.",
            "needed": "50", "available": "20", "held": "40", "quote_id": quote,
            "top_up_url": "http://127.0.0.1:3000/settings/credits#buy",
        });
        assert_eq!(problem, facts, "{path}");
    }
    let extend = format!("/holds/{}/extend", text(&held, "id"));
    let problem = program.post_new(&extend, &json!({"more": "20.001"})).await;
    let problem = problem.refused(402, "insufficient_credits");
    assert_eq!((&problem["needed"], &problem["held"]), (&json!("20.001"), &json!("40")));
    assert!(text(&problem, "top_up_url").ends_with("#buy"));
}

async fn the_same_key_succeeds_once_after_a_top_up(app: TestApp) {
    let account = account_with(&app, 20).await;
    let program = Program::of(&app, &account).await;
    for path in ["/usage", "/holds"] {
        for _ in 0..3 {
            program.post(path, path, &strategy(8)).await.refused(402, "insufficient_credits");
        }
    }
    give(&app, &account, 100).await;
    for (path, status) in [("/usage", 200), ("/holds", 201)] {
        let first = program.post(path, path, &strategy(8)).await.is(status);
        assert_eq!(first["replayed"], false);
        let again = program.post(path, path, &strategy(8)).await.is(status);
        assert_eq!((&again["entry"], &again["replayed"]), (&first["entry"], &json!(true)));
    }
    assert_eq!(program.balance(&account).await, ("20".to_owned(), "50".to_owned()));
    app.adds_up().await;
}

async fn a_spend_cap_is_enforced_before_the_work(app: TestApp) {
    let account = account_with(&app, 10_000).await;
    let program = Program::of(&app, &account).await;
    program.post_new("/usage", &backtest("490")).await.is(200);
    let held = program.post_new("/holds", &backtest("500")).await.is(201);
    cap(&app, &account, Some(1_000), None).await;
    // 20 credits: 40 assets over a year of daily bars.
    let twenty = json!({"operation": "backtest",
                        "quantities": {"assets": 40, "years": 1, "resolution": "daily"}});
    let quote = program.post_new("/quotes", &twenty).await.is(201);
    assert_eq!(quote["cost"], "20");
    let by_quote = json!({"quote": text(&quote, "id")});
    let cycle = app.state.ledger.spend_caps(&account).await.unwrap().cycle;
    let resets_at = format!("{}T00:00:00.000Z", cycle.end);
    for path in ["/holds", "/usage"] {
        let problem = program.post_new(path, &by_quote).await.refused(402, "spend_cap");
        // No top_up_url: what is bought could not be spent either.
        let facts = json!({
            "type": "urn:recharge:spend_cap", "title": "Payment Required",
            "status": 402, "code": "spend_cap",
            "detail": "The spend cap of 1,000 credits a billing cycle has 10 left.",
            "needed": "20", "available": "9010", "held": "500", "limit": "1000", "left": "10",
            "quote_id": quote["id"], "resets_at": resets_at,
            "caps_url": "http://127.0.0.1:3000/settings/spend-caps",
        });
        assert_eq!(problem, facts, "{path}");
    }
    let extend = format!("/holds/{}/extend", text(&held, "id"));
    program.post_new(&extend, &json!({"more": "10.001"})).await.refused(402, "spend_cap");
    program.post_new(&extend, &json!({"more": "4"})).await.is(200);
    program.post_new("/usage", &backtest("6")).await.is(200);
    program.post_new("/usage", &backtest("0.001")).await.refused(402, "spend_cap");
    program.post_new("/usage", &backtest("0")).await.is(200);
    // A new cycle begins with nothing used; the hold has lapsed long before.
    app.clock.advance(TimeDelta::days(32));
    program.post_new("/usage", &backtest("1000")).await.is(200);
    program.post_new("/usage", &backtest("0.001")).await.refused(402, "spend_cap");
    app.adds_up().await;
}

async fn a_cap_of_one_operation_leaves_the_others_alone(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    cap(&app, &account, None, Some(100)).await;
    let problem = program.post_new("/usage", &backtest("100.5")).await.refused(402, "spend_cap");
    assert_eq!((&problem["operation"], &problem["left"]), (&json!("backtest"), &json!("100")));
    let analysis = json!({"operation": "analysis", "amount": "500"});
    program.post_new("/usage", &analysis).await.is(200);
    program.post_new("/holds", &backtest("100")).await.is(201);
    program.post_new("/usage", &backtest("0.5")).await.refused(402, "spend_cap");
}

async fn what_was_given_back_is_below_the_cap_again(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    cap(&app, &account, Some(100), None).await;
    let held = program.post_new("/holds", &backtest("100")).await.is(201);
    program.post("/usage", "waits", &backtest("60")).await.refused(402, "spend_cap");
    let capture = format!("/holds/{}/capture", text(&held, "id"));
    program.post_new(&capture, &json!({"amount": "40"})).await.is(200);
    program.post("/usage", "waits", &backtest("60")).await.is(200);
    program.post_new("/usage", &backtest("1")).await.refused(402, "spend_cap");
}

async fn a_key_with_a_ceiling_spends_nothing_above_it(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::with(&app, Some(&account), WORKER, Some(credits(50))).await;
    for path in ["/usage", "/holds"] {
        for asked in [backtest("50.001"), strategy(9)] {
            let problem = program.post_new(path, &asked).await.refused(403, "above_ceiling");
            assert_eq!(problem["limit"], "50");
        }
        assert!(program.post_new(path, &strategy(8)).await.status.is_success());
    }
    let batch = json!({"items": [backtest("51"), backtest("50")]});
    let told = program.post_new("/usage/batch", &batch).await.is(200);
    assert_eq!(
        (&told["results"][0]["status"], &told["results"][1]["status"]),
        (&json!(403), &json!(200))
    );
    assert_eq!(told["results"][0]["problem"]["code"], "above_ceiling");
    let dear = program.post_new("/quotes", &strategy(100)).await.is(201);
    let told = program.post_new("/holds", &json!({"quote": text(&dear, "id")})).await;
    assert_eq!(told.refused(403, "above_ceiling")["needed"], "625");
    assert_eq!(program.balance(&account).await, ("850".to_owned(), "50".to_owned()));
}

async fn a_ceiling_holds_for_what_a_hold_grows_to(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let bounded = Program::with(&app, Some(&account), WORKER, Some(credits(50))).await;
    let held = bounded.post_new("/holds", &backtest("40")).await.is(201);
    let extend = format!("/holds/{}/extend", text(&held, "id"));
    let problem = bounded.post_new(&extend, &json!({"more": "10.001"})).await;
    let problem = problem.refused(403, "above_ceiling");
    assert_eq!((&problem["limit"], &problem["needed"]), (&json!("50"), &json!("50.001")));
    bounded.post_new(&extend, &json!({"more": "10"})).await.is(200);
    assert_eq!(bounded.balance(&account).await, ("950".to_owned(), "50".to_owned()));
    let free = Program::of(&app, &account).await;
    free.post_new(&extend, &json!({"more": "10"})).await.is(200);
}

async fn who_asks_too_fast_is_told_when_to_come_back(app: TestApp) {
    let app = app.with_settings(&["--api-rate=1"]).await;
    let account = account_with(&app, 100).await;
    let (fast, other) = (Program::of(&app, &account).await, Program::of(&app, &account).await);
    let mut statuses = Vec::new();
    for number in 0..4 {
        let told = fast.post("/usage", &format!("charge-{number}"), &backtest("1")).await;
        if told.status == 429 {
            assert_eq!(told.header("retry-after"), "1");
            told.clone().refused(429, "too_many_requests");
        }
        statuses.push(told.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429], "two at once, then one a second");
    assert_eq!(other.balance(&account).await.0, "98", "another key has its own pace");
    let service = Program::service(&app).await;
    for _ in 0..4 {
        service.get(&format!("/accounts/{account}/balance")).await.is(200);
    }
}

async fn a_known_balance_is_not_sent_again(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let path = format!("/accounts/{account}/balance");
    let told = program.get(&path).await;
    let tag = told.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    let all = told.is(200);
    assert_eq!((&all["balance"], &all["account"]), (&json!("100"), &json!(account.0)));
    for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let same = program.get_unless(&path, Some(&known)).await;
        assert_eq!((same.status.as_u16(), same.header("etag")), (304, tag.as_str()), "{known}");
    }
    program.post_new("/holds", &backtest("1")).await.is(201);
    let changed = program.get_unless(&path, Some(&tag)).await;
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.is(200)["held"], "1");
}

/// More than the ledger lets wait.
const TOO_MANY: i64 = 4_096 + 2 * 128;

async fn a_full_queue_sends_programs_away_for_a_moment(app: TestApp) {
    let account = account_with(&app, 10_000).await;
    let program = Program::of(&app, &account).await;
    let connection = sea_orm::Database::connect(&app.home.url).await.unwrap();
    let lock = connection.begin().await.unwrap();
    // On PostgreSQL this locks the row, on SQLite all that is written.
    let same = format!("UPDATE accounts SET zone = zone WHERE id = '{account}'");
    lock.execute_unprepared(&same).await.unwrap();
    let asks = (0..TOO_MANY).map(|number| {
        let (ledger, account) = (app.state.ledger.clone(), account.clone());
        tokio::spawn(async move {
            let (operation, note) = (Operation::Backtest, Note::default());
            let command = Command::Spend { operation, amount: credits(1), note };
            ledger.execute(&account, &format!("waits-{number}"), command).await
        })
    });
    let mut asks: FuturesUnordered<_> = asks.collect();
    // The first to be told anything is one too many: nobody else is, while it is locked.
    let first = asks.next().await.unwrap().unwrap();
    assert_eq!(first, Err(LedgerError::Busy));
    let told = program.post("/usage", "sent away", &backtest("1")).await;
    assert_eq!(told.header("retry-after"), "1");
    told.refused(503, "busy");
    lock.rollback().await.unwrap();
    let mut done = 0;
    while let Some(ask) = asks.next().await {
        done += i64::from(ask.unwrap().is_ok());
    }
    assert_eq!(program.balance(&account).await.0, (10_000 - done).to_string());
    let again = program.post("/usage", "sent away", &backtest("1")).await.is(200);
    assert_eq!(again["replayed"], false, "nothing was done before");
    app.adds_up().await;
}

//! Setting credits aside, and the one way in which each hold ends.

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    api::{Program, account_with, give, text, unique},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(
    of_twenty_simultaneous_holds_of_75_on_500_six_are_granted,
    failed_work_costs_nothing_and_says_so_everywhere,
    a_hold_is_released_at_its_expiry_with_nobody_asking,
    capturing_and_releasing_twice_is_doing_it_once,
    a_late_capture_is_refused_and_takes_nothing,
    a_hold_that_lapsed_and_is_released_has_lapsed,
    a_capture_and_a_release_at_once_never_both_happen,
    capturing_more_than_is_held_is_refused_with_the_numbers,
    an_extended_hold_outlasts_and_outgrows_what_was_thought,
    a_hold_that_only_grows_keeps_its_end,
    what_a_hold_grows_by_beside_its_capture_is_captured_or_refused,
    work_that_costs_nothing_leaves_a_row,
);

/// Sets so much aside for a backtest.
async fn hold(program: &Program, amount: &str) -> Value {
    let asked = json!({"operation": "backtest", "amount": amount, "description": "Momentum 2020"});
    program.post_new("/holds", &asked).await.is(201)
}

fn settle(hold: &Value, how: &str) -> String {
    format!("/holds/{}/{how}", text(hold, "id"))
}

async fn of_twenty_simultaneous_holds_of_75_on_500_six_are_granted(app: TestApp) {
    let account = account_with(&app, 500).await;
    let program = Program::of(&app, &account).await;
    let asks = (0..20).map(|_| {
        let program = program.clone();
        tokio::spawn(async move {
            let asked = json!({"operation": "backtest", "amount": "75"});
            program.post_new("/holds", &asked).await
        })
    });
    let answers = join_all(asks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap);
    let (granted, refused): (Vec<_>, Vec<_>) = answers.partition(|told| told.status == 201);
    assert_eq!((granted.len(), refused.len()), (6, 14));
    for told in refused {
        let problem = told.refused(402, "insufficient_credits");
        assert_eq!((&problem["available"], &problem["held"]), (&json!("50"), &json!("450")));
    }
    assert_eq!(program.balance(&account).await, ("50".to_owned(), "450".to_owned()));
    for row in program.entries(&account, "?kind=held").await {
        assert_eq!(row["balance_after"], "500");
    }
    app.adds_up().await;
}

async fn failed_work_costs_nothing_and_says_so_everywhere(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    give(&app, &account, 100).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "75").await;
    let released = program.post_new(&settle(&made, "release"), &json!({"reason": "failed"})).await;
    let released = released.is(200);
    assert_eq!((&released["state"], &released["released"]), (&json!("released"), &json!("75")));
    assert_eq!(program.balance(&account).await, ("100".to_owned(), "0".to_owned()));

    let row = program.entries(&account, "?kind=released").await.pop().unwrap();
    assert_eq!(row["detail"], "failed, 0 credits (75 released)");
    assert_eq!((&row["amount"], &row["held_change"]), (&json!("0"), &json!("-75")));
    assert_eq!(row["balance_after"], "100");
    let page = customer.get("/settings/credits/history").await.body;
    assert!(page.contains("failed, 0 credits (75 released)"), "{page}");
    let file = customer.get("/settings/credits/history.csv").await.body;
    assert!(file.contains("failed, 0 credits (75 released)"), "{file}");
    app.adds_up().await;
}

async fn a_hold_is_released_at_its_expiry_with_nobody_asking(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let asked = json!({"operation": "backtest", "amount": "75", "ttl_seconds": 60});
    let made = program.post_new("/holds", &asked).await.is(201);
    app.clock.advance(TimeDelta::seconds(50));
    assert_eq!(program.balance(&account).await, ("25".to_owned(), "75".to_owned()));
    app.clock.advance(TimeDelta::seconds(10));
    assert_eq!(program.balance(&account).await, ("100".to_owned(), "0".to_owned()));
    let read = program.get(&format!("/holds/{}", text(&made, "id"))).await.is(200);
    assert_eq!((&read["state"], &read["released"]), (&json!("lapsed"), &json!("75")));
    let charge = json!({"operation": "backtest", "amount": "100"});
    program.post_new("/usage", &charge).await.is(200);
    let rows = program.entries(&account, "?kind=released").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["detail"], "hold expired, 0 credits (75 released)");
    let (at, due) = (text(&rows[0], "at"), text(&made, "expires_at"));
    let instant = |text: String| chrono::DateTime::parse_from_rfc3339(&text).unwrap();
    assert_eq!(instant(at), instant(due));
    app.adds_up().await;
}

async fn capturing_and_releasing_twice_is_doing_it_once(app: TestApp) {
    let account = account_with(&app, 200).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "75").await;
    program.post_new("/usage", &json!({"operation": "backtest", "amount": "1"})).await.is(200);
    let capture = settle(&made, "capture");
    let captured = program.post(&capture, "c", &json!({"amount": "60.5"})).await.is(200);
    assert_eq!(captured["captured"], "60.5");
    assert_eq!((&captured["released"], &captured["replayed"]), (&json!("14.5"), &json!(false)));
    // The same request, and another one that wants the same or even another amount.
    for (key, amount) in [("c", "60.5"), ("d", "60.5"), ("e", "10")] {
        let again = program.post(&capture, key, &json!({"amount": amount})).await.is(200);
        assert_eq!((&again["captured"], &again["entry"]), (&json!("60.5"), &captured["entry"]));
        assert_eq!((&again["state"], &again["replayed"]), (&json!("captured"), &json!(true)));
    }
    let late = program.post_new(&settle(&made, "release"), &json!({})).await;
    assert_eq!(late.refused(409, "hold_captured")["captured"], "60.5");

    let other = hold(&program, "30").await;
    let release = settle(&other, "release");
    let released = program.post(&release, "r", &json!({"reason": "cancelled"})).await.is(200);
    for key in ["r", "s"] {
        let again = program.post(&release, key, &json!({"reason": "cancelled"})).await.is(200);
        assert_eq!((&again["entry"], &again["replayed"]), (&released["entry"], &json!(true)));
        assert_eq!((&again["released"], &again["captured"]), (&json!("30"), &json!("0")));
    }
    let late = program.post_new(&settle(&other, "capture"), &json!({})).await;
    assert_eq!(late.refused(409, "hold_released")["state"], "released");
    assert_eq!(program.balance(&account).await, ("138.5".to_owned(), "0".to_owned()));
    app.adds_up().await;
}

async fn a_late_capture_is_refused_and_takes_nothing(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "75").await;
    app.clock.advance(TimeDelta::hours(1));
    for key in ["late", "late", "later"] {
        let problem = program.post(&settle(&made, "capture"), key, &json!({})).await;
        let problem = problem.refused(409, "hold_expired");
        assert_eq!((&problem["state"], &problem["amount"]), (&json!("lapsed"), &json!("75")));
        let problem = program.post(&settle(&made, "extend"), key, &json!({"more": "1"})).await;
        problem.refused(409, "hold_expired");
    }
    assert_eq!(program.balance(&account).await, ("100".to_owned(), "0".to_owned()));
    let kinds = program.entries(&account, "?kind=spent").await;
    assert!(kinds.is_empty(), "{kinds:?}");
    app.adds_up().await;
}

async fn a_hold_that_lapsed_and_is_released_has_lapsed(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "75").await;
    app.clock.advance(TimeDelta::hours(1));
    let released = program.post_new(&settle(&made, "release"), &json!({})).await.is(200);
    assert_eq!((&released["state"], &released["replayed"]), (&json!("lapsed"), &json!(true)));
    assert_eq!((&released["released"], &released["available"]), (&json!("75"), &json!("100")));
    let read = program.get(&format!("/holds/{}", text(&made, "id"))).await.is(200);
    assert_eq!(read["state"], "lapsed");
    assert_eq!(program.entries(&account, "?kind=released").await.len(), 1);
}

async fn a_capture_and_a_release_at_once_never_both_happen(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    let mut captured_in_all = 0;
    for _ in 0..10 {
        let made = hold(&program, "10").await;
        let (capture, release) = (settle(&made, "capture"), settle(&made, "release"));
        let everything = json!({});
        let (captured, released) = tokio::join!(
            program.post_new(&capture, &everything),
            program.post_new(&release, &everything),
        );
        let statuses = (captured.status.as_u16(), released.status.as_u16());
        assert!(matches!(statuses, (200, 409) | (409, 200)), "{statuses:?}");
        captured_in_all += i32::from(statuses.0 == 200);
    }
    let left = (1_000 - 10 * captured_in_all).to_string();
    assert_eq!(program.balance(&account).await, (left, "0".to_owned()));
    app.adds_up().await;
}

async fn capturing_more_than_is_held_is_refused_with_the_numbers(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "75").await;
    let capture = settle(&made, "capture");
    let problem = program.post(&capture, "above", &json!({"amount": "75.001"})).await;
    let problem = problem.refused(409, "capture_above_hold");
    assert_eq!((&problem["amount"], &problem["held"]), (&json!("75.001"), &json!("75")));
    assert_eq!(program.balance(&account).await, ("25".to_owned(), "75".to_owned()));
    // Nothing was changed by it: its key is free.
    program.post(&capture, "above", &json!({"amount": "75"})).await.is(200);
    assert_eq!(program.balance(&account).await, ("25".to_owned(), "0".to_owned()));
}

async fn an_extended_hold_outlasts_and_outgrows_what_was_thought(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let made = hold(&program, "40").await;
    let extend = settle(&made, "extend");
    app.clock.advance(TimeDelta::minutes(59));
    let short = program.post_new(&extend, &json!({"ttl_seconds": 10})).await;
    assert_eq!(short.refused(422, "invalid_field")["field"], "ttl_seconds");
    let key = unique();
    let asked = json!({"ttl_seconds": 7200, "more": "35"});
    let extended = program.post(&extend, &key, &asked).await.is(200);
    assert_eq!((&extended["amount"], &extended["available"]), (&json!("75"), &json!("25")));
    let again = program.post(&extend, &key, &asked).await.is(200);
    assert_eq!((&again["amount"], &again["replayed"]), (&json!("75"), &json!(true)));
    let much = program.post_new(&extend, &json!({"more": "25.001", "ttl_seconds": 7200})).await;
    assert_eq!(much.refused(402, "insufficient_credits")["needed"], "25.001");
    app.clock.advance(TimeDelta::minutes(119));
    let captured = program.post_new(&settle(&made, "capture"), &json!({})).await.is(200);
    assert_eq!(captured["captured"], "75");
    app.adds_up().await;
}

async fn a_hold_that_only_grows_keeps_its_end(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let asked = json!({"operation": "backtest", "amount": "40", "ttl_seconds": 86_400});
    let made = program.post_new("/holds", &asked).await.is(201);
    let grown = program.post_new(&settle(&made, "extend"), &json!({"more": "1"})).await.is(200);
    assert_eq!((&grown["amount"], &grown["expires_at"]), (&json!("41"), &made["expires_at"]));
    let wrong = json!({"more": "1", "ttl_seconds": 3600});
    let short = program.post_new(&settle(&made, "extend"), &wrong).await;
    assert_eq!(short.refused(422, "invalid_field")["field"], "ttl_seconds");
}

async fn what_a_hold_grows_by_beside_its_capture_is_captured_or_refused(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    for _ in 0..20 {
        let made = hold(&program, "10").await;
        let (extend, capture) = (settle(&made, "extend"), settle(&made, "capture"));
        let (more, all) = (json!({"more": "5"}), json!({}));
        let (grown, captured) =
            tokio::join!(program.post_new(&extend, &more), program.post_new(&capture, &all));
        let captured = captured.is(200);
        if grown.status == 200 {
            assert_eq!((&captured["captured"], &captured["released"]), (&json!("15"), &json!("0")));
        } else {
            grown.refused(409, "hold_captured");
            assert_eq!(captured["captured"], "10");
        }
    }
    app.adds_up().await;
}

async fn work_that_costs_nothing_leaves_a_row(app: TestApp) {
    let account = account_with(&app, 0).await;
    let program = Program::of(&app, &account).await;
    let charge = json!({"operation": "analysis", "amount": "0", "reference": "job_1"});
    let told = program.post_new("/usage", &charge).await.is(200);
    assert_eq!((&told["charged"], &told["entry"]), (&json!("0"), &json!(1)));
    let made = hold(&program, "0").await;
    program.post_new(&settle(&made, "capture"), &json!({})).await.is(200);
    let rows = program.entries(&account, "?kind=spent").await;
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[1]["amount"], &rows[1]["reference"]), (&json!("0"), &json!("job_1")));
    app.adds_up().await;
}

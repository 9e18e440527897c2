//! Runs of programs: a key's ceiling holds for all requests with one reference together.

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    api::{Program, WORKER, account_with, text},
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
};

on_both_databases!(
    a_ceiling_holds_for_all_requests_of_a_run_together,
    two_requests_of_one_run_at_once_do_not_pass_its_ceiling,
    a_ceiling_is_not_passed_by_what_others_have_set_aside,
);

fn backtest(amount: &str) -> Value {
    json!({"operation": "backtest", "amount": amount})
}

/// A backtest for so much, in a run.
fn in_run(run: &str, amount: &str) -> Value {
    json!({"operation": "backtest", "amount": amount, "reference": run})
}

async fn a_ceiling_holds_for_all_requests_of_a_run_together(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::with(&app, Some(&account), WORKER, Some(credits(100))).await;
    program.post_new("/usage", &in_run("run-1", "30")).await.is(200);
    let held = program.post_new("/holds", &in_run("run-1", "60")).await.is(201);
    let refused = program.post_new("/usage", &in_run("run-1", "10.001")).await;
    let problem = refused.refused(403, "above_ceiling");
    assert_eq!((&problem["limit"], &problem["needed"]), (&json!("100"), &json!("100.001")));
    let hold = text(&held, "id");
    let more = json!({"more": "10.001"});
    let refused = program.post_new(&format!("/holds/{hold}/extend"), &more).await;
    refused.refused(403, "above_ceiling");
    // Another run has a ceiling of its own, and so has a request that names none.
    program.post_new("/usage", &in_run("run-2", "100")).await.is(200);
    program.post_new("/usage", &backtest("100")).await.is(200);
    // What a hold gives back can be used again in its run.
    let (capture, part) = (format!("/holds/{hold}/capture"), json!({"amount": "20"}));
    program.post_new(&capture, &part).await.is(200);
    program.post("/usage", "last", &in_run("run-1", "50")).await.is(200);
    program.post_new("/usage", &in_run("run-1", "0.001")).await.refused(403, "above_ceiling");
    program.post("/usage", "last", &in_run("run-1", "50")).await.is(200);
    program.post_new("/holds", &in_run("run-3", "100")).await.is(201);
    app.state.clock.advance(TimeDelta::hours(2));
    program.post_new("/holds", &in_run("run-3", "100")).await.is(201);
}

async fn two_requests_of_one_run_at_once_do_not_pass_its_ceiling(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::with(&app, Some(&account), WORKER, Some(credits(100))).await;
    let asked = in_run("run", "30");
    let asks = (0..20).map(|_| program.post_new("/holds", &asked));
    let answers = join_all(asks).await;
    let granted = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(granted, 3);
}

async fn a_ceiling_is_not_passed_by_what_others_have_set_aside(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let [free, other, bounded] = [None, Some(credits(50)), Some(credits(50))];
    let free = Program::with(&app, Some(&account), WORKER, free).await;
    let other = Program::with(&app, Some(&account), WORKER, other).await;
    let bounded = Program::with(&app, Some(&account), WORKER, bounded).await;
    let asked = in_run("run", "10");
    let (more, longer) = (json!({"more": "40"}), json!({"ttl_seconds": 7200}));
    for maker in [&free, &free, &other] {
        let hold = text(&maker.post_new("/holds", &asked).await.is(201), "id");
        let extend = format!("/holds/{hold}/extend");
        for asked in [&more, &longer] {
            bounded.post_new(&extend, asked).await.refused(403, "other_run");
        }
        maker.post_new(&extend, &longer).await.is(200);
    }
    // What it has set aside itself is in the sum, and grows up to the ceiling.
    let hold = text(&bounded.post_new("/holds", &asked).await.is(201), "id");
    let extend = format!("/holds/{hold}/extend");
    bounded.post(&extend, "grow", &more).await.is(200);
    bounded.post_new(&extend, &json!({"more": "0.001"})).await.refused(403, "above_ceiling");
    bounded.post_new("/usage", &in_run("run", "0.001")).await.refused(403, "above_ceiling");
    assert_eq!(bounded.post(&extend, "grow", &more).await.is(200)["replayed"], true);
    assert_eq!(free.balance(&account).await, ("920".to_owned(), "80".to_owned()));
    app.adds_up().await;
}

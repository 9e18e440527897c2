//! Much work charged at once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    api::{Program, account_with, text},
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
};

on_both_databases!(
    a_thousand_charges_have_an_outcome_each,
    the_charges_of_an_account_are_carried_out_in_their_order,
    a_batch_that_is_sent_again_has_the_same_outcomes,
    what_a_batch_could_not_pay_is_paid_after_a_top_up,
);

fn statuses(told: &Value) -> Vec<u64> {
    let results = told["results"].as_array().unwrap();
    results.iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

/// One charge of each kind, in turn, and what becomes of it.
fn mixed(number: usize, accounts: [&str; 2], quote: &str) -> (Value, u64) {
    let charge = |account: &str, amount: &str| {
        json!({"account": account, "operation": "analysis", "amount": amount,
               "reference": format!("job_{number}")})
    };
    match number % 10 {
        0..=3 => (charge(accounts[0], "1"), 200),
        4 => (charge(accounts[1], "0.5"), 200),
        5 => (json!({"account": accounts[0], "quote": quote}), 200),
        6 => (charge(accounts[1], "1000000"), 402),
        7 => (charge("acc_nobody", "1"), 404),
        8 => (json!({"account": accounts[0], "operation": "analysis"}), 422),
        _ => (json!({"account": accounts[1], "quote": quote}), 404),
    }
}

async fn quote_for_a_strategy(program: &Program, account: &str) -> String {
    let asked = json!({"account": account, "operation": "strategy",
                       "quantities": {"iterations": 1, "model": "fast"}});
    text(&program.post_new("/quotes", &asked).await.is(201), "id")
}

async fn a_thousand_charges_have_an_outcome_each(app: TestApp) {
    let (one, two) = (account_with(&app, 1_000).await, account_with(&app, 100).await);
    let service = Program::service(&app).await;
    let quote = quote_for_a_strategy(&service, &one.0).await;
    let (items, expected): (Vec<_>, Vec<_>) =
        (0..1_000).map(|number| mixed(number, [&one.0, &two.0], &quote)).unzip();
    let batch = json!({"items": items});
    let told = service.post("/usage/batch", "thousand", &batch).await.is(200);
    assert_eq!(statuses(&told), expected);
    for result in told["results"].as_array().unwrap() {
        let is_charged = result["status"] == 200;
        assert_eq!(result.get("usage").is_some(), is_charged, "{result}");
        assert_eq!(result.get("problem").is_some(), !is_charged, "{result}");
    }
    // 400 of 1, and 100 of 1.25 by the quote; 100 of 0.5.
    assert_eq!(service.balance(&one).await.0, "475");
    assert_eq!(service.balance(&two).await.0, "50");
    app.adds_up().await;

    let again = service.post("/usage/batch", "thousand", &batch).await.is(200);
    assert_eq!(statuses(&again), expected);
    assert_eq!(service.balance(&one).await.0, "475");
}

async fn the_charges_of_an_account_are_carried_out_in_their_order(app: TestApp) {
    let accounts = [account_with(&app, 1_000).await, account_with(&app, 1_000).await];
    let service = Program::service(&app).await;
    let mut quotes = Vec::new();
    for account in &accounts {
        quotes.push(quote_for_a_strategy(&service, &account.0).await);
    }
    // Priced in different ways, which take differently long.
    let items = (0..600).map(|number| {
        let account = number % 2;
        let id = &accounts[account].0;
        match number % 3 {
            0 => json!({"account": id, "quote": quotes[account]}),
            1 => json!({"account": id, "operation": "analysis", "amount": "0.001"}),
            _ => json!({"account": id, "operation": "analysis",
                        "quantities": {"symbols": 1, "depth": "screen"}}),
        }
    });
    let batch = json!({"items": items.collect::<Vec<_>>()});
    let told = service.post_new("/usage/batch", &batch).await.is(200);
    for account in &accounts {
        let results = told["results"].as_array().unwrap().iter().map(|result| &result["usage"]);
        let own = results.filter(|usage| usage["account"] == account.0);
        let entries: Vec<_> = own.map(|usage| usage["entry"].as_i64().unwrap()).collect();
        assert_eq!(entries, (2..=301).collect::<Vec<_>>(), "one after the other");
    }
}

async fn a_batch_that_is_sent_again_has_the_same_outcomes(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let quote = quote_for_a_strategy(&program, &account.0).await;
    let charge = |amount: &str| json!({"operation": "analysis", "amount": amount});
    let items = json!([charge("60"), charge("60"), {"quote": quote}, charge("0"), charge("38")]);
    let batch = json!({"items": items});
    let first = program.post("/usage/batch", "batch", &batch).await.is(200);
    assert_eq!(statuses(&first), [200, 402, 200, 200, 200]);
    app.clock.advance(TimeDelta::minutes(20));
    let again = program.post("/usage/batch", "batch", &batch).await.is(200);
    for (first, again) in
        first["results"].as_array().unwrap().iter().zip(again["results"].as_array().unwrap())
    {
        assert_eq!(first["status"], again["status"]);
        assert_eq!(first["usage"]["entry"], again["usage"]["entry"]);
        assert_eq!(first["usage"]["available"], again["usage"]["available"]);
    }
    assert_eq!(program.balance(&account).await.0, "0.75");
    // Also what only has more, or less, is another batch: nothing of it is charged.
    let more = items.as_array().unwrap().iter().cloned().chain([charge("0")]);
    let others = [json!([charge("61")]), json!([charge("60")]), Value::Array(more.collect())];
    for items in others {
        let other = json!({"items": items});
        let told = program.post("/usage/batch", "batch", &other).await;
        told.refused(422, "idempotency_key_reused");
    }
    assert_eq!(program.entries(&account, "?kind=spent").await.len(), 4);
}

async fn what_a_batch_could_not_pay_is_paid_after_a_top_up(app: TestApp) {
    let account = account_with(&app, 10).await;
    let program = Program::of(&app, &account).await;
    let batch = json!({"items": vec![json!({"operation": "analysis", "amount": "4"}); 5]});
    let told = program.post("/usage/batch", "batch", &batch).await.is(200);
    assert_eq!(statuses(&told), [200, 200, 402, 402, 402]);
    let problem = &told["results"][2]["problem"];
    assert_eq!((&problem["needed"], &problem["available"]), (&json!("4"), &json!("2")));
    assert!(text(problem, "top_up_url").ends_with("#buy"));
    crate::api::give(&app, &account, 10).await;
    for expected in [[false, false, false, false, false], [true, true, true, true, true]] {
        let told = program.post("/usage/batch", "batch", &batch).await.is(200);
        assert_eq!(statuses(&told), [200; 5]);
        let last = &told["results"][4]["usage"]["replayed"];
        assert_eq!(last, expected[4]);
    }
    assert_eq!(app.state.ledger.balance(&account).await.unwrap().0, credits(0));
    app.adds_up().await;
}

//! What a price promises, whatever happens to prices and quantities after it.

use chrono::TimeDelta;
use recharge::server::catalogue::{
    file::{self, CatalogueFile},
    publish,
};
use serde_json::{Value, json};

use crate::{
    api::{Program, account_with, give, text},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(
    a_quote_says_what_it_costs_and_whether_it_can_be_paid,
    a_charge_is_never_above_its_quote,
    a_quote_is_used_within_its_validity,
    a_quote_is_the_accounts_own,
    new_prices_change_no_row_and_no_quote,
    a_repeated_request_has_its_first_outcome_whatever_prices_are_now,
);

/// Eight iterations of a strategy: 50 credits, 6.25 each.
fn eight() -> Value {
    json!({"operation": "strategy", "quantities": {"iterations": 8, "model": "standard"}})
}

fn came_to(quote: &str, iterations: i64) -> Value {
    json!({"quote": quote, "quantities": {"iterations": iterations, "model": "standard"}})
}

/// A dearer version of the prices takes effect: 10 credits for an iteration.
async fn prices_rise(app: &TestApp) {
    let embedded = file::load(None).unwrap();
    let content = embedded.content.replace("version = \"2026-11\"", "version = \"v2\"");
    let content = content.replace("price = \"6.25\"", "price = \"10\"");
    let catalogue = file::parse("test.toml", &content).unwrap();
    let dearer = CatalogueFile { catalogue, content, is_embedded: false };
    app.clock.advance(TimeDelta::seconds(1));
    publish(&app.database, &dearer, None, app.clock.now()).await.unwrap();
    app.state.catalogues.refresh().await.unwrap();
    assert_eq!(app.state.catalogues.current().version, "v2");
}

async fn a_quote_says_what_it_costs_and_whether_it_can_be_paid(app: TestApp) {
    let account = account_with(&app, 30).await;
    let program = Program::of(&app, &account).await;
    let quote = program.post("/quotes", "poor", &eight()).await.is(201);
    assert_eq!((&quote["cost"], &quote["available"]), (&json!("50"), &json!("30")));
    assert_eq!((&quote["balance_after"], &quote["enough"]), (&json!("-20"), &json!(false)));
    assert_eq!((&quote["rate_card"], &quote["account"]), (&json!("2026-11"), &json!(account.0)));
    assert_eq!(quote["detail"], "8 iterations, Standard class");
    assert_eq!(quote["top_up_url"], "http://127.0.0.1:3000/settings/credits#buy");
    give(&app, &account, 20).await;
    let again = program.post("/quotes", "poor", &eight()).await.is(201);
    assert_eq!((&again["id"], &again["valid_until"]), (&quote["id"], &quote["valid_until"]));
    assert_eq!((&again["balance_after"], &again["enough"]), (&json!("0"), &json!(true)));
    assert!(again.get("top_up_url").is_none());
    let other = json!({"operation": "strategy", "quantities": {"iterations": 9, "model": "fast"}});
    program.post("/quotes", "poor", &other).await.refused(422, "idempotency_key_reused");
    assert!(program.entries(&account, "").await.iter().all(|row| row["kind"] == "granted"));
}

async fn a_charge_is_never_above_its_quote(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    let quote = text(&program.post_new("/quotes", &eight()).await.is(201), "id");
    for (iterations, charged) in [(6, "37.5"), (8, "50"), (9, "50"), (200, "50")] {
        let told = program.post_new("/usage", &came_to(&quote, iterations)).await.is(200);
        assert_eq!(told["charged"], charged, "{iterations} iterations");
    }
    let more = program.post_new("/usage", &json!({"quote": quote, "amount": "900"})).await;
    assert_eq!(more.is(200)["charged"], "50");

    for (iterations, captured) in [(2, "12.5"), (200, "50")] {
        let held = program.post_new("/holds", &json!({"quote": quote})).await.is(201);
        assert_eq!(held["amount"], "50");
        let came = json!({"quantities": {"iterations": iterations, "model": "standard"}});
        let capture = format!("/holds/{}/capture", text(&held, "id"));
        let settled = program.post_new(&capture, &came).await.is(200);
        assert_eq!(settled["captured"], captured, "{iterations} iterations");
    }
    for row in program.entries(&account, "?kind=spent").await {
        assert_eq!(row["rate_card"], "2026-11");
    }
    app.adds_up().await;
}

async fn a_quote_is_used_within_its_validity(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    let quote = text(&program.post_new("/quotes", &eight()).await.is(201), "id");
    app.clock.advance(TimeDelta::minutes(14));
    program.post("/usage", "in time", &json!({"quote": quote})).await.is(200);
    app.clock.advance(TimeDelta::minutes(1));
    for path in ["/usage", "/holds"] {
        let late = program.post_new(path, &json!({"quote": quote})).await;
        assert_eq!(late.refused(409, "quote_expired")["quote_id"], json!(quote));
    }
    let again = program.post("/usage", "in time", &json!({"quote": quote})).await.is(200);
    assert_eq!((&again["replayed"], &again["charged"]), (&json!(true), &json!("50")));
}

async fn a_quote_is_the_accounts_own(app: TestApp) {
    let (mine, other) = (account_with(&app, 100).await, account_with(&app, 100).await);
    let (program, stranger) = (Program::of(&app, &mine).await, Program::of(&app, &other).await);
    let quote = text(&program.post_new("/quotes", &eight()).await.is(201), "id");
    for path in ["/usage", "/holds"] {
        let told = stranger.post_new(path, &json!({"quote": quote})).await;
        told.refused(404, "not_found");
    }
    let wrong = json!({"quote": quote, "operation": "backtest"});
    let told = program.post_new("/usage", &wrong).await.refused(422, "invalid_field");
    assert_eq!(told["field"], "operation");
}

async fn new_prices_change_no_row_and_no_quote(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let program = Program::of(&app, &account).await;
    let quote = text(&program.post_new("/quotes", &eight()).await.is(201), "id");
    program.post_new("/usage", &eight()).await.is(200);
    let held = program.post_new("/holds", &eight()).await.is(201);
    let before = program.entries(&account, "").await;
    prices_rise(&app).await;
    assert_eq!(program.entries(&account, "").await, before, "no row has changed");

    let catalogue = program.get("/catalogue").await.is(200);
    assert_eq!(catalogue["version"], "v2");
    let new = program.post_new("/quotes", &eight()).await.is(201);
    assert_eq!((&new["cost"], &new["rate_card"]), (&json!("80"), &json!("v2")));
    let old = program.post_new("/usage", &came_to(&quote, 6)).await.is(200);
    assert_eq!(old["charged"], "37.5", "a quote is charged as it was made");
    let capture = format!("/holds/{}/capture", text(&held, "id"));
    let came = json!({"quantities": {"iterations": 4, "model": "standard"}});
    let captured = program.post_new(&capture, &came).await.is(200);
    assert_eq!(captured["captured"], "25", "a hold is priced as it was made");
    assert_eq!(program.post_new("/usage", &eight()).await.is(200)["charged"], "80");

    let rows = program.entries(&account, "?kind=spent").await;
    let named = rows.iter().map(|row| (text(row, "rate_card"), text(row, "amount")));
    let expected = [("v2", "-80"), ("2026-11", "-25"), ("2026-11", "-37.5"), ("2026-11", "-50")];
    let expected = expected.map(|(card, amount)| (card.to_owned(), amount.to_owned()));
    assert_eq!(named.collect::<Vec<_>>(), expected);
    app.adds_up().await;
}

async fn a_repeated_request_has_its_first_outcome_whatever_prices_are_now(app: TestApp) {
    let account = account_with(&app, 130).await;
    let program = Program::of(&app, &account).await;
    let charged = program.post("/usage", "charge", &eight()).await.is(200);
    let held = program.post("/holds", "hold", &eight()).await.is(201);
    let quote = program.post("/quotes", "quote", &eight()).await.is(201);
    prices_rise(&app).await;
    let first = [("/usage", "charge", charged), ("/holds", "hold", held)];
    for (path, key, mut first) in first {
        let again = program.post(path, key, &eight()).await;
        assert!(again.status.is_success());
        first["replayed"] = json!(true);
        assert_eq!(again.json, first, "{path}");
    }
    let again = program.post("/quotes", "quote", &eight()).await.is(201);
    assert_eq!((&again["id"], &again["cost"]), (&quote["id"], &json!("50")));
    assert_eq!(program.balance(&account).await, ("30".to_owned(), "50".to_owned()));
}

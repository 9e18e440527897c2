//! Requests that are none: without a key, without JSON, too long, to nowhere.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    api::{Asked, Program, account_with, text},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(
    a_request_without_its_key_or_with_a_used_one_is_refused,
    what_is_no_json_is_refused,
    what_is_too_long_is_refused,
    a_query_that_is_unknown_or_unreadable_is_refused,
    an_address_or_method_that_is_not_there_is_a_problem_too,
);

fn backtest(amount: &str) -> Value {
    json!({"operation": "backtest", "amount": amount})
}

async fn a_request_without_its_key_or_with_a_used_one_is_refused(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let body = backtest("1").to_string().into_bytes();
    let long = "k".repeat(201);
    for (key, code) in [
        (None, "idempotency_key_missing"),
        (Some(""), "idempotency_key_invalid"),
        (Some(long.as_str()), "idempotency_key_invalid"),
        (Some("schlüssel"), "idempotency_key_invalid"),
    ] {
        let asked = Asked {
            method: Method::POST,
            path: "/usage",
            idempotency: key,
            content_type: Some("application/json"),
            body: body.clone(),
        };
        program.ask(asked).await.refused(400, code);
    }
    program.post("/usage", "used", &backtest("1")).await.is(200);
    for (path, body) in [("/usage", backtest("2")), ("/holds", backtest("1"))] {
        program.post(path, "used", &body).await.refused(422, "idempotency_key_reused");
    }
    let held = program.post_new("/holds", &backtest("5")).await.is(201);
    let settle = |how: &str| format!("/holds/{}/{how}", text(&held, "id"));
    program.post(&settle("extend"), "settle", &json!({"more": "1"})).await.is(200);
    for (how, body) in
        [("extend", json!({"more": "2"})), ("capture", json!({})), ("release", json!({}))]
    {
        let told = program.post(&settle(how), "settle", &body).await;
        told.refused(422, "idempotency_key_reused");
    }
    let other = account_with(&app, 100).await;
    let stranger = Program::of(&app, &other).await;
    let free = stranger.post("/usage", "used", &backtest("2")).await.is(200);
    assert_eq!(free["replayed"], false, "each account chooses its own keys");
}

async fn what_is_no_json_is_refused(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    let ask = |content_type, body: &[u8]| {
        let (program, body) = (program.clone(), body.to_vec());
        async move {
            let (method, path, idempotency) = (Method::POST, "/usage", Some("key"));
            program.ask(Asked { method, path, idempotency, content_type, body }).await
        }
    };
    let good = backtest("1").to_string();
    let deep = format!("{{\"quantities\": {{\"assets\": {}", "[".repeat(10_000));
    let twice = format!("{good} {good}");
    let not_utf8 = [b"{\"operation\": \"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    for body in [
        b"".as_slice(),
        b"{",
        b"nonsense",
        b"{\"amount\": NaN}",
        b"{'a': 1}",
        deep.as_bytes(),
        twice.as_bytes(),
        &not_utf8,
    ] {
        let told = ask(Some("application/json"), body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(told.status, 400, "{shown}: {}", told.json);
        told.refused(400, "invalid_json");
    }
    for body in [
        b"null".as_slice(),
        b"{\"operation\": \"backtest\", \"amount\": 1e999}",
        b"[]",
        b"7",
        b"\"text\"",
        b"[null, \"backtest\", null, null, \"1\", null, null, null]",
    ] {
        ask(Some("application/json"), body).await.refused(422, "invalid_field");
    }
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
    ] {
        ask(content_type, good.as_bytes()).await.refused(415, "not_json");
    }
    assert_eq!(program.balance(&account).await.0, "100");
    ask(Some("Application/JSON; charset=utf-8"), good.as_bytes()).await.is(200);
}

async fn what_is_too_long_is_refused(app: TestApp) {
    let account = account_with(&app, 2_000).await;
    let program = Program::of(&app, &account).await;
    let padded = |length: usize| {
        let body = backtest("1").to_string();
        format!("{body}{}", " ".repeat(length - body.len())).into_bytes()
    };
    let ask = |path, body| {
        let (method, idempotency) = (Method::POST, Some("long"));
        program.ask(Asked {
            method,
            path,
            idempotency,
            content_type: Some("application/json"),
            body,
        })
    };
    ask("/usage", padded(64 * 1024)).await.is(200);
    for path in ["/usage", "/holds", "/quotes"] {
        ask(path, padded(64 * 1024 + 1)).await.refused(413, "body_too_large");
    }
    ask("/usage/batch", padded(1024 * 1024 + 1)).await.refused(413, "body_too_large");
    let items = vec![backtest("1"); 1_001];
    let told = program.post_new("/usage/batch", &json!({"items": items})).await;
    told.refused(413, "batch_too_large");
    let told = program.post_new("/usage/batch", &json!({"items": []})).await;
    assert_eq!(told.refused(422, "invalid_field")["field"], "items");
    assert_eq!(program.balance(&account).await.0, "1999");
}

async fn a_query_that_is_unknown_or_unreadable_is_refused(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    for query in [
        "?kinds=spent",
        "?kind=magic",
        "?operation=",
        "?from=yesterday",
        "?before=-1",
        "?before=9999999999",
        "?to=2026-02-30",
        "?text=a&text=b",
    ] {
        let told = program.get(&format!("/accounts/{account}/entries{query}")).await;
        assert_eq!(told.status, 400, "{query}: {}", told.json);
        told.refused(400, "invalid_query");
    }
    for query in ["?cycle=now", "?month=1"] {
        let told = program.get(&format!("/accounts/{account}/usage{query}")).await;
        told.refused(400, "invalid_query");
    }
    let long = format!("/accounts/{account}/entries?text={}", "x".repeat(101));
    assert_eq!(program.get(&long).await.refused(422, "invalid_field")["field"], "text");
    let filter = "?kind=granted&operation=backtest&from=2026-01-01&to=2026-12-31&text=%25_%27";
    assert!(program.entries(&account, filter).await.is_empty());
}

async fn an_address_or_method_that_is_not_there_is_a_problem_too(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    for path in ["", "/", "/nothing", "/holds/x/steal", "/accounts", "/usage/batch/1", "/holds/"] {
        let path = if path == "/accounts" { "/accounts/x/y/z" } else { path };
        program.get(path).await.refused(404, "not_found");
        program.post_new(path, &json!({})).await.refused(404, "not_found");
    }
    for route in crate::api_contract::routes() {
        let path = route.path("x");
        let ask = |method: Method| {
            let (idempotency, content_type, body) = (None, None, Vec::new());
            program.ask(Asked { method, path: &path, idempotency, content_type, body })
        };
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            if method.as_str() == route.method {
                continue;
            }
            ask(method).await.refused(405, "method_not_allowed");
        }
    }
    let nobody = Program::without_key(&app);
    nobody.get("/nothing").await.refused(404, "not_found");
    for path in
        ["/holds/hld_x", "/holds/%FF", "/holds/hld_%00_1", "/holds/hld_x_01", "/holds/hld__-1"]
    {
        program.get(path).await.refused(404, "not_found");
    }
}

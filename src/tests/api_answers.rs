//! Every answer that the description promises is really given.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::Method;
use chrono::TimeDelta;
use futures::future::join_all;
use recharge::{credits::AccountId, server::identity::Scope};
use serde_json::{Value, json};

use crate::{
    api::{Asked, Program, Seen, WORKER, account_with, text, unique},
    api_access::{body, needs},
    api_contract::{Route, routes},
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    webhooks_hearing::said_to_platform,
};

on_both_databases!(every_documented_answer_of_every_route_is_given);

/// A program whose answers count.
async fn program(
    app: &TestApp,
    seen: &Seen,
    account: Option<&AccountId>,
    scopes: &[Scope],
) -> Program {
    Program { seen: Arc::clone(seen), ..Program::with(app, account, scopes, None).await }
}

async fn ask(program: &Program, route: &Route, path: &str, body: &Value) -> u16 {
    let told = match route.method {
        "GET" => program.get(path).await,
        "DELETE" => program.delete(path).await,
        _ => program.post_new(path, body).await,
    };
    told.status.as_u16()
}

async fn every_documented_answer_of_every_route_is_given(app: TestApp) {
    let seen = Seen::default();
    let account = account_with(&app, 1_000).await;
    what_any_route_answers(&app, &seen, &account).await;
    what_comes_too_late(&app, &seen, &account).await;
    what_was_done(&app, &seen, &account).await;
    what_was_in_the_way(&app, &seen, &account).await;
    too_fast(&app, &seen, &account).await;
    app.state.ledger.verify().await.unwrap();
    away(&app, &seen, &account).await;
    let mut promised = BTreeSet::new();
    for route in routes() {
        for status in route.statuses() {
            promised.insert((route.method.to_owned(), route.template.to_owned(), status));
        }
    }
    let given = seen.lock().unwrap().clone();
    let missing: Vec<_> = promised.difference(&given).collect();
    assert!(missing.is_empty(), "promised and never given: {missing:#?}");
}

/// 408: a body that does not come is not waited for.
async fn what_comes_too_late(app: &TestApp, seen: &Seen, account: &AccountId) {
    let service = program(app, seen, None, crate::api::ALL).await;
    let begun = Instant::now();
    let routes = routes();
    let late = routes.iter().filter(|route| route.method == "POST").map(|route| {
        let (service, path) = (service.clone(), route.path(&account.0));
        async move { service.post_without_end(&path).await.refused(408, "body_late") }
    });
    join_all(late).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// 400, 401, 403, 404, 413, 415 and 422: what is wrong with a request.
async fn what_any_route_answers(app: &TestApp, seen: &Seen, account: &AccountId) {
    let service = program(app, seen, None, crate::api::ALL).await;
    let nobody = Program { seen: Arc::clone(seen), ..Program::without_key(app) };
    let others = [
        program(app, seen, Some(account), &[Scope::Spend]).await,
        program(app, seen, Some(account), &[Scope::Read]).await,
    ];
    let nowhere = AccountId("acc_nobody".to_owned());
    for route in routes() {
        let (path, good) = (route.path(&account.0), body_of(&route, account));
        assert_eq!(ask(&nobody, &route, &path, &good).await, 401);
        let (needed, for_services) = needs(&route);
        let lacking = &others[usize::from(needed == Scope::Spend && !for_services)];
        assert_eq!(ask(lacking, &route, &path, &good).await, 403, "{path}");
        ask(&service, &route, &route.path("acc_nobody"), &body_of(&route, &nowhere)).await;
        if route.method == "GET" {
            service.get(&format!("{path}?unknown=1")).await;
            service.get(&format!("{path}?text={}", "x".repeat(101))).await;
            service.get(&format!("{path}?cycle=0000-01-01")).await;
            continue;
        }
        if route.method == "DELETE" {
            continue;
        }
        let json = Some("application/json");
        let requests = [
            (None, json, good.to_string().into_bytes()),
            (Some("key"), None, good.to_string().into_bytes()),
            (Some("key"), json, vec![b' '; 1024 * 1024 + 1]),
            (Some("key"), json, b"{\"unknown\": 1}".to_vec()),
        ];
        for ((idempotency, content_type, body), status) in
            requests.into_iter().zip([400, 415, 413, 422])
        {
            let (method, path) = (Method::POST, path.as_str());
            let asked = Asked { method, path, idempotency, content_type, body };
            assert_eq!(service.ask(asked).await.status, status, "{path}");
        }
    }
}

fn body_of(route: &Route, account: &AccountId) -> Value {
    if route.method == "POST" { body(route, account) } else { Value::Null }
}

/// 200, 201 and 304.
async fn what_was_done(app: &TestApp, seen: &Seen, account: &AccountId) {
    let service = program(app, seen, None, crate::api::ALL).await;
    let customer = app.customer().await.account.unwrap();
    for route in routes().iter().filter(|route| !route.template.starts_with("/holds/{id}")) {
        let path = match said_to_platform(app, &customer).await {
            (endpoint, _) if route.template.starts_with("/webhook-endpoints") => {
                route.path(&endpoint)
            }
            (_, message) if route.template.starts_with("/webhook-") => route.path(&message),
            _ => route.path(&customer.0),
        };
        let mut asked = body_of(route, account);
        if route.template == "/accounts" {
            // Brought along, and met again.
            asked = json!({"external_id": "una", "name": "Una", "email": "una@recharge.test"});
            assert_eq!(ask(&service, route, &path, &asked).await, 201);
        }
        let status = ask(&service, route, &path, &asked).await;
        assert!((200..300).contains(&status), "{path}: {status}");
    }
    let balance = format!("/accounts/{account}/balance");
    let told = service.get(&balance).await;
    service.get_unless(&balance, Some(told.header("etag"))).await.is(304);
}

/// 402, 403, 404 and 409: what stands in the way of a request that is right in itself.
async fn what_was_in_the_way(app: &TestApp, seen: &Seen, account: &AccountId) {
    let worker = program(app, seen, Some(account), WORKER).await;
    let much = json!({"operation": "backtest", "amount": "100000"});
    for path in ["/usage", "/holds"] {
        worker.post_new(path, &much).await.refused(402, "insufficient_credits");
    }
    let quote = json!({"operation": "strategy", "quantities": {"iterations": 1, "model": "fast"}});
    let quote = text(&worker.post_new("/quotes", &quote).await.is(201), "id");
    let hold = json!({"operation": "backtest", "amount": "1", "ttl_seconds": 86_400});
    let holds = [worker.post_new("/holds", &hold).await, worker.post_new("/holds", &hold).await];
    let [first, second] = holds.map(|told| text(&told.is(201), "id"));
    worker.get(&format!("/holds/{first}")).await.is(200);
    let settle = |id: &str, how: &str| format!("/holds/{id}/{how}");
    let more = json!({"more": "100000"});
    worker.post_new(&settle(&first, "extend"), &more).await.refused(402, "insufficient_credits");
    let longer = json!({"ttl_seconds": 86_400});
    worker.post_new(&settle(&first, "extend"), &longer).await.is(200);
    worker.post_new(&settle(&first, "capture"), &json!({})).await.is(200);
    worker.post_new(&settle(&second, "release"), &json!({})).await.is(200);
    worker.post_new(&settle(&first, "release"), &json!({})).await.refused(409, "hold_captured");
    worker.post_new(&settle(&second, "capture"), &json!({})).await.refused(409, "hold_released");
    worker.post_new(&settle(&second, "extend"), &longer).await.refused(409, "hold_released");
    app.clock.advance(TimeDelta::minutes(15));
    for path in ["/usage", "/holds"] {
        worker.post_new(path, &json!({"quote": quote})).await.refused(409, "quote_expired");
    }
    let customer = app.customer().await;
    let service = program(app, seen, None, crate::api::ALL).await;
    let taken = json!({"external_id": unique(), "name": "Una", "email": customer.email});
    service.post_new("/accounts", &taken).await.refused(409, "email_taken");
    let endpoint = json!({"url": "https://1.1.1.1/", "events": []});
    let (gone, message) = said_to_platform(app, account).await;
    app.state.webhooks.switch(&gone, false).await.unwrap();
    let resend = format!("/webhook-deliveries/{message}/resend");
    service.post_new(&resend, &json!({})).await.refused(409, "endpoint_disabled");
    while app.state.webhooks.list().await.unwrap().len() < 20 {
        service.post_new("/webhook-endpoints", &endpoint).await.is(201);
    }
    service.post_new("/webhook-endpoints", &endpoint).await.refused(409, "too_many_endpoints");
    let bounded = Program::with(app, Some(account), WORKER, Some(credits(1))).await;
    bounded.post_new("/usage", &much).await.refused(403, "above_ceiling");
}

/// 429.
async fn too_fast(app: &TestApp, seen: &Seen, account: &AccountId) {
    let slow = app.with_settings(&["--api-rate=1"]).await;
    let worker = program(&slow, seen, Some(account), WORKER).await;
    for route in routes() {
        let (path, body) = (route.path(&account.0), body_of(&route, account));
        let mut tries = 0;
        while ask(&worker, &route, &path, &body).await != 429 {
            tries += 1;
            assert!(tries < 10, "{path} is asked as fast as one likes");
        }
    }
}

/// 503: the last, since nothing works afterwards.
async fn away(app: &TestApp, seen: &Seen, account: &AccountId) {
    let service = program(app, seen, None, crate::api::ALL).await;
    app.database.reader().close();
    app.database.writer().close();
    for route in routes() {
        let (path, body) = (route.path(&account.0), body_of(&route, account));
        assert_eq!(ask(&service, &route, &path, &body).await, 503, "{path}");
    }
}

//! Whatever a program sends: it is refused in words and nothing is written, or it is done once.

use proptest::prelude::*;
use recharge::server::entity::entry;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::{
    api::{Asked, Program, Told, text, unique},
    api_access::{self, Owned},
    api_contract::{Route, routes},
    app::TestApp,
    databases::{Given, TestDatabase},
    fuzz::{Spoiled, fuzz_async, spoiled, spoiled_json},
};

/// What a body can say beside the least that does something.
fn more_bodies(route: &Route, account: &str) -> Vec<Value> {
    let quantities = json!({"assets": 20, "years": 1.25, "resolution": "daily"});
    let charge = json!({"account": account, "operation": "backtest", "quantities": quantities,
                        "description": "Momentum v8", "reference": "job-1"});
    match route.template {
        "/usage" => vec![charge],
        "/usage/batch" => vec![json!({"items": [charge, charge, {"operation": "strategy"}]})],
        "/holds" => {
            let mut hold = charge;
            hold["ttl_seconds"] = json!(60);
            vec![hold]
        }
        "/holds/{id}/capture" => vec![json!({"amount": "0.5"}), json!({"quantities": quantities})],
        "/holds/{id}/release" => vec![json!({"reason": "cancelled"})],
        "/holds/{id}/extend" => vec![json!({"ttl_seconds": 7_200, "more": "1"})],
        "/accounts/{id}/grants" => vec![json!({"amount": "5", "description": "Autumn credits",
                                               "expires_at": "2027-11-21T00:00:00Z"})],
        "/accounts/{id}/sign-in-links" => vec![json!({"next": "/settings/credits"})],
        _ => Vec::new(),
    }
}

/// The routes that take a body, by their templates, each with the bodies that are spoiled.
fn targets(owned: &Owned) -> Vec<(&'static str, Vec<Value>)> {
    let posts = routes().into_iter().filter(|route| route.method == "POST");
    let with_bodies = posts.map(|route| {
        let mut good = vec![api_access::body(&route, &owned.account)];
        good.extend(more_bodies(&route, &owned.account.0));
        (route.template, good)
    });
    with_bodies.collect()
}

async fn entries(app: &TestApp) -> u64 {
    entry::Entity::find().count(app.database.reader()).await.unwrap()
}

/// The entries that an answer tells of, in their order.
fn told_entries(told: &Told) -> Vec<Option<i64>> {
    let results = told.json["results"].as_array();
    let usages = results.into_iter().flatten().map(|result| result["usage"]["entry"].as_i64());
    std::iter::once(told.json["entry"].as_i64()).chain(usages).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_program_sends_is_refused_or_done_once() {
    let app = TestApp::given(TestDatabase::sqlite().await).await;
    let owned = Owned::of(&app).await;
    let inputs = proptest::sample::select(targets(&owned))
        .prop_flat_map(|(template, good)| (Just(template), spoiled_json(good)));
    fuzz_async(90, &inputs, |(template, Spoiled(body))| {
        let (app, owned) = (&app, &owned);
        async move { sends(app, owned, template, body).await }
    });
    app.state.ledger.verify().await.unwrap();
}

async fn sends(app: &TestApp, owned: &Owned, template: &str, body: Vec<u8>) {
    let route = routes().into_iter().find(|it| it.method == "POST" && it.template == template);
    let path = owned.path(&route.unwrap()).await;
    // A pace of its own for each: no request is refused because others came before it.
    let (service, key) = (Program::service(app).await, unique());
    let ask = || {
        service.ask(Asked {
            method: axum::http::Method::POST,
            path: &path,
            idempotency: Some(&key),
            content_type: Some("application/json"),
            body: body.clone(),
        })
    };
    let before = entries(app).await;
    let first = ask().await;
    let after = entries(app).await;
    assert!(!first.status.is_server_error(), "{path}: {} {}", first.status, first.json);
    if !first.status.is_success() {
        assert_eq!(after, before, "{path}: nothing is written by what is refused: {}", first.json);
        return;
    }
    let again = ask().await;
    assert_eq!(entries(app).await, after, "{path}: twice is once: {}", again.json);
    assert_eq!(again.status.is_success(), first.status.is_success(), "{path}: {}", again.json);
    assert_eq!(told_entries(&again), told_entries(&first), "{path}: {}", again.json);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_program_asks_in_an_address_is_answered() {
    let app = TestApp::given(TestDatabase::sqlite().await).await;
    let owned = Owned::of(&app).await;
    let charge = json!({"account": owned.account.0, "operation": "backtest", "amount": "1"});
    for _ in 0..30 {
        owned.service.post_new("/usage", &charge).await.is(200);
    }
    let hold = text(&owned.service.post_new("/holds", &charge).await.is(201), "id");
    let account = &owned.account;
    let entries = format!("/accounts/{account}/entries");
    let good = [
        format!("{entries}?kind=spent&operation=backtest&from=2026-01-01&to=2027-01-01"),
        format!("{entries}?text=S%26P+100&before=9"),
        format!("{entries}?before=2147483647"),
        format!("/accounts/{account}/usage?cycle=2026-11-21"),
        format!("/accounts/{account}/balance"),
        format!("/holds/{hold}"),
        "/webhook-deliveries?state=failed&limit=10&before=x".to_owned(),
        "/webhook-endpoints".to_owned(),
        "/catalogue".to_owned(),
    ];
    fuzz_async(100, &spoiled(good), |Spoiled(address)| {
        let app = &app;
        async move {
            let address = in_address(&address);
            let told = Program::service(app).await.get(&address).await;
            let status = told.status;
            assert!(status.is_success() || status.is_client_error(), "{address}: {}", told.json);
        }
    });
}

/// As a client writes it that escapes only what it must.
fn in_address(bytes: &[u8]) -> String {
    let mut address = String::from("/");
    for byte in bytes.iter().skip(usize::from(bytes.starts_with(b"/"))).take(8_000) {
        match byte {
            b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                address.push_str(&format!("%{byte:02X}"));
            }
            byte if byte.is_ascii_graphic() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

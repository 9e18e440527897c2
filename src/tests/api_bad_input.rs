//! What a program may get wrong, and what it is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    api::{Program, account_with},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(
    who_has_no_key_that_works_is_not_let_in,
    a_field_that_cannot_be_meant_is_named,
    what_a_service_says_wrongly_is_named,
    an_unknown_field_is_named,
    what_no_database_can_store_is_not_there,
    days_at_the_end_of_time_break_nothing,
);

fn backtest(amount: &str) -> Value {
    json!({"operation": "backtest", "amount": amount})
}

async fn who_has_no_key_that_works_is_not_let_in(app: TestApp) {
    let account = account_with(&app, 100).await;
    let path = format!("/accounts/{account}/balance");
    let program = Program::of(&app, &account).await;
    let key = program.key.clone().unwrap();
    let told = Program::without_key(&app).get(&path).await;
    assert_eq!(told.header("www-authenticate"), "Bearer");
    told.refused(401, "key_missing");
    let last = if key.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &key[..key.len() - 1]);
    let basic = key.replace("Bearer", "Basic");
    for wrong in [wrong.as_str(), "Bearer", "Bearer rcg_", "Bearer rcg__", "garbage", &basic] {
        let other = Program { key: Some(wrong.to_owned()), ..program.clone() };
        let told = other.get(&path).await;
        assert_eq!(told.status, 401, "{wrong}");
    }
    let elsewhere = app.with_settings(&[]).await;
    let there = Program { key: Some(key), ..Program::without_key(&elsewhere) };
    for program in [&program, &there] {
        program.get(&path).await.is(200);
    }
    assert!(app.state.api_keys.revoke(&account, &program.key_id).await.unwrap());
    let revoked = Instant::now();
    program.get(&path).await.refused(401, "key_invalid");
    while there.get(&path).await.status != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "still let in by another process");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a charge or a hold may say wrongly, and the field that is named.
fn wrong_charges() -> Vec<(Value, &'static str)> {
    let with = |quantities: Value| json!({"operation": "backtest", "quantities": quantities});
    let full = |assets: Value| with(json!({"assets": assets, "years": 1, "resolution": "daily"}));
    let long = "x".repeat(201);
    vec![
        (json!({"operation": "magic", "amount": "1"}), "operation"),
        (json!({"operation": 7, "amount": "1"}), "operation"),
        (json!({"amount": "1"}), "operation"),
        (json!({"operation": "backtest"}), "amount"),
        (json!({"operation": "backtest", "amount": 1}), "amount"),
        (backtest("-1"), "amount"),
        (backtest("−1"), "amount"),
        (backtest("NaN"), "amount"),
        (backtest("Infinity"), "amount"),
        (backtest("1e3"), "amount"),
        (backtest(""), "amount"),
        (backtest(" 1"), "amount"),
        (backtest("1.2345"), "amount"),
        (backtest("99999999999999999999"), "amount"),
        (backtest("999999999999999"), "amount"),
        (full(json!(-1)), "quantities.assets"),
        (full(json!(0)), "quantities.assets"),
        (full(json!(5001)), "quantities.assets"),
        (full(json!(1.5)), "quantities.assets"),
        (full(json!(1e300)), "quantities.assets"),
        (full(json!("NaN")), "quantities.assets"),
        (full(json!(true)), "quantities.assets"),
        (full(json!(null)), "quantities.assets"),
        (full(json!([])), "quantities.assets"),
        (with(json!({"years": 1, "resolution": "daily"})), "quantities.assets"),
        (with(json!({"assets": 1, "years": 1, "resolution": "hour"})), "quantities.resolution"),
        (
            with(json!({"assets": 1, "years": 1, "resolution": "daily", "colour": 1})),
            "quantities.colour",
        ),
        (json!({"operation": "backtest", "amount": "1", "quantities": {}}), "amount"),
        (json!({"operation": "backtest", "amount": "1", "description": long}), "description"),
        (json!({"operation": "backtest", "amount": "1", "detail": long}), "detail"),
        (json!({"operation": "backtest", "amount": "1", "reference": "a\u{7}b"}), "reference"),
    ]
}

async fn a_field_that_cannot_be_meant_is_named(app: TestApp) {
    let account = account_with(&app, 100).await;
    let program = Program::of(&app, &account).await;
    for (body, field) in &wrong_charges() {
        for path in ["/usage", "/holds"] {
            let problem = program.post_new(path, body).await.json;
            let said = (&problem["code"], &problem["field"]);
            assert_eq!(said, (&json!("invalid_field"), &json!(field)), "{path} {body}");
        }
    }
    for ttl in [json!(0), json!(86_401), json!(-1), json!(1.5), json!("60"), json!(1e12)] {
        let body = json!({"operation": "backtest", "amount": "1", "ttl_seconds": ttl});
        let problem = program.post_new("/holds", &body).await.refused(422, "invalid_field");
        assert_eq!(problem["field"], "ttl_seconds", "{ttl}");
    }
    assert_eq!(program.balance(&account).await, ("100".to_owned(), "0".to_owned()));
}

async fn what_a_service_says_wrongly_is_named(app: TestApp) {
    let account = account_with(&app, 100).await;
    let service = Program::service(&app).await;
    for path in ["/usage", "/holds"] {
        let problem = service.post_new(path, &backtest("1")).await.refused(422, "invalid_field");
        assert_eq!(problem["field"], "account", "a service says for whom");
    }
    let nobody = json!({"operation": "backtest", "amount": "1", "account": "acc_nobody"});
    service.post_new("/usage", &nobody).await.refused(404, "not_found");
    for (field, value) in [
        ("amount", json!("0")),
        ("description", json!(" ")),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
    ] {
        let mut grant = json!({"amount": "5", "description": "Autumn credits"});
        grant[field] = value;
        let told = service.post_new(&format!("/accounts/{account}/grants"), &grant).await;
        assert_eq!(told.refused(422, "invalid_field")["field"], field, "{grant}");
    }
    let user =
        json!({"external_id": "u1", "email": "u1@recharge.test", "name": "Una", "zone": "UTC"});
    for (field, value) in
        [("external_id", ""), ("email", "nowhere"), ("name", ""), ("zone", "Mars/Base")]
    {
        let mut user = user.clone();
        user[field] = json!(value);
        let told = service.post_new("/accounts", &user).await.refused(422, "invalid_field");
        assert_eq!(told["field"], field, "{user}");
    }
}

async fn an_unknown_field_is_named(app: TestApp) {
    let account = account_with(&app, 100).await;
    let service = Program::service(&app).await;
    for route in crate::api_contract::routes() {
        if route.method != "POST" {
            continue;
        }
        let path = route.path(&account.0);
        let told = service.post_new(&path, &json!({"amunt": "5"})).await;
        let problem = told.refused(422, "invalid_field");
        assert_eq!(problem["field"], "amunt", "{path}: {problem}");
    }
    let batch = json!({"items": [backtest("1"), {"operation": "backtest", "amunt": "5"}]});
    let told = service.post_new("/usage/batch", &batch).await.refused(422, "invalid_field");
    assert_eq!(told["field"], "items[1].amunt");
    assert_eq!(service.balance(&account).await.0, "100");
}

async fn what_no_database_can_store_is_not_there(app: TestApp) {
    let account = account_with(&app, 100).await;
    let service = Program::service(&app).await;
    for path in [
        "/accounts/%00/balance",
        "/accounts/acc_%00/entries",
        "/accounts/%FF/usage",
        "/holds/hld_%00_1",
    ] {
        service.get(path).await.refused(404, "not_found");
    }
    for id in ["\0", "acc_\0"] {
        let charge = json!({"account": id, "operation": "backtest", "amount": "1"});
        for path in ["/usage", "/holds"] {
            service.post_new(path, &charge).await.refused(404, "not_found");
        }
        let quantities = json!({"assets": 1, "years": 1, "resolution": "daily"});
        let quote = json!({"account": id, "operation": "backtest", "quantities": quantities});
        service.post_new("/quotes", &quote).await.refused(404, "not_found");
    }
    let charge = json!({"account": account.0, "quote": "quo_\0"});
    service.post_new("/usage", &charge).await.refused(404, "not_found");
    let link = "/accounts/%00/sign-in-links";
    service.post_new(link, &json!({})).await.refused(404, "not_found");
    let grant = json!({"amount": "5", "description": "Autumn credits"});
    service.post_new("/accounts/%00/grants", &grant).await.refused(404, "not_found");
    let told = service.get(&format!("/accounts/{account}/entries?text=%00")).await;
    assert_eq!(told.refused(422, "invalid_field")["field"], "text");
    for field in ["external_id", "email", "name", "zone"] {
        let mut user =
            json!({"external_id": "u", "email": "u@recharge.test", "name": "U", "zone": "UTC"});
        user[field] = json!("a\0@recharge.test");
        let told = service.post_new("/accounts", &user).await.refused(422, "invalid_field");
        assert_eq!(told["field"], field);
    }
}

async fn days_at_the_end_of_time_break_nothing(app: TestApp) {
    let account = account_with(&app, 100).await;
    let service = Program::service(&app).await;
    for day in ["-262143-01-01", "0000-01-01", "0001-01-01", "9999-12-31", "%2B262142-12-31"] {
        for query in [format!("from={day}"), format!("to={day}"), format!("from={day}&to={day}")] {
            let told = service.get(&format!("/accounts/{account}/entries?{query}")).await;
            assert!(matches!(told.status.as_u16(), 200 | 422), "{query}: {}", told.json);
        }
        let told = service.get(&format!("/accounts/{account}/usage?cycle={day}")).await;
        assert!(matches!(told.status.as_u16(), 200 | 422), "cycle {day}: {}", told.json);
    }
    for (number, end) in ["9999-12-31T23:59:59Z", "+262142-12-31T00:00:00Z"].iter().enumerate() {
        let grant = json!({"amount": "5", "description": "For ever", "expires_at": end});
        let path = format!("/accounts/{account}/grants");
        let told = service.post(&path, &format!("end-{number}"), &grant).await;
        assert!(matches!(told.status.as_u16(), 201 | 422), "{end}: {}", told.json);
        service.get(&format!("/accounts/{account}/balance")).await.is(200);
        service.get(&format!("/accounts/{account}/entries")).await.is(200);
    }
    app.adds_up().await;
}

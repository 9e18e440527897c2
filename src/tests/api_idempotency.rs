//! An idempotency key stands for one request, on every route that takes one.

use recharge::server::entity::user;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::{
    api::{Told, unique},
    api_access::{Owned, body},
    api_contract::{Route, routes},
    app::TestApp,
    databases::on_both_databases,
};

on_both_databases!(
    a_key_has_its_first_answer_and_stands_for_nothing_else_on_every_route,
    who_is_brought_again_with_the_same_key_is_not_changed_back,
);

/// Its answer tells a secret that is not kept, and which works once: another one is made.
const LINKS: &str = "/accounts/{id}/sign-in-links";

/// Something else for the same route: another body, or another address where there is nothing to
/// say.
async fn something_else(owned: &Owned, route: &Route, asked: &Value) -> Option<Value> {
    let with = |field: &str, value: Value| {
        let mut other = asked.clone();
        other[field] = value;
        Some(other)
    };
    match route.template {
        "/quotes" => with("quantities", json!({"assets": 2, "years": 1, "resolution": "daily"})),
        "/usage" | "/holds" | "/accounts/{id}/grants" | "/holds/{id}/capture" => {
            with("amount", json!("0.5"))
        }
        "/usage/batch" => {
            let item = &asked["items"][0];
            with("items", json!([item, item]))
        }
        "/holds/{id}/release" => with("reason", json!("cancelled")),
        "/holds/{id}/extend" => with("more", json!("1")),
        "/accounts" => with("external_id", json!(unique())),
        "/webhook-endpoints" => with("events", json!([])),
        LINKS | "/webhook-deliveries/{id}/resend" => {
            assert_eq!(asked, &json!({}), "{}", owned.account);
            None
        }
        other => panic!("nobody has said what else is sent to {other}"),
    }
}

/// An answer without what says that it was given before.
fn told(told: &Told) -> Value {
    fn forget(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("replayed");
                fields.values_mut().for_each(forget);
            }
            Value::Array(values) => values.iter_mut().for_each(forget),
            _ => {}
        }
    }
    let mut json = told.json.clone();
    forget(&mut json);
    json
}

async fn a_key_has_its_first_answer_and_stands_for_nothing_else_on_every_route(app: TestApp) {
    let (owned, other) = (Owned::of(&app).await, Owned::of(&app).await);
    let service = &owned.service;
    for route in routes().iter().filter(|route| route.method == "POST") {
        let (path, asked, key) = (owned.path(route).await, body(route, &owned.account), unique());
        let first = service.post(&path, &key, &asked).await;
        assert!(first.status.is_success(), "{path}: {first:?}");
        let again = service.post(&path, &key, &asked).await;
        assert_eq!(again.status, first.status, "{path}");
        if route.template == LINKS {
            assert_ne!(again.json["url"], first.json["url"], "{path}");
        } else {
            assert_eq!(told(&again), told(&first), "{path}");
        }
        let elsewhere = match something_else(&owned, route, &asked).await {
            Some(changed) => (path.clone(), changed),
            None => (other.path(route).await, asked.clone()),
        };
        let reused = service.post(&elsewhere.0, &key, &elsewhere.1).await;
        reused.refused(422, "idempotency_key_reused");
    }
    app.state.ledger.verify().await.unwrap();
}

async fn who_is_brought_again_with_the_same_key_is_not_changed_back(app: TestApp) {
    let owned = Owned::of(&app).await;
    let service = &owned.service;
    let una =
        |name: &str| json!({"external_id": "una", "name": name, "email": "una@recharge.test"});
    let opened = service.post("/accounts", "first", &una("Una")).await.is(201);
    assert_eq!((&opened["opened"], &opened["replayed"]), (&json!(true), &json!(false)));
    let found = service.post("/accounts", "second", &una("Una Green")).await.is(200);
    assert_eq!((&found["opened"], &found["account"]), (&json!(false), &opened["account"]));
    let again = service.post("/accounts", "first", &una("Una")).await.is(201);
    assert_eq!((&again["opened"], &again["replayed"]), (&json!(true), &json!(true)));
    let una = user::Entity::find().filter(user::Column::Email.eq("una@recharge.test"));
    assert_eq!(una.one(app.database.reader()).await.unwrap().unwrap().name, "Una Green");
}

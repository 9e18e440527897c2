//! Who may do what: every route of the description × every kind of key.

use recharge::{credits::AccountId, server::identity::Scope};
use serde_json::{Value, json};

use crate::{
    api::{ALL, Program, Told, account_with, text, unique},
    api_contract::{Route, routes},
    app::TestApp,
    databases::on_both_databases,
    webhooks_hearing::said_to_platform,
};

on_both_databases!(
    nobody_comes_in_without_a_key_that_works,
    what_belongs_to_another_account_is_not_there,
    a_key_does_only_what_its_scopes_say,
    a_service_acts_for_every_account,
);

/// What a route asks of a key. A new route has to be added here, or the tests fail.
pub fn needs(route: &Route) -> (Scope, bool) {
    match (route.method, route.template) {
        ("GET", path) if path.starts_with("/webhook-") => (Scope::Read, true),
        ("POST" | "DELETE", path) if path.starts_with("/webhook-") => (Scope::Spend, true),
        ("GET", _) | ("POST", "/quotes") => (Scope::Read, false),
        ("POST", "/accounts" | "/accounts/{id}/sign-in-links") => (Scope::Spend, true),
        ("POST", "/accounts/{id}/grants") => (Scope::Grant, true),
        ("POST", path) if path.starts_with("/usage") || path.starts_with("/holds") => {
            (Scope::Spend, false)
        }
        (method, path) => panic!("nobody has said what {method} {path} asks of a key"),
    }
}

/// A body with which a route does what it is for, for this account.
pub fn body(route: &Route, account: &AccountId) -> Value {
    let charge = json!({"account": account.0, "operation": "backtest", "amount": "1"});
    match route.template {
        "/quotes" => json!({"account": account.0, "operation": "backtest",
                            "quantities": {"assets": 1, "years": 1, "resolution": "daily"}}),
        "/usage" | "/holds" => charge,
        "/usage/batch" => json!({"items": [charge]}),
        "/holds/{id}/capture" | "/holds/{id}/release" | "/holds/{id}/extend" => json!({}),
        "/accounts/{id}/sign-in-links" | "/webhook-deliveries/{id}/resend" => json!({}),
        "/webhook-endpoints" => json!({"url": "https://1.1.1.1/hooks", "events": ["credits.low"]}),
        "/accounts/{id}/grants" => json!({"amount": "1", "description": "A gift"}),
        "/accounts" => json!({"external_id": unique(), "name": "Una",
                              "email": format!("{}@recharge.test", unique())}),
        other => panic!("nobody has said what is sent to {other}"),
    }
}

/// A customer with credits, and a service that makes what is asked about.
pub struct Owned {
    app: TestApp,
    pub account: AccountId,
    pub service: Program,
}

impl Owned {
    pub async fn of(app: &TestApp) -> Self {
        let account = app.customer().await.account.unwrap();
        crate::api::give(app, &account, 1_000).await;
        Self { app: app.clone(), account, service: Program::service(app).await }
    }

    /// The address of a route for something of the customer: a new hold, or the account.
    pub async fn path(&self, route: &Route) -> String {
        if route.template.starts_with("/holds/{id}") {
            let hold = json!({"account": self.account.0, "operation": "backtest", "amount": "1"});
            let hold = self.service.post_new("/holds", &hold).await.is(201);
            return route.path(&text(&hold, "id"));
        }
        if route.template.starts_with("/webhook-") {
            let (endpoint, message) = said_to_platform(&self.app, &self.account).await;
            let is_message = route.template.starts_with("/webhook-deliveries");
            return route.path(if is_message { &message } else { &endpoint });
        }
        route.path(&self.account.0)
    }

    /// Asks for what belongs to the customer.
    async fn ask(&self, program: &Program, route: &Route) -> Told {
        let path = self.path(route).await;
        match route.method {
            "GET" => program.get(&path).await,
            "DELETE" => program.delete(&path).await,
            _ => program.post_new(&path, &body(route, &self.account)).await,
        }
    }

    async fn rows(&self) -> usize {
        self.service.entries(&self.account, "?kind=spent").await.len()
            + self.service.entries(&self.account, "?kind=granted").await.len()
            + self.service.entries(&self.account, "?kind=released").await.len()
    }
}

/// The outcome of the only charge of a batch counts as that of the route.
fn status(told: &Told) -> u64 {
    let item = told.json.pointer("/results/0/status").and_then(Value::as_u64);
    item.unwrap_or_else(|| told.status.as_u16().into())
}

async fn nobody_comes_in_without_a_key_that_works(app: TestApp) {
    let owned = Owned::of(&app).await;
    let revoked = Program::of(&app, &owned.account).await;
    assert!(app.state.api_keys.revoke(&owned.account, &revoked.key_id).await.unwrap());
    let wrong = format!("Bearer rcg_{}_{}", revoked.key_id, "0".repeat(64));
    let nobody = Program::without_key(&app);
    let wrong = Program { key: Some(wrong), ..nobody.clone() };
    let unknown = format!("Bearer rcg_{}_{}", "0".repeat(16), "0".repeat(64));
    let unknown = Program { key: Some(unknown), ..nobody.clone() };
    let rows = owned.rows().await;
    for route in routes() {
        for (program, code) in [
            (&nobody, "key_missing"),
            (&wrong, "key_invalid"),
            (&unknown, "key_invalid"),
            (&revoked, "key_invalid"),
        ] {
            owned.ask(program, &route).await.refused(401, code);
        }
    }
    assert_eq!(owned.rows().await, rows, "nothing has happened");
}

async fn what_belongs_to_another_account_is_not_there(app: TestApp) {
    let owned = Owned::of(&app).await;
    let other = account_with(&app, 1_000).await;
    let stranger = Program::of(&app, &other).await;
    let rows = owned.rows().await;
    for route in routes() {
        let told = owned.ask(&stranger, &route).await;
        let (_, is_for_services) = needs(&route);
        let expected = match (is_for_services, route.template) {
            (true, _) => 403,
            (false, "/catalogue") => 200,
            (false, _) => 404,
        };
        assert_eq!(status(&told), expected, "{} {}: {}", route.method, route.template, told.json);
        let shown = told.json.to_string();
        assert!(!shown.contains(&owned.account.0), "{} {}: {shown}", route.method, route.template);
    }
    assert_eq!(owned.rows().await, rows, "nothing has happened");
}

async fn a_key_does_only_what_its_scopes_say(app: TestApp) {
    let owned = Owned::of(&app).await;
    for scope in ALL {
        let service = Program::with(&app, None, &[*scope], None).await;
        let mut programs = vec![(service, true)];
        if *scope != Scope::Grant {
            let own = Program::with(&app, Some(&owned.account), &[*scope], None).await;
            programs.push((own, false));
        }
        for (program, is_service) in &programs {
            for route in routes() {
                let (needed, is_for_services) = needs(&route);
                let rows = owned.rows().await;
                let told = owned.ask(program, &route).await;
                let place = format!("{} {} with {scope:?}", route.method, route.template);
                if needed != *scope {
                    told.refused(403, "scope_missing");
                } else if is_for_services && !is_service {
                    told.refused(403, "service_only");
                } else {
                    assert!((200..300).contains(&status(&told)), "{place}: {}", told.json);
                    continue;
                }
                assert_eq!(owned.rows().await, rows, "{place}: something has happened");
            }
        }
    }
}

async fn a_service_acts_for_every_account(app: TestApp) {
    let owned = Owned::of(&app).await;
    for route in routes() {
        let told = owned.ask(&owned.service, &route).await;
        assert!((200..300).contains(&status(&told)), "{}: {}", route.template, told.json);
    }
    app.state.ledger.verify().await.unwrap();
}

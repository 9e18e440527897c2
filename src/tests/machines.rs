//! What machines read of us: who we are, what can be asked, and how. Every example works.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use recharge::{
    credits::{AccountId, Command, Credits, Note, Source, Validity},
    server::{
        http::api,
        identity::{Scope, api_keys::NewApiKey},
    },
};
use serde_json::{Value, json};

use crate::{
    app::{Answer, TestApp},
    databases::on_both_databases,
};

on_both_databases!(
    the_agents_card_says_who_we_are_and_how_to_be_let_in,
    every_example_of_the_agents_card_works,
    every_command_of_the_plain_words_works,
    everybody_may_read_who_we_are,
    below_api_nothing_is_a_page,
    the_documentation_reaches_nothing_else,
);

/// A program with the key of an account that can pay.
struct Program {
    app: TestApp,
    key: String,
    account: AccountId,
}

impl Program {
    async fn new(app: TestApp) -> Self {
        let account = app.customer().await.account.unwrap();
        let command = Command::Grant {
            source: Source::Promotion,
            amount: Credits::try_from_whole(10_000).unwrap(),
            validity: Validity::OneYear,
            purchase: None,
            note: Note::default(),
        };
        app.state.ledger.execute(&account, "grant", command).await.unwrap();
        let scopes = [Scope::Read, Scope::Spend].into_iter().collect();
        let (name, owner) = ("Agent".to_owned(), Some(account.clone()));
        let new = NewApiKey { name, account: owner, scopes, ceiling: None, intent: None };
        let key = app.state.api_keys.make(new).await.unwrap().text.reveal().to_owned();
        Self { app, key, account }
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: Option<String>) -> Answer {
        let request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body.map_or_else(Body::empty, Body::from))
            .unwrap();
        self.app.visitor().send(request).await
    }

    async fn made(&self, path: &str, body: Value) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let answer = self.send("POST", path, &key, Some(body.to_string())).await;
        let made: Value = serde_json::from_str(&answer.body).unwrap();
        made["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    /// Sends an example in which names stand for what earlier answers said.
    async fn accepts(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: Option<String>,
        as_: [&str; 3],
    ) {
        let [quote, hold, account] = as_;
        let asked = json!({
            "operation": "inference",
            "quantities": {"input_tokens": 66_000, "output_tokens": 16_000, "model": "standard"},
        });
        let quoted = self.made("/api/v1/quotes", asked).await;
        let held = self.made("/api/v1/holds", json!({"quote": quoted})).await;
        let told = |text: &str| {
            let text = text.replace(quote, &quoted).replace(hold, &held);
            text.replace(account, &self.account.0)
        };
        let answer = self.send(method, &told(path), key, body.as_deref().map(told)).await;
        assert!(answer.status.is_success(), "{method} {path} {body:?}: {}", answer.body);
    }
}

async fn the_agents_card_says_who_we_are_and_how_to_be_let_in(app: TestApp) {
    let program = Program::new(app).await;
    let card = program.app.visitor().get("/agent.json").await;
    assert_eq!(card.header("content-type"), "application/json");
    let card: Value = serde_json::from_str(&card.body).unwrap();
    assert_eq!(card["name"], "Recharge");
    assert_eq!(card["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(card["provider"], json!({"name": "Recharge", "url": "http://127.0.0.1:3000"}));
    assert_eq!(card["url"], "http://127.0.0.1:3000/api/v1");
    let authentication = &card["authentication"];
    assert_eq!(authentication["type"], "http");
    assert_eq!(authentication["scheme"], "bearer");
    assert_eq!(authentication["header"], "Authorization: Bearer rcg_<id>_<secret>");
    let how = authentication["how"].as_str().unwrap();
    assert!(how.contains("http://127.0.0.1:3000/settings/api-keys"), "{how}");
    // What it says is how it is: so written, a key lets its owner in, and nothing else does.
    let (id, secret) = program.key.strip_prefix("rcg_").unwrap().split_once('_').unwrap();
    assert!(!id.is_empty() && secret.len() >= 43, "{}", program.key);
    let path = format!("/api/v1/accounts/{}/balance", program.account);
    assert_eq!(program.send("GET", &path, "", None).await.status, StatusCode::OK);
    let refused = program.app.visitor().get(&path).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
}

async fn every_example_of_the_agents_card_works(app: TestApp) {
    let program = Program::new(app).await;
    let card = program.app.visitor().get("/.well-known/agent.json").await;
    assert_eq!(card.body, program.app.visitor().get("/agent.json").await.body);
    let card: Value = serde_json::from_str(&card.body).unwrap();
    let skills = card["skills"].as_array().unwrap();
    let ids: Vec<_> = skills.iter().map(|skill| skill["id"].as_str().unwrap()).collect();
    let (operations, steps) = ids.split_at(4);
    assert_eq!(operations, ["inference", "strategy", "backtest", "analysis"]);
    assert_eq!(steps, ["quote", "hold", "capture", "release", "usage", "balance"]);
    for example in skills.iter().flat_map(|skill| skill["examples"].as_array().unwrap()) {
        let text = |name: &str| example[name].as_str().unwrap();
        let key = example["headers"]["Idempotency-Key"].as_str().unwrap_or_default();
        let body = example.get("body").map(Value::to_string);
        let names = ["{quote}", "{hold}", "{account}"];
        program.accepts(text("method"), text("path"), key, body, names).await;
    }
    for link in ["documentation", "openapi", "llms"] {
        let path = card[link].as_str().unwrap().strip_prefix("http://127.0.0.1:3000").unwrap();
        assert_eq!(program.app.visitor().get(path).await.status, StatusCode::OK, "{path}");
    }
}

/// What stands between this and the next mark.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = text.split_once(from)?.1;
    rest.split_once(to).map(|(found, _)| found)
}

async fn every_command_of_the_plain_words_works(app: TestApp) {
    let program = Program::new(app).await;
    let text = program.app.visitor().get("/llms.txt").await.body;
    let commands: Vec<_> = text.split("```sh\n").skip(1).collect();
    assert_eq!(commands.len(), 6);
    for command in commands {
        let command = command.split("\n```").next().unwrap();
        assert!(command.contains("-H \"Authorization: Bearer $RECHARGE_KEY\""), "{command}");
        let method = between(command, "curl -X ", " ").unwrap();
        let path = between(command, "\"http://127.0.0.1:3000", "\"").unwrap();
        let key = between(command, "Idempotency-Key: ", "\"").unwrap_or_default();
        let body = command.split_once("-d '").map(|(_, body)| body.strip_suffix('\'').unwrap());
        let names = ["'$QUOTE'", "$HOLD", "$ACCOUNT"];
        program.accepts(method, path, key, body.map(str::to_owned), names).await;
    }
    for id in ["inference", "strategy", "backtest", "analysis"] {
        assert!(text.contains(&format!("(`{id}`): An operation priced by ")), "{text}");
    }
    assert!(text.contains("66k tokens in, 16k out, Standard class costs 6.5 credits."), "{text}");
}

async fn everybody_may_read_who_we_are(app: TestApp) {
    for path in ["/agent.json", "/.well-known/agent.json", "/llms.txt"] {
        let answer = app.visitor().get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("cache-control"), "public, max-age=60", "{path}");
        assert!(answer.set_cookies().is_empty(), "{path}");
    }
    let elsewhere = app.with_settings(&["--public-url=https://credits.example"]).await;
    let card = elsewhere.visitor().get("/agent.json").await.body;
    assert!(card.contains("\"openapi\":\"https://credits.example/api/v1/openapi.json\""));
    assert!(!card.contains("127.0.0.1"), "{card}");
}

async fn below_api_nothing_is_a_page(app: TestApp) {
    let mut customer = app.customer().await;
    let nowhere = [
        "/api",
        "/api/",
        "/api/v2/quotes",
        "/api/v1",
        "/api/v1/",
        "/api/v1/none",
        "/api/docs/none",
    ];
    for path in nowhere {
        for answer in [app.visitor().get(path).await, customer.get(path).await] {
            let kind = (answer.status, answer.header("content-type"));
            assert_eq!(kind, (StatusCode::NOT_FOUND, "application/problem+json"), "{path}");
        }
    }
    for path in ["/api/docs", "/api/docs/start.js", "/api/v1/openapi.json", "/api/v1/catalogue"] {
        let answer = customer.post(path, &[]).await;
        let kind = (answer.status, answer.header("content-type"));
        assert_eq!(kind, (StatusCode::METHOD_NOT_ALLOWED, "application/problem+json"), "{path}");
    }
}

async fn the_documentation_reaches_nothing_else(app: TestApp) {
    let page = app.visitor().get("/api/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains("<script>") && !page.body.contains("http"), "{}", page.body);
    for (file, kind) in [
        ("start.js", "text/javascript"),
        ("page.css", "text/css"),
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
    ] {
        let answer = app.visitor().get(&format!("/api/docs/{file}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
        assert!(page.body.contains(&format!("/api/docs/{file}")), "{file} is used");
    }
    let moved = app.visitor().get("/api/docs/").await;
    assert_eq!(moved.header("location"), "/api/docs");
}

#[test]
fn the_description_that_is_kept_is_the_one_that_is_served() {
    let kept = include_str!("../server/http/api/openapi.json");
    assert!(
        kept == api::description_text(),
        "The API has changed. Renew the file: \
         cargo run openapi > openapi.json && mv openapi.json src/server/http/api/"
    );
}

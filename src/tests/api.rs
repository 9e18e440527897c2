//! A program with a key. Every answer that it gets is held against the description of the API.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use futures::{StreamExt, stream};
use recharge::{
    credits::{AccountId, Command, Credits, Note, Source, Validity},
    server::{
        identity::{Scope, api_keys::NewApiKey},
        ledger::open_account,
    },
};
use serde_json::Value;

use crate::{
    api_contract,
    app::{TestApp, Visitor},
    commands::credits,
};

/// Who reads and spends.
pub const WORKER: &[Scope] = &[Scope::Read, Scope::Spend];
/// Who does everything.
pub const ALL: &[Scope] = &[Scope::Read, Scope::Spend, Scope::Grant];

/// What a route has answered: method, template and status.
pub type Seen = Arc<Mutex<BTreeSet<(String, String, u16)>>>;

/// A program. Clones are the same program, asking at the same time.
#[derive(Clone)]
pub struct Program {
    /// What it sends as `Authorization`; nothing where it has no key.
    pub key: Option<String>,
    /// The id of its key.
    pub key_id: String,
    /// What it and its clones have been answered.
    pub seen: Seen,
    pub door: Visitor,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
}

/// A request, before it is sent.
pub struct Asked<'a> {
    pub method: Method,
    pub path: &'a str,
    pub idempotency: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub body: Vec<u8>,
}

/// An account in UTC with so many credits, valid for a year.
pub async fn account_with(app: &TestApp, whole: i64) -> AccountId {
    let (connection, now) = (app.database.writer(), app.clock.now());
    let account = open_account(connection, chrono_tz::UTC, 1, now).await.unwrap();
    give(app, &account, whole).await;
    account
}

/// Credits from nowhere in particular.
pub async fn give(app: &TestApp, account: &AccountId, whole: i64) {
    if whole == 0 {
        return;
    }
    let command = Command::Grant {
        source: Source::Promotion,
        amount: credits(whole),
        validity: Validity::OneYear,
        purchase: None,
        note: Note { description: "Test credits".to_owned(), ..Note::default() },
    };
    app.state.ledger.execute(account, &unique(), command).await.unwrap();
}

/// A key that was never used.
pub fn unique() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

impl Program {
    /// A program of an account that may read and spend.
    pub async fn of(app: &TestApp, account: &AccountId) -> Self {
        Self::with(app, Some(account), WORKER, None).await
    }

    /// A service of the platform that may do everything.
    pub async fn service(app: &TestApp) -> Self {
        Self::with(app, None, ALL, None).await
    }

    /// A program with a key of this kind.
    pub async fn with(
        app: &TestApp,
        account: Option<&AccountId>,
        scopes: &[Scope],
        ceiling: Option<Credits>,
    ) -> Self {
        let new = NewApiKey {
            name: "Test".to_owned(),
            account: account.cloned(),
            scopes: scopes.iter().copied().collect(),
            ceiling,
            intent: None,
        };
        let made = app.state.api_keys.make(new).await.unwrap();
        let key = Some(format!("Bearer {}", made.text.reveal()));
        Self { key, key_id: made.key.id, ..Self::without_key(app) }
    }

    /// A program without a key.
    pub fn without_key(app: &TestApp) -> Self {
        let (key_id, seen) = (String::new(), Seen::default());
        Self { key: None, key_id, seen, door: app.visitor() }
    }

    /// Sends JSON to an address below `/api/v1`, once for this idempotency key.
    pub async fn post(&self, path: &str, idempotency: &str, body: &Value) -> Told {
        let asked = Asked {
            method: Method::POST,
            path,
            idempotency: Some(idempotency),
            content_type: Some("application/json"),
            body: body.to_string().into_bytes(),
        };
        self.ask(asked).await
    }

    /// The same with a key of its own.
    pub async fn post_new(&self, path: &str, body: &Value) -> Told {
        self.post(path, &unique(), body).await
    }

    /// Removes what is at an address below `/api/v1`.
    pub async fn delete(&self, path: &str) -> Told {
        let request = Request::delete(format!("/api/v1{path}")).body(Body::empty()).unwrap();
        self.send(&Method::DELETE, path, request).await
    }

    /// Reads an address below `/api/v1`.
    pub async fn get(&self, path: &str) -> Told {
        self.get_unless(path, None).await
    }

    /// Reads an address, unless its tag is this one.
    pub async fn get_unless(&self, path: &str, tag: Option<&str>) -> Told {
        let mut request = Request::get(format!("/api/v1{path}"));
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        self.send(&Method::GET, path, request.body(Body::empty()).unwrap()).await
    }

    /// Sends a request as it is.
    pub async fn ask(&self, asked: Asked<'_>) -> Told {
        let Asked { method, path, idempotency, content_type, body } = asked;
        let mut request = Request::builder().method(&method).uri(format!("/api/v1{path}"));
        if let Some(key) = idempotency {
            request = request.header("idempotency-key", key);
        }
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        self.send(&method, path, request.body(Body::from(body)).unwrap()).await
    }

    /// Sends the beginning of a body, and never the rest.
    pub async fn post_without_end(&self, path: &str) -> Told {
        let begun = stream::once(ready(Ok::<_, Infallible>("{"))).chain(stream::pending());
        let request = Request::post(format!("/api/v1{path}"))
            .header("idempotency-key", unique())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from_stream(begun))
            .unwrap();
        self.send(&Method::POST, path, request).await
    }

    async fn send(&self, method: &Method, path: &str, mut request: Request<Body>) -> Told {
        if let Some(key) = &self.key {
            request.headers_mut().insert(header::AUTHORIZATION, key.parse().unwrap());
        }
        let answer = self.door.clone().send(request).await;
        let told = Told {
            status: answer.status,
            json: serde_json::from_str(&answer.body).unwrap_or_default(),
            headers: answer.headers,
        };
        if let Some(template) = api_contract::hold(method, path, &told, answer.body.is_empty()) {
            let seen = (method.to_string(), template, told.status.as_u16());
            self.seen.lock().unwrap().insert(seen);
        }
        told
    }

    /// What the account has: available and held.
    pub async fn balance(&self, account: &AccountId) -> (String, String) {
        let told = self.get(&format!("/accounts/{account}/balance")).await.is(200);
        (text(&told, "available"), text(&told, "held"))
    }

    /// The rows of the history, newest first.
    pub async fn entries(&self, account: &AccountId, query: &str) -> Vec<Value> {
        let told = self.get(&format!("/accounts/{account}/entries{query}")).await.is(200);
        told["entries"].as_array().unwrap().clone()
    }
}

/// A text of an answer.
#[track_caller]
pub fn text(json: &Value, field: &str) -> String {
    let text = json[field].as_str();
    text.unwrap_or_else(|| panic!("no text {field} in {json}")).to_owned()
}

impl Told {
    /// Holds that the request was answered so, and gives the answer.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.json);
        self.json
    }

    /// Holds that the request was refused so, and gives what was said.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status.as_u16(), self.json["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        self.json
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

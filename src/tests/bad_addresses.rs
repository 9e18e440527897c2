//! Whatever is sent to whatever address: it is answered, in words, and never with a fault of ours.

use std::collections::BTreeSet;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, StatusCode, Uri, header},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use stripe_simulator::{Config, Simulator};

use crate::{
    api::{Program, account_with, unique},
    api_access, api_contract,
    app::{TestApp, Visitor},
    corpus::{
        HEADERS, METHODS, VALUES, addresses, bodies, disguises, filled, long, names, queries,
    },
    databases::on_both_databases,
    logging::Logged,
};

on_both_databases!(
    an_odd_address_is_no_fault_of_ours,
    an_odd_query_or_header_is_no_fault_of_ours,
    an_odd_form_is_no_fault_of_ours,
    an_odd_call_of_the_api_is_no_fault_of_ours,
    what_is_no_address_is_refused_in_words,
);

/// The same server while it sells, at Stripe's stand-in: what is switched off is answered with 503.
async fn selling(app: &TestApp) -> (TestApp, Simulator) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let address = format!("--stripe-api-base={}", stripe.base_url());
    let keys = ["--stripe-secret-key=sk_test_x", "--stripe-webhook-secret=whsec_x"];
    (app.with_settings(&[keys.as_slice(), &[&address]].concat()).await, stripe)
}

/// Who sends it.
struct Sender {
    visitor: Visitor,
    key: Option<String>,
}

/// One request, and what it is called where it fails.
type Sent = (String, Request<Body>);

fn request(method: &str, uri: &[u8], content_type: &str, body: Vec<u8>) -> Option<Sent> {
    // What is no address even in form is refused by hyper: `connections` sends it over a socket.
    let uri = Uri::try_from(uri).ok()?;
    let said = format!("{method} {} ({content_type}) {}", uri, String::from_utf8_lossy(&body));
    let said = said.chars().take(600).collect();
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = uri;
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    Some((said, request))
}

fn get(path: &str) -> Option<Sent> {
    request("GET", path.as_bytes(), "", Vec::new())
}

/// Everybody who may see something.
struct Senders {
    nobody: Sender,
    customer: Sender,
    staff: Sender,
    service: Sender,
}

impl Senders {
    async fn new(app: &TestApp) -> Self {
        let person = |visitor| Sender { visitor, key: None };
        let key = Program::service(app).await.key;
        Self {
            nobody: person(app.visitor()),
            customer: person(app.customer().await),
            staff: person(app.staff().await),
            service: Sender { visitor: app.visitor(), key },
        }
    }

    /// The one who may see what is at this address.
    fn of(&self, path: &str) -> &Sender {
        match path {
            _ if path.starts_with("/api/") => &self.service,
            _ if path.starts_with("/support") => &self.staff,
            _ if path.starts_with("/settings") => &self.customer,
            _ => &self.nobody,
        }
    }
}

impl Sender {
    /// Whether an address knows a method, which only one who may see it finds out.
    async fn finds(&self, method: &str, path: &str) -> bool {
        let (_, sent) = request(method, path.as_bytes(), "", Vec::new()).unwrap();
        self.visitor.begin(sent).await.status() != StatusCode::METHOD_NOT_ALLOWED
    }

    /// Sends all of them, and holds that each is answered in words and without an error in the log.
    async fn sends(&self, all: Vec<Option<Sent>>) {
        let sent = all.into_iter().flatten().map(|(said, mut request)| async move {
            if let Some(key) = &self.key {
                let headers = request.headers_mut();
                headers.insert(header::AUTHORIZATION, key.parse().unwrap());
                let key = HeaderValue::from_str(&unique()).unwrap();
                headers.entry("idempotency-key").or_insert(key);
            }
            let is_head = request.method() == Method::HEAD;
            let logged = Logged::new();
            let (parts, body) = self.visitor.begin(request).await.into_parts();
            let status = parts.status;
            // A stream of events doesn't end.
            let is_read = status.is_client_error() || status.is_server_error();
            let body = if is_read { body } else { Body::empty() };
            let body = to_bytes(body, 1024 * 1024).await.unwrap();
            let body = String::from_utf8_lossy(&body);
            assert!(!status.is_server_error(), "{said}\n{status} {body}");
            let is_bare = status.is_client_error() && body.trim().is_empty();
            assert!(!is_bare || is_head, "{said}\n{status} without a word");
            assert!(!logged.text().contains("ERROR"), "{said}\n{}", logged.text());
        });
        // One at a time: what is logged belongs to this one.
        stream::iter(sent).for_each(|sending| sending).await;
    }
}

async fn an_odd_address_is_no_fault_of_ours(app: TestApp) {
    let senders = Senders::new(&app).await;
    for address in addresses() {
        let mut sent = Vec::new();
        let path = filled(&address, "x");
        sent.extend(disguises(&path).iter().map(|path| get(path)));
        sent.extend(METHODS.map(|method| request(method, path.as_bytes(), "", Vec::new())));
        if filled(&address, "y") != path {
            sent.extend(VALUES.map(|value| get(&filled(&address, value))));
            sent.push(get(&filled(&address, &long())));
            let raw = [filled(&address, "").as_bytes(), b"\xff\xfe"].concat();
            sent.push(request("GET", &raw, "", Vec::new()));
        }
        senders.of(&path).sends(sent).await;
        // Those that look like the address itself: the gate may be fooled.
        let anonymous = disguises(&path).iter().take(5).map(|path| get(path)).collect();
        senders.nobody.sends(anonymous).await;
    }
}

async fn an_odd_query_or_header_is_no_fault_of_ours(app: TestApp) {
    let (names, senders) = (names(), Senders::new(&app).await);
    for address in addresses() {
        let path = filled(&address, "x");
        let sender = senders.of(&path);
        // What the API reads in an address has a test of its own.
        let is_read = !path.starts_with("/api/") && sender.finds("GET", &path).await;
        let queries = if is_read { queries(&names) } else { Vec::new() };
        let mut sent: Vec<_> = queries.iter().map(|it| get(&format!("{path}?{it}"))).collect();
        for (name, value) in HEADERS {
            let mut odd = get(&path).unwrap();
            odd.0.push_str(name);
            odd.1.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
            sent.push(Some(odd));
        }
        sender.sends(sent).await;
    }
}

async fn an_odd_form_is_no_fault_of_ours(app: TestApp) {
    let (names, (app, _stripe)) = (names(), selling(&app).await);
    let senders = Senders::new(&app).await;
    for address in addresses() {
        let path = filled(&address, "x");
        let sender = senders.of(&path);
        let is_form = sender.finds("POST", &path).await;
        let bodies = bodies(&names).into_iter().take(if is_form { usize::MAX } else { 2 });
        let sent =
            bodies.map(|(content_type, body)| request("POST", path.as_bytes(), content_type, body));
        sender.sends(sent.collect()).await;
    }
}

/// Every value in every place of a good body.
fn spoiled(good: &Value) -> Vec<Value> {
    let odd = [
        Value::Null,
        json!("a\u{0}b"),
        json!("\u{1b}\u{7f}\u{202e}"),
        json!(""),
        json!("x".repeat(50_000)),
        json!("99999999999999999999999999"),
        json!(1e308),
        json!(-1),
        json!(u64::MAX),
        json!([]),
        json!({"\u{0}": {}}),
        json!(true),
    ];
    let Value::Object(fields) = good else { return odd.to_vec() };
    let mut all = odd.to_vec();
    for (name, value) in fields {
        for odd in spoiled(value) {
            let mut body = good.clone();
            body[name] = odd;
            all.push(body);
        }
    }
    let optional = ["account", "quote", "amount", "description", "reference", "ttl_seconds"];
    for name in optional.into_iter().filter(|name| !fields.contains_key(*name)) {
        for odd in odd.clone() {
            let mut body = good.clone();
            body[name] = odd;
            all.push(body);
        }
    }
    all
}

async fn an_odd_call_of_the_api_is_no_fault_of_ours(app: TestApp) {
    let account = account_with(&app, 1_000).await;
    let service = Senders::new(&app).await.service;
    for route in api_contract::routes() {
        let path = format!("/api/v1{}", route.path(&account.0));
        let mut sent = Vec::new();
        if route.method == "POST" {
            for body in spoiled(&api_access::body(&route, &account)) {
                let body = body.to_string().into_bytes();
                sent.push(request("POST", path.as_bytes(), "application/json", body));
            }
        }
        let parameters = route.operation["parameters"].as_array().cloned().unwrap_or_default();
        let named = parameters.iter().filter(|it| it["in"] == "query");
        let named: BTreeSet<_> = named.map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        for name in &named {
            let values = VALUES.iter().map(|value| get(&format!("{path}?{name}={value}")));
            sent.extend(values);
            sent.push(get(&format!("{path}?{name}={}", long())));
        }
        service.sends(sent).await;
    }
    app.adds_up().await;
}

async fn what_is_no_address_is_refused_in_words(app: TestApp) {
    for (method, uri) in [
        ("CONNECT", "recharge.test:443"),
        ("CONNECT", "/settings/credits"),
        ("GET", "recharge.test:443"),
        ("OPTIONS", "*"),
    ] {
        let (said, sent) = request(method, uri.as_bytes(), "", Vec::new()).unwrap();
        let answer = app.visitor().send(sent).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{said}");
        assert!(answer.body.contains("Nothing was changed"), "{said}: {}", answer.body);
    }
    // A page that is there is not shown under another address, past the gate.
    let customer = app.customer().await;
    for path in ["/./settings/credits", "/x/../settings/credits", "//settings/credits"] {
        let answer = customer.clone().get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("There is nothing here"), "{path}: {}", answer.body);
    }
}

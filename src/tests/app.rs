//! The server in a test, with the product's verbs.
//!
//! ```ignore
//! async fn a_customer_sees_their_credits(app: TestApp) {
//!     let mut customer = app.customer().await;
//!     let page = customer.get("/settings/credits").await;
//!     assert_eq!(page.status, StatusCode::OK);
//! }
//! on_both_databases!(a_customer_sees_their_credits);
//! ```

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use clap::Parser;
use http_body_util::BodyExt;
use recharge::{
    credits::AccountId,
    server::{
        AppState,
        catalogue::file as catalogue_file,
        clock::Clock,
        config::{Config, Settings},
        database::Database,
        identity::{self, NewUser, Role},
        router::router,
        serve,
    },
};
use tower::ServiceExt;

use crate::databases::{Given, TestDatabase};

/// The password of everybody that a test adds.
pub const PASSWORD: &str = "recharge-demo";
/// What the settings are where a test says nothing else; nothing comes from the environment.
const DEFAULTS: [&str; 10] = [
    "--public-url=http://127.0.0.1:3000",
    "--stripe-secret-key=",
    "--stripe-webhook-secret=",
    "--stripe-api-base=http://127.0.0.1:9",
    "--site-addr=127.0.0.1:3000",
    "--site-root=target/site",
    "--environment=DEV",
    "--terms-url=",
    "--smtp-url=",
    "--mail-folder=target/mail",
];

/// The server, on a database of its own.
#[derive(Clone)]
pub struct TestApp {
    /// Its time, which a test may move.
    pub clock: Clock,
    /// Its database.
    pub database: Database,
    /// All that its handlers use: the ledger, the catalogue, …
    pub state: AppState,
    router: Router,
    /// Where its database lives; the last clone removes it.
    pub home: Arc<TestDatabase>,
}

/// Somebody with a browser: keeps cookies, follows nothing by itself.
#[derive(Clone)]
pub struct Visitor {
    /// The address to sign in with, where they can.
    pub email: String,
    /// Their account, where they are a customer.
    pub account: Option<AccountId>,
    /// What the browser keeps.
    pub cookies: BTreeMap<String, String>,
    /// The network address they come from.
    pub address: SocketAddr,
    router: Router,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The content.
    pub body: String,
}

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

impl Given for TestApp {
    async fn given(database: TestDatabase) -> Self {
        let connected = database.another_process().await;
        Self::start(Arc::new(database), connected, Clock::default(), &[]).await
    }
}

impl TestApp {
    /// Another server on the same database and clock, with these settings: `--public-url=…`.
    pub async fn with_settings(&self, settings: &[&str]) -> Self {
        let database = self.home.another_process().await;
        Self::start(Arc::clone(&self.home), database, self.clock.clone(), settings).await
    }

    /// Another server on the same database and clock, and every statement with which it reads.
    pub async fn counting(&self) -> (Self, Arc<Mutex<Vec<String>>>) {
        let queries = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&queries);
        let mut database = self.home.another_process().await;
        database.on_read(move |sql| log.lock().unwrap().push(sql.to_owned()));
        let app = Self::start(Arc::clone(&self.home), database, self.clock.clone(), &[]).await;
        (app, queries)
    }

    /// The server on this connection to its database, at this time, with these settings.
    pub async fn start(
        home: Arc<TestDatabase>,
        database: Database,
        clock: Clock,
        settings: &[&str],
    ) -> Self {
        let url = format!("--database-url={}", home.url);
        let line = [&["recharge", &url], DEFAULTS.as_slice(), settings].concat();
        let config = Config::new(Line::try_parse_from(line).unwrap().settings).unwrap();
        let catalogue = catalogue_file::load(config.catalogue.as_deref()).unwrap();
        let started = serve::start(config, &catalogue, database.clone(), clock.clone()).await;
        let state = started.unwrap();
        Self { clock, database, router: router(state.clone()), state, home }
    }

    /// Somebody whom we don't know, from a network address of their own.
    pub fn visitor(&self) -> Visitor {
        static VISITORS: AtomicU32 = AtomicU32::new(0);
        let number = VISITORS.fetch_add(1, Ordering::Relaxed);
        Visitor {
            email: String::new(),
            account: None,
            cookies: BTreeMap::new(),
            address: SocketAddr::from(((0x0a00_0000 + number).to_be_bytes(), 40_000)),
            router: self.router.clone(),
        }
    }

    /// A new customer with an empty account in UTC, signed in.
    pub async fn customer(&self) -> Visitor {
        self.customer_in("UTC").await
    }

    /// A new customer with an empty account in a time zone, signed in.
    pub async fn customer_in(&self, zone: &str) -> Visitor {
        let mut customer = self.visitor();
        customer.email = new_email("customer");
        customer.account = self.add_user(&customer.email, Role::Customer, zone).await;
        customer.sign_in().await.redirects_to("/settings/credits");
        customer
    }

    /// A new member of staff, signed in.
    pub async fn staff(&self) -> Visitor {
        let mut staff = self.visitor();
        staff.email = new_email("support");
        self.add_user(&staff.email, Role::Support, "UTC").await;
        staff.sign_in().await.redirects_to("/support");
        staff
    }

    /// Adds somebody who can sign in with [`PASSWORD`].
    pub async fn add_user(&self, email: &str, role: Role, zone: &str) -> Option<AccountId> {
        let new = NewUser {
            email: email.parse().unwrap(),
            name: "Somebody".to_owned(),
            role,
            zone: zone.parse().unwrap(),
            password_hash: self.state.passwords.hash(PASSWORD).await.unwrap(),
        };
        identity::add(&self.database, new, self.clock.now()).await.unwrap()
    }
}

fn encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn new_email(who: &str) -> String {
    format!("{who}-{}@recharge.test", uuid::Uuid::now_v7().simple())
}

impl Visitor {
    /// Signs in with their address and [`PASSWORD`].
    pub async fn sign_in(&mut self) -> Answer {
        let email = self.email.clone();
        self.sign_in_as(&email, PASSWORD, "").await
    }

    /// Sends the form of the sign-in page.
    pub async fn sign_in_as(&mut self, email: &str, password: &str, next: &str) -> Answer {
        self.post("/sign-in", &[("email", email), ("password", password), ("next", next)]).await
    }

    /// Signs out.
    pub async fn sign_out(&mut self) -> Answer {
        self.post("/sign-out", &[]).await
    }

    /// Asks for a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form of our own site.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_from("same-origin", path, form).await
    }

    /// Sends a form from where the browser says that it stood: same-origin, same-site, cross-site.
    pub async fn post_from(&mut self, site: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let form = encoded(form);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site)
            .body(Body::from(form))
            .unwrap();
        self.send(request).await
    }

    /// Sends any request, with the cookies, and keeps those that come back.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.begin(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        self.keep_cookies(&answer);
        answer
    }

    /// Sends any request, with the cookies, and returns when the answer begins.
    pub async fn begin(&self, mut request: Request<Body>) -> Response {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        headers.entry(header::HOST).or_insert("127.0.0.1:3000".parse().unwrap());
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(self.address));
        self.router.clone().oneshot(request).await.unwrap()
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.set_cookies() {
            let (pair, flags) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if flags.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Answer {
    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Every cookie that is to be kept or forgotten.
    pub fn set_cookies(&self) -> Vec<&str> {
        let cookies = self.headers.get_all(header::SET_COOKIE);
        cookies.iter().map(|cookie| cookie.to_str().unwrap()).collect()
    }

    /// Holds that this sends the browser elsewhere.
    #[track_caller]
    pub fn redirects_to(&self, location: &str) {
        assert_eq!((self.status, self.header("location")), (StatusCode::SEE_OTHER, location));
    }
}

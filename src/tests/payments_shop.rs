//! A shop in a test: our doors on a real port, Stripe's stand-in, and customers.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use recharge::{
    credits::{AccountId, Credits, Purchase, PurchaseState},
    server::{
        catalogue::{Catalogues, file as catalogue_file},
        clock::{Clock, to_millis},
        database::Database,
        entity::{lot, purchase, stripe_event, user},
        http::{buying, stripe_webhook},
        identity::Customer,
        ledger::{Ledger, open_account},
        payments::{Buyer, Choice, Payments, Report, Settings},
        secret::Secret,
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use stripe_simulator::{Config, PayOutcome, Retry, Simulator};
use tokio::{net::TcpListener, task::JoinHandle};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    books,
    databases::{Given, TestDatabase},
    prices::agreed,
};

/// Opens the simulator's API, and signs the webhooks.
pub const SECRET_KEY: &str = "sk_test_shop";
pub const WEBHOOK_SECRET: &str = "whsec_test";
/// No test waits longer for what must come.
pub const SOON: Duration = Duration::from_secs(20);

/// The shop with all that belongs to it.
pub struct Shop {
    pub clock: Clock,
    pub ledger: Ledger,
    pub payments: Payments,
    /// Stripe.
    pub stripe: Simulator,
    /// Where our doors are.
    pub address: SocketAddr,
    router: Router,
    server: JoinHandle<()>,
    // The last to go: its connections must be closed before a database is removed.
    pub test: TestDatabase,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Where the browser is sent.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Given for Shop {
    async fn given(database: TestDatabase) -> Self {
        Self::open(database).await
    }
}

impl Shop {
    /// Opens a shop whose webhooks arrive.
    pub async fn open(test: TestDatabase) -> Self {
        Self::open_at(test, Clock::default()).await
    }

    /// Opens a shop that goes by this clock.
    pub async fn open_at(test: TestDatabase, clock: Clock) -> Self {
        let shop = Self::open_unheard(test, clock).await;
        let webhook = format!("http://{}/webhooks/stripe", shop.address);
        shop.stripe.add_endpoint(&webhook, WEBHOOK_SECRET).unwrap();
        shop
    }

    /// Opens a shop whose webhooks go to another process.
    pub async fn open_with_webhooks_to(test: TestDatabase, webhook: &str) -> Self {
        let shop = Self::open_unheard(test, Clock::default()).await;
        shop.stripe.add_endpoint(webhook, WEBHOOK_SECRET).unwrap();
        shop
    }

    async fn open_unheard(test: TestDatabase, clock: Clock) -> Self {
        let retry = Retry { first_wait: Duration::from_millis(100), ..Retry::default() };
        let config = Config { retry, ..Config::default() };
        let stripe = Simulator::start(config).await.unwrap();
        let ledger = Ledger::start(test.database.clone(), clock.clone());
        let settings = settings(&stripe.base_url());
        let payments = sell(&test.database, &clock, &ledger, settings).await;
        let router = stripe_webhook::routes(payments.clone());
        let (address, server) = serve(router.clone()).await;
        Self { clock, ledger, payments, stripe, address, router, server, test }
    }

    /// A new customer with an empty account.
    pub async fn customer(&self) -> Buyer {
        let connection = self.test.database.writer();
        let now = self.clock.now();
        let account = open_account(connection, chrono_tz::UTC, 1, now).await.unwrap();
        let id = format!("usr_{}", Uuid::now_v7().simple());
        let email = format!("{id}@recharge.test");
        let row = user::Model {
            id: id.clone(),
            email: email.clone(),
            name: "Somebody".to_owned(),
            password_hash: String::new(),
            role: "customer".to_owned(),
            account_id: Some(account.0.clone()),
            created_at: to_millis(now),
        };
        row.into_active_model().reset_all().insert(connection).await.unwrap();
        Buyer { user: id, account, email }
    }

    /// A purchase of 5,000 credits for $230.00, waiting on Stripe's page.
    pub async fn order(&self, buyer: &Buyer) -> Purchase {
        let choice = Choice::Package("trader".to_owned());
        let intent = Uuid::new_v4().to_string();
        let purchase = self.payments.checkout(buyer, &choice, &intent, &agreed()).await.unwrap();
        assert_eq!(purchase.state, PurchaseState::Open, "{}", purchase.reason);
        purchase
    }

    /// Pays on Stripe's page.
    pub fn pay(&self, purchase: &Purchase) {
        self.stripe.pay(session(purchase), PayOutcome::Paid).unwrap();
    }

    /// Waits until Stripe has nothing to tell any more.
    pub async fn hears_all(&self) {
        assert!(self.stripe.idle(SOON).await, "{:#?}", self.stripe.deliveries());
    }

    /// The purchase as it is now.
    pub async fn look(&self, purchase: &Purchase) -> Purchase {
        self.payments.purchase(&purchase.account, &purchase.id).await.unwrap().unwrap()
    }

    /// What can be spent.
    pub async fn available(&self, buyer: &Buyer) -> Credits {
        self.ledger.balance(&buyer.account).await.unwrap().0
    }

    /// Reconciles whatever waits.
    pub async fn reconcile(&self) -> Report {
        self.payments.reconcile(TimeDelta::zero()).await.unwrap()
    }

    /// How many lots a purchase became.
    pub async fn lots(&self, purchase: &Purchase) -> usize {
        let lots = lot::Entity::find().filter(lot::Column::PurchaseId.eq(&purchase.id));
        lots.all(self.test.database.reader()).await.unwrap().len()
    }

    /// The purchase in its table.
    pub async fn row(&self, purchase: &Purchase) -> purchase::Model {
        let found = purchase::Entity::find_by_id(&purchase.id);
        found.one(self.test.database.reader()).await.unwrap().unwrap()
    }

    /// Every purchase that was written down.
    pub async fn all_purchases(&self) -> Vec<purchase::Model> {
        purchase::Entity::find().all(self.test.database.reader()).await.unwrap()
    }

    /// Every event that was kept.
    pub async fn events(&self) -> Vec<stripe_event::Model> {
        stripe_event::Entity::find().all(self.test.database.reader()).await.unwrap()
    }

    /// Holds what must hold after everything: Σ entries = Σ lots = balance, at most one lot per
    /// purchase, a lot exactly where a purchase is credited, and every payment with a lot or an
    /// open review.
    pub async fn books_agree(&self) {
        books::add_up(&self.ledger, &self.test.database, &self.clock).await;
        let lots = lot::Entity::find().all(self.test.database.reader()).await.unwrap();
        let paid: Vec<String> = self
            .stripe
            .sessions()
            .iter()
            .filter(|session| session["payment_status"] == "paid")
            .map(|session| session["id"].as_str().unwrap().to_owned())
            .collect();
        for row in self.all_purchases().await {
            let is_its = |lot: &&lot::Model| lot.purchase_id.as_ref() == Some(&row.id);
            let became = lots.iter().filter(is_its).count();
            assert!(became <= 1, "{} became {became} lots", row.id);
            assert_eq!(row.state == "credited", became == 1, "{row:?}");
            let is_paid = row.stripe_session.as_ref().is_some_and(|id| paid.contains(id));
            if is_paid {
                assert!(matches!(row.state.as_str(), "credited" | "needs_review"), "{row:?}");
            }
        }
    }

    /// Sends a form as this customer.
    pub async fn post(&self, buyer: &Buyer, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.doors_for(buyer).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The doors of buying as the gate opens them for this customer.
    pub fn doors_for(&self, buyer: &Buyer) -> Router {
        let customer = Customer {
            user: buyer.user.clone(),
            account: buyer.account.clone(),
            name: "Somebody".to_owned(),
            email: buyer.email.clone(),
            unread: 0,
        };
        buying::routes(self.payments.clone()).layer(Extension(customer))
    }

    /// The door of the webhook, without a network.
    pub fn webhook_door(&self) -> Router {
        self.router.clone()
    }

    /// Another process on the same database, with its own ledger.
    pub async fn another_process(&self) -> Payments {
        let database = self.test.another_process().await;
        let ledger = Ledger::start(database.clone(), self.clock.clone());
        sell(&database, &self.clock, &ledger, settings(&self.stripe.base_url())).await
    }
}

/// The session of a purchase.
pub fn session(purchase: &Purchase) -> &str {
    purchase.stripe_session.as_deref().unwrap()
}

/// Settings for a Stripe at this address.
pub fn settings(stripe: &str) -> Settings {
    Settings {
        secret_key: Some(Secret::new(SECRET_KEY)),
        webhook_secrets: vec![Secret::new("whsec_older"), Secret::new(WEBHOOK_SECRET)],
        api_base: stripe.parse().unwrap(),
        public_url: "http://shop.test".parse().unwrap(),
        terms_url: None,
        patience: Duration::from_secs(2),
    }
}

/// Sells from the embedded catalogue.
pub async fn sell(
    database: &Database,
    clock: &Clock,
    ledger: &Ledger,
    settings: Settings,
) -> Payments {
    let embedded = catalogue_file::load(None).unwrap();
    let catalogues = Catalogues::open(database.clone(), clock.clone(), &embedded).await.unwrap();
    Payments::new(database.clone(), clock.clone(), ledger.clone(), catalogues, settings).unwrap()
}

/// Serves on a free port.
pub async fn serve(router: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

/// What an account of a foreign customer would be called.
pub fn nobody() -> AccountId {
    AccountId("acc_nobody".to_owned())
}

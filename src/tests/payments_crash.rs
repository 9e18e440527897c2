//! kill −9: a process of its own takes the payment and dies at the worst moments.
//!
//! The moment is chosen by a lock: the test holds the row that the process needs next, sees it
//! wait there, and kills it. Only PostgreSQL has such locks; on SQLite the process dies at many
//! moments instead.

use std::{
    process::{Child, Command},
    time::Duration,
};

use recharge::{
    credits::{Credits, Purchase, PurchaseState},
    server::payments::Buyer,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, TransactionTrait};
use stripe_simulator::WebhookPolicy;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    databases::TestDatabase,
    payments_shop::{SECRET_KEY, SOON, Shop, WEBHOOK_SECRET, session},
};

const BOUGHT: Credits = Credits::from_thousandths(5_000_000);

/// A shop whose webhooks go to a process that can be killed.
pub struct Fragile {
    pub shop: Shop,
    address: String,
    process: Option<Child>,
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fragile {
    pub async fn open(test: TestDatabase) -> Self {
        // A port that was free a moment ago.
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = probe.local_addr().unwrap().to_string();
        drop(probe);
        let webhook = format!("http://{address}/webhooks/stripe");
        let shop = Shop::open_with_webhooks_to(test, &webhook).await;
        shop.stripe.webhooks(WebhookPolicy::drop_all());
        Self { shop, address, process: None }
    }

    /// Starts the process and waits until it listens.
    pub async fn start(&mut self) {
        let process = Command::new(env!("CARGO_BIN_EXE_recharge"))
            .env("DATABASE_URL", &self.shop.test.url)
            .env("PUBLIC_URL", format!("http://{}", self.address))
            .env("LEPTOS_SITE_ADDR", &self.address)
            .env("STRIPE_API_BASE", self.shop.stripe.base_url())
            .env("STRIPE_SECRET_KEY", SECRET_KEY)
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let end = Instant::now() + SOON;
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            assert!(Instant::now() < end, "the process does not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL: nothing is finished, nothing is told.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// A paid purchase that nobody has been told of.
    async fn paid(&self) -> (Buyer, Purchase) {
        let buyer = self.shop.customer().await;
        let purchase = self.shop.order(&buyer).await;
        self.shop.pay(&purchase);
        (buyer, purchase)
    }

    /// Stripe tells the process, as often as it takes.
    fn tell(&self, purchase: &Purchase) {
        let shop = &self.shop;
        shop.stripe.webhooks(WebhookPolicy::default());
        let object = shop.stripe.object(session(purchase)).unwrap();
        shop.stripe.send_event("checkout.session.completed", object);
        shop.stripe.webhooks(WebhookPolicy::drop_all());
    }
}

/// After the restart: one lot, whoever completes it.
async fn is_whole(shop: &Shop, buyer: &Buyer, purchase: &Purchase) {
    assert_eq!(shop.lots(purchase).await, 1);
    assert_eq!(shop.look(purchase).await.state, PurchaseState::Credited);
    assert_eq!(shop.available(buyer).await, BOUGHT);
    shop.books_agree().await;
}

/// A row that nobody else can change until the transaction is dropped.
async fn locked(connection: &DatabaseConnection, query: &str) -> DatabaseTransaction {
    let transaction = connection.begin().await.unwrap();
    transaction.execute_unprepared(&format!("{query} FOR UPDATE")).await.unwrap();
    transaction
}

/// Until another connection waits for what a transaction has locked.
pub async fn somebody_waits_for(connection: &DatabaseConnection, locking: &DatabaseTransaction) {
    let own = number(locking, "SELECT pg_backend_pid()").await.unwrap();
    let query =
        format!("SELECT pid FROM pg_stat_activity WHERE {own} = ANY(pg_blocking_pids(pid))");
    let end = Instant::now() + SOON;
    loop {
        if number(connection, &query).await.is_some() {
            return;
        }
        assert!(Instant::now() < end, "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The database notices that the process whose statements wait is dead, and ends what it did for
/// it: else they would go on as soon as they could.
pub async fn noticed(connection: &DatabaseConnection) {
    let theirs = "FROM pg_stat_activity WHERE datname = current_database()
                  AND backend_type = 'client backend'
                  AND state = 'active' AND pid <> pg_backend_pid()";
    while number(connection, &format!("SELECT pid {theirs}")).await.is_some() {
        let end = format!("SELECT pg_terminate_backend(pid) {theirs}");
        connection.execute_unprepared(&end).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn number(connection: &impl ConnectionTrait, query: &str) -> Option<i32> {
    let query = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, query);
    let row = connection.query_one_raw(query).await.unwrap()?;
    Some(row.try_get_by_index(0).unwrap())
}

/// Stripe has told of a payment: it is written down, and the ledger waits for the account.
async fn told_while_locked(
    fragile: &Fragile,
    connection: &DatabaseConnection,
) -> (Buyer, Purchase, DatabaseTransaction) {
    let (buyer, purchase) = fragile.paid().await;
    let account = format!("SELECT 1 FROM accounts WHERE id = '{}'", buyer.account);
    let lock = locked(connection, &account).await;
    fragile.tell(&purchase);
    somebody_waits_for(connection, &lock).await;
    (buyer, purchase, lock)
}

async fn on_postgres() -> (Fragile, DatabaseConnection) {
    let test = TestDatabase::postgres().await;
    let connection = sea_orm::Database::connect(&test.url).await.unwrap();
    let mut fragile = Fragile::open(test).await;
    fragile.start().await;
    (fragile, connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_between_stripe_and_the_lot_the_reconciler_completes() {
    let (mut fragile, connection) = on_postgres().await;
    let (buyer, purchase, lock) = told_while_locked(&fragile, &connection).await;
    fragile.kill();
    noticed(&connection).await;
    lock.rollback().await.unwrap();
    assert_eq!(fragile.shop.lots(&purchase).await, 0);
    assert_eq!(fragile.shop.look(&purchase).await.state, PurchaseState::Processing);
    fragile.shop.reconcile().await;
    is_whole(&fragile.shop, &buyer, &purchase).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_between_the_lot_and_the_commit_nothing_is_left_and_the_restart_completes() {
    let (mut fragile, connection) = on_postgres().await;
    let (buyer, purchase, before) = told_while_locked(&fragile, &connection).await;
    // The statement that writes the lot also changes the purchase, which we hold now.
    let row = format!("SELECT 1 FROM purchases WHERE id = '{}'", purchase.id);
    let between = locked(&connection, &row).await;
    before.rollback().await.unwrap();
    somebody_waits_for(&connection, &between).await;
    fragile.kill();
    noticed(&connection).await;
    between.rollback().await.unwrap();
    assert_eq!(fragile.shop.lots(&purchase).await, 0, "what was not committed is gone");
    fragile.start().await;
    fragile.tell(&purchase);
    fragile.shop.hears_all().await;
    is_whole(&fragile.shop, &buyer, &purchase).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_after_the_commit_before_the_answer_nothing_happens_twice() {
    let (mut fragile, connection) = on_postgres().await;
    let (buyer, purchase, before) = told_while_locked(&fragile, &connection).await;
    // The outcome of the event is written after the commit and before the answer.
    let events = locked(&connection, "SELECT 1 FROM stripe_events").await;
    before.rollback().await.unwrap();
    somebody_waits_for(&connection, &events).await;
    assert_eq!(fragile.shop.lots(&purchase).await, 1);
    fragile.kill();
    events.rollback().await.unwrap();
    fragile.start().await;
    fragile.shop.hears_all().await;
    fragile.shop.reconcile().await;
    is_whole(&fragile.shop, &buyer, &purchase).await;
    let kept = fragile.shop.events().await;
    assert!(kept.iter().all(|event| event.handled_at.is_some()), "{kept:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_on_sqlite_there_is_one_lot_after_the_restart() {
    let mut fragile = Fragile::open(TestDatabase::sqlite().await).await;
    for round in 0..12 {
        fragile.start().await;
        let (buyer, purchase) = fragile.paid().await;
        fragile.tell(&purchase);
        // Taking a payment lasts some ten milliseconds here: the rounds step through it.
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        fragile.kill();
        let before = fragile.shop.lots(&purchase).await;
        assert!(before <= 1);
        fragile.shop.ledger.verify().await.unwrap();
        fragile.start().await;
        fragile.shop.hears_all().await;
        fragile.shop.reconcile().await;
        is_whole(&fragile.shop, &buyer, &purchase).await;
        fragile.kill();
    }
}

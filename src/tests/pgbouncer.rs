//! PgBouncer between the program and PostgreSQL, Debian's, which knows no named statements in
//! transaction mode.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use recharge::{
    credits::PurchaseState,
    server::{
        clock::Clock,
        database::{Database, Limits},
        entity::job,
        ledger::Ledger,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use stripe_simulator::WebhookPolicy;
use tempfile::TempDir;

use crate::{
    api_load::Worker,
    beside::Beside,
    charges::{CALLERS, Charges},
    cluster::{is_root, owner},
    databases::{Given, TestDatabase},
    payments_shop::{SECRET_KEY, Shop, WEBHOOK_SECRET},
    program::{fails_with, free_port, recharge},
    session_locks::{holder, until},
};

/// A running PgBouncer before the database of a test.
struct Pooler {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Pooler {
    fn before(test: &TestDatabase, mode: &str) -> Self {
        let database = url::Url::parse(&test.url).unwrap();
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n
             auth_type = any\npool_mode = {mode}\ndefault_pool_size = 5\n",
            database.port().unwrap(),
        );
        let settings: String = settings.lines().map(|line| format!("{}\n", line.trim())).collect();
        std::fs::write(folder.path().join("settings.ini"), settings).unwrap();
        let mut pooler = Self { folder, port, process: None };
        pooler.start();
        pooler
    }

    fn start(&mut self) {
        let program =
            std::env::var("PGBOUNCER").expect("PGBOUNCER: run `make check` or `make test`");
        let mut command = Command::new(program);
        if is_root() {
            command.args(["-u", &owner()]);
        }
        command.arg(self.folder.path().join("settings.ini"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// The database's address through it.
    fn url(&self, test: &TestDatabase, mode: &str) -> String {
        let mut url = url::Url::parse(&test.url).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.set_query(Some(&format!("pool_mode={mode}")));
        url.to_string()
    }

    /// Connects through it, as soon as it listens.
    async fn connect(&self, test: &TestDatabase, mode: &str) -> Database {
        let url = self.url(test, mode);
        for _ in 0..500 {
            let direct = Some(test.url.as_str());
            if let Ok(database) = Database::connect_with(&url, direct, Limits::SERVING).await {
                return database;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("PgBouncer does not start");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The ledger works through it, also when it is killed under load and comes back.
async fn works_through_a_pooler(mode: &str) {
    let test = TestDatabase::postgres().await;
    let mut pooler = Pooler::before(&test, mode);
    let database = pooler.connect(&test, mode).await;
    database.migrate().await.unwrap();
    let charges = Charges::begin(Ledger::start(database, Clock::default()), &test.database).await;
    charges.until_acknowledged(20 * CALLERS).await;
    pooler.kill();
    pooler.start();
    let again = charges.until_acknowledged(1).await;
    charges.until_acknowledged(20 * CALLERS).await;
    charges.end(&test.database).await.report(1, again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_that_gives_each_transaction_another_connection_the_books_are_right() {
    works_through_a_pooler("transaction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_that_gives_each_session_a_connection_the_books_are_right() {
    works_through_a_pooler("session").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_migrations_ask_for_the_way_past_it() {
    let test = TestDatabase::postgres().await;
    let pooler = Pooler::before(&test, "transaction");
    pooler.connect(&test, "transaction").await;
    let folder = TempDir::new().unwrap();
    let url = pooler.url(&test, "transaction");
    let refused = recharge(folder.path()).args(["migrate", "--database-url", &url]).output();
    fails_with(&refused.unwrap(), "DATABASE_DIRECT_URL");
    let migrated = recharge(folder.path())
        .args(["migrate", "--database-url", &url, "--database-direct-url", &test.url])
        .output();
    assert!(migrated.unwrap().status.success());
}

/// The whole program, whose jobs find a payment that no webhook has told of. PostgreSQL ends the
/// session with its lock if that goes through PgBouncer, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_the_program_serves_and_does_its_jobs_and_has_its_lock_past_it() {
    let shop = Shop::given(TestDatabase::postgres().await).await;
    let (test, stripe) = (&shop.test, shop.stripe.base_url());
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let purchase = shop.order(&shop.customer().await).await;
    shop.pay(&purchase);
    let mut pooler = Pooler::before(test, "transaction");
    pooler.connect(test, "transaction").await;
    let settings = [
        ("DATABASE_DIRECT_URL", test.url.as_str()),
        ("STRIPE_API_BASE", &stripe),
        ("STRIPE_SECRET_KEY", SECRET_KEY),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
    ];
    let program = Beside::start(&pooler.url(test, "transaction"), &settings).await;
    let is_ready = async || matches!(program.asked("/readyz").await, Some((200, _)));
    until("it is not ready", is_ready).await;
    let worker = Worker::new(test, &program.address).await;
    grants_and_charges(&worker, "first").await;
    let is_credited = async || shop.look(&purchase).await.state == PurchaseState::Credited;
    until("the purchase is not credited", is_credited).await;
    until("no reconciling has ended well", async || has_reconciled(test).await).await;
    until("there is no lock", async || holder(test).await.is_some()).await;

    let holds_the_lock = holder(test).await;
    pooler.kill();
    pooler.start();
    grants_and_charges(&worker, "after PgBouncer was killed").await;
    until("it is not ready again", is_ready).await;
    assert_eq!(holder(test).await, holds_the_lock, "its session ended with PgBouncer");
}

/// Sends a grant and a charge until each is acknowledged.
async fn grants_and_charges(worker: &Worker, name: &str) {
    for errand in [0, 2] {
        let (path, body) = worker.errand(errand, None);
        let sent = (path, format!("{name}-{errand}"), body);
        until("a request is never acknowledged", async || worker.send(&sent).await.is_some()).await;
    }
}

async fn has_reconciled(test: &TestDatabase) -> bool {
    let ended = job::Entity::find()
        .filter(job::Column::Name.eq("reconcile"))
        .filter(job::Column::FinishedAt.is_not_null())
        .filter(job::Column::Error.is_null());
    ended.one(test.database.reader()).await.unwrap().is_some()
}

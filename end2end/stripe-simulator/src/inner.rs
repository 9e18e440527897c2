//! What all parts of one simulator share, and the tasks that belong to it.
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::idempotency::Replies;
use crate::api::recorder::Recorder;
use crate::books::{Books, Settings};
use crate::config::Config;
use crate::fault::Faults;
use crate::webhooks::Courier;

/// One simulator's state. Locks are held for moments, never across an await.
pub struct Inner {
    pub config: Config,
    pub books: Mutex<Books>,
    pub courier: Mutex<Courier>,
    pub faults: Mutex<Faults>,
    pub recorder: Mutex<Recorder>,
    pub replies: Mutex<Replies>,
    /// Counts changes of deliveries, so that others can wait for them.
    pub delivered: watch::Sender<u64>,
    runtime: Handle,
    tasks: Mutex<JoinSet<()>>,
}

/// Locks, whatever a panicking test left behind.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub fn new(config: Config, base_url: String) -> Arc<Self> {
        let settings = settings(&config, base_url);
        Arc::new(Self {
            courier: Mutex::new(Courier::new(config.webhooks.clone())),
            config,
            books: Mutex::new(Books::new(settings)),
            faults: Mutex::default(),
            recorder: Mutex::default(),
            replies: Mutex::default(),
            delivered: watch::Sender::new(0),
            runtime: Handle::current(),
            tasks: Mutex::default(),
        })
    }

    /// Changes the books, then sends out the events that the change wrote.
    pub fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut Books) -> T) -> T {
        let (outcome, outbox) = {
            let mut books = lock(&self.books);
            books.advance();
            let outcome = change(&mut books);
            (outcome, std::mem::take(&mut books.outbox))
        };
        for event in outbox {
            self.publish(&event);
        }
        outcome
    }

    /// Runs a task that ends with the simulator.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    /// Ends every task.
    pub fn stop(&self) {
        lock(&self.tasks).abort_all();
    }

    /// Lets time pass: what falls due happens within this interval.
    pub async fn keep_time(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.change(|_| ());
        }
    }

    /// Moves the account's clock and does what falls due.
    pub fn advance_clock(self: &Arc<Self>, by: Duration) {
        lock(&self.books).clock_ahead += i64::try_from(by.as_secs()).unwrap_or_default();
        self.change(|_| ());
    }

    /// Forgets everything but the configuration and the endpoints.
    pub fn reset(&self) {
        let mut books = lock(&self.books);
        *books = Books::new(books.settings.clone());
        lock(&self.courier).forget();
        lock(&self.faults).clear();
        lock(&self.recorder).clear();
        lock(&self.replies).clear();
    }
}

fn settings(config: &Config, base_url: String) -> Settings {
    let base_url =
        config.public_url.as_ref().map_or(base_url, |url| url.trim_end_matches('/').to_owned());
    let terms = config.terms_of_service_url.as_ref();
    Settings {
        terms_of_service_url: terms
            .map(|url| if url.starts_with('/') { format!("{base_url}{url}") } else { url.clone() }),
        base_url,
        merchant: config.merchant.clone(),
        settle_after: config.settle_after,
    }
}

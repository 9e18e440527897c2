//! The platform at work: a program that spends through the public HTTP API, for the demo and for
//! soak tests. It knows the server only as any other program does, and checks its books at the end.

mod books;
mod client;
mod settings;
mod tally;
mod work;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::credits::Credits;
use books::Account;
use client::{Charged, Client, Failure, Held, Quoted};
use tally::Tally;
use work::{Catalogue, Course, Platform, Work};

pub use settings::Load;

/// A worker whose accounts all rest looks again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Why the load could not be driven, or what it found, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The server said no, or nothing.
    #[error("The load ended: {0}.")]
    Failed(#[from] Failure),
    /// The catalogue is empty.
    #[error("The server's catalogue has no operations.")]
    NothingToDo,
    /// The client can't be made.
    #[error("The client can't be made: {0}.")]
    Client(#[from] reqwest::Error),
    /// What was told and what is written differ.
    #[error("The books of {0} account(s) are not as told; see above.")]
    Books(usize),
    /// Nobody listens.
    #[error("The progress could not be written: {0}.")]
    Output(#[from] io::Error),
}

/// What the workers share.
struct Shared {
    client: Client,
    catalogue: Catalogue,
    accounts: Vec<Account>,
    tally: Arc<Tally>,
    /// Names this run in keys and references.
    run: String,
    works: AtomicU64,
    pace: Option<Mutex<Interval>>,
    notices: mpsc::UnboundedSender<String>,
    stop: CancellationToken,
}

/// Drives the load until the time is over or `stop` is cancelled, and says how it goes.
///
/// # Errors
/// Where the server refuses what it should do, or its books are not as it told.
pub async fn simulate(
    load: Load,
    stop: CancellationToken,
    out: &mut (impl Write + Send),
) -> Result<(), LoadError> {
    let (notices, heard) = mpsc::unbounded_channel();
    let shared = Arc::new(begin(&load, stop, notices).await?);
    let accounts = shared.accounts.len();
    writeln!(out, "Driving {} for {accounts} account(s), as {}.", load.url, shared.run)?;
    let mut workers = JoinSet::new();
    for number in 0..u64::from(load.in_flight.get()) {
        let platform = Platform::new(load.seed.wrapping_add(number), load.failures);
        workers.spawn(keep_working(Arc::clone(&shared), platform));
    }
    let ended = watch(&shared, load.duration, workers, heard, out).await;
    writeln!(out, "{}", shared.tally.look().summary())?;
    ended?;
    compare(&shared, out).await
}

async fn begin(
    load: &Load,
    stop: CancellationToken,
    notices: mpsc::UnboundedSender<String>,
) -> Result<Shared, LoadError> {
    let tally = Arc::new(Tally::default());
    let client = Client::new(&load.url, load.key.clone(), Arc::clone(&tally))?;
    let catalogue: Catalogue = client.reach("/catalogue").await?;
    let first = catalogue.operations.first().ok_or(LoadError::NothingToDo)?;
    // Never the same: a seed repeats what is asked for, not the requests themselves.
    let run = format!("load_{:012x}", rand::rng().random::<u64>() >> 16);
    let mut accounts = Vec::new();
    let named: Vec<_> = match load.account.as_slice() {
        [] => vec![None],
        named => named.iter().map(|id| Some(id.as_str())).collect(),
    };
    for named in named {
        accounts.push(Account::begin(&client, named, &first.operation, &run).await?);
    }
    let pace = (load.rate > 0).then(|| {
        let mut pace = interval(Duration::from_secs(1) / load.rate);
        // A late one is made up for, though never by more than are in flight.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Mutex::new(pace)
    });
    let works = AtomicU64::new(0);
    Ok(Shared { client, catalogue, accounts, tally, run, works, pace, notices, stop })
}

/// Tells the progress until all workers have ended; what a worker could not carry out ends all.
async fn watch(
    shared: &Shared,
    duration: Option<Duration>,
    mut workers: JoinSet<Result<(), Failure>>,
    mut heard: mpsc::UnboundedReceiver<String>,
    out: &mut (impl Write + Send),
) -> Result<(), LoadError> {
    let begun = Instant::now();
    let mut told = interval(TOLD_EVERY);
    told.tick().await;
    let mut ended = Ok(());
    loop {
        tokio::select! {
            joined = workers.join_next() => match joined {
                None => return ended,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => {
                    shared.stop.cancel();
                    if ended.is_ok() { ended = Err(failure.into()); }
                }
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            },
            Some(notice) = heard.recv() => writeln!(out, "{notice}")?,
            _ = told.tick() => {
                writeln!(out, "{}", shared.tally.look().line(begun.elapsed()))?;
                out.flush()?;
                if duration.is_some_and(|duration| begun.elapsed() >= duration) {
                    shared.stop.cancel();
                }
            }
        }
    }
}

async fn compare(shared: &Shared, out: &mut (impl Write + Send)) -> Result<(), LoadError> {
    let operation = shared.catalogue.operations.first().ok_or(LoadError::NothingToDo)?;
    let mut wrong = 0;
    for account in &shared.accounts {
        let compared = account.compare(&shared.client, &operation.operation, &shared.run).await?;
        writeln!(out, "{}", compared.sentence)?;
        wrong += usize::from(!compared.agrees);
    }
    if wrong == 0 { Ok(()) } else { Err(LoadError::Books(wrong)) }
}

/// One operation after another until it is time to stop; what was begun is brought to its end.
async fn keep_working(shared: Arc<Shared>, mut platform: Platform) -> Result<(), Failure> {
    while !shared.stop.is_cancelled() {
        let Some(account) = shared.ready_account(&mut platform) else {
            shared.pause(sleep(LOOK_AGAIN)).await;
            continue;
        };
        if let Some(pace) = &shared.pace {
            shared.pause(async { pace.lock().await.tick().await }).await;
            if shared.stop.is_cancelled() {
                break;
            }
        }
        let Some(work) = platform.next(&shared.catalogue) else { break };
        let number = shared.works.fetch_add(1, Ordering::Relaxed);
        let outcome = shared.carry_out(account, &work, &format!("{}-{number}", shared.run)).await;
        outcome.or_else(|failure| shared.refused(account, failure))?;
    }
    Ok(())
}

impl Shared {
    fn ready_account(&self, platform: &mut Platform) -> Option<&Account> {
        let ready: Vec<_> = self.accounts.iter().filter(|account| account.is_ready()).collect();
        ready.get(platform.below(ready.len())).copied()
    }

    /// Waits for this, or until it is time to stop.
    async fn pause<T>(&self, what: impl Future<Output = T>) {
        tokio::select! {
            _ = what => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Quotes, sets aside, and settles. `name` is the reference of its rows.
    async fn carry_out(&self, account: &Account, work: &Work, name: &str) -> Result<(), Failure> {
        let Work { operation, quantities, course } = work;
        let id = &account.id;
        if *course == Course::ChargedAfterwards {
            let body = json!({
                "account": id, "operation": operation, "quantities": quantities, "reference": name,
            });
            let done: Charged = self.client.post("/usage", name, &body).await?;
            self.charged(account, done.charged);
            return Ok(());
        }
        let body = json!({"account": id, "operation": operation, "quantities": quantities});
        let quote: Quoted = self.client.post("/quotes", &format!("{name}-quote"), &body).await?;
        let body = json!({"account": id, "quote": quote.id, "reference": name});
        let hold: Held = self.client.post("/holds", &format!("{name}-hold"), &body).await?;
        account.row();
        self.settle(account, &hold, *course, name).await
    }

    async fn settle(
        &self,
        account: &Account,
        hold: &Held,
        course: Course,
        name: &str,
    ) -> Result<(), Failure> {
        let path = |verb| format!("/holds/{}/{verb}", hold.id);
        let (Course::Held { extended, .. } | Course::Failed { extended }) = course else {
            return Ok(());
        };
        if extended {
            let longer = json!({"ttl_seconds": 7200});
            let key = format!("{name}-extend");
            let _: Value = self.client.post(&path("extend"), &key, &longer).await?;
            account.row();
        }
        if let Course::Held { percent, .. } = course {
            let part = Credits::from_thousandths(hold.amount.thousandths() * percent / 100);
            let body = if percent == 100 { json!({}) } else { json!({"amount": part.plain()}) };
            let key = format!("{name}-capture");
            let done: Held = self.client.post(&path("capture"), &key, &body).await?;
            self.charged(account, done.captured);
        } else {
            let body = json!({"reason": "failed"});
            let key = format!("{name}-release");
            let _: Held = self.client.post(&path("release"), &key, &body).await?;
            account.ended(Credits::ZERO);
            self.tally.failed();
        }
        Ok(())
    }

    fn charged(&self, account: &Account, credits: Credits) {
        account.ended(credits);
        self.tally.charged(credits);
    }

    /// What an account or a key can't pay is counted; anything else was not meant to happen.
    fn refused(&self, account: &Account, failure: Failure) -> Result<(), Failure> {
        let Failure::Refused { status, problem, .. } = &failure else { return Err(failure) };
        if *status != 402 && problem.code != "above_ceiling" {
            return Err(failure);
        }
        self.tally.refused();
        if *status == 402 && account.rest() {
            let way_out = match (&problem.top_up_url, &problem.caps_url) {
                (Some(place), _) => format!("Top up at {place}"),
                (None, Some(place)) => format!("Raise the cap at {place}"),
                (None, None) => "Top up at the site".to_owned(),
            };
            let notice =
                format!("{}: {} {way_out}; it goes on by itself.", account.id, problem.detail);
            // Nobody listens once the run has ended.
            self.notices.send(notice).ok();
        }
        Ok(())
    }
}

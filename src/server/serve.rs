//! The life of the server: start, serve, end.
//!
//! An error at the start is one sentence. SIGINT or SIGTERM ends the program. At first it serves on
//! for as long as the settings say, but is no longer ready, so that a balancer sends its requests
//! elsewhere; a second signal cuts that short. Then it accepts nothing new, ends event streams and
//! finishes requests. The ledger writes what it was given, and compares once more what it has
//! acknowledged. All of that takes at most [`GRACE`].

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    AppState, Parts,
    catalogue::{
        Catalogues,
        file::{self, CatalogueFile},
    },
    clock::Clock,
    clock_watch::{self, ClockWatch},
    config::Config,
    connections::{self, Connections, Doors, Listeners, Patience},
    database::{Database, Limits},
    deadlines::Deadlines,
    http::api::Pacemaker,
    identity::{ApiKeys, Passwords, Throttle},
    jobs::{JobCounts, Jobs},
    ledger::{COMPARE_EVERY, Ledger, Place},
    news::Newsroom,
    notices::Notices,
    opening::{connect_within, refuse_risks},
    payments::{self, Payments},
    pulse::Pulse,
    quotes::Quotes,
    readiness::Readiness,
    rehearsal,
    router::{reserve_router, router},
    schema,
    signals::end_on_signal,
    static_files,
    webhooks::{self, Webhooks},
};

pub use super::{
    opening::{check_schema, connect, migrate},
    start_error::StartError,
};

/// Lets tests start a process whose machine has a wrong clock; absent from what is released.
#[cfg(debug_assertions)]
const MACHINE_CLOCK: &str = "RECHARGE_MACHINE_CLOCK_MS";
/// How long the end may take: less than what supervisors wait before they kill.
const GRACE: Duration = Duration::from_secs(10);
/// How much of it requests may take, so that the ledger has the rest.
const GRACE_FOR_REQUESTS: Duration = Duration::from_secs(7);
/// How much of it jobs may take: what they leave is taken up when their claim has ended.
const GRACE_FOR_JOBS: Duration = Duration::from_millis(7_500);
/// How much of it payments may take: what they leave, the reconciler takes up.
const GRACE_FOR_PAYMENTS: Duration = Duration::from_secs(8);

/// The descriptors that every system gives a process, until [`serve`] knows the limit.
const DESCRIPTORS: u64 = 1_024;

/// Returns the clock that the settings ask for. It is not trusted until it is compared.
#[must_use]
pub fn clock(config: &Config) -> Clock {
    let clock = Clock::ahead_by(config.clock_ahead);
    #[cfg(debug_assertions)]
    if let Some(shift_ms) = std::env::var(MACHINE_CLOCK).ok().and_then(|text| text.parse().ok()) {
        clock.shift_machine(chrono::TimeDelta::milliseconds(shift_ms));
        clock.believe();
    }
    clock.distrust();
    clock
}

/// Returns the clock for a command that writes by it, after a comparison with the database.
///
/// # Errors
/// If it is off, or can't be compared.
pub async fn trusted_clock(config: &Config, database: &Database) -> Result<Clock, StartError> {
    let clock = clock(config);
    clock_watch::prove(database, &clock).await.map_err(StartError::Clock)?;
    Ok(clock)
}

/// Serves until it is asked to end.
///
/// # Errors
/// Where it can't start.
pub async fn serve(config: Config) -> Result<(), StartError> {
    let address = config.leptos.site_addr;
    let catalogue = file::load(config.catalogue.as_deref())?;
    // The port first: a second server must not touch the database of the first.
    let listeners =
        Listeners::open(address).map_err(|source| StartError::Listen { address, source })?;
    let seats = Connections::new(connections::raise_limit());
    let database = connect_within(&config, Limits::SERVING).await?;
    refuse_risks(&config, &database).await?;
    migrate(&config, &database).await?;
    let clock = clock(&config);
    let state = start(config, &catalogue, database, clock).await?;
    let state = state.with(|parts| parts.connections = seats.clone());
    let place = place_of_acknowledged(&state.config);
    state.ledger.keep_acknowledged(place, state.readiness.clone(), COMPARE_EVERY).await;
    let (shutdown, ledger) = (state.shutdown.clone(), state.ledger.clone());
    let (payments, webhooks) = (state.payments.clone(), state.webhooks.clone());
    let pulse = state.pulse.clone().watch(shutdown.clone());
    end_on_signal(state.config.drain, state.draining.clone(), shutdown.clone())
        .map_err(|error| StartError::System(format!("No signals can be caught: {error}")))?;
    let (readiness, clock) = (state.readiness.clone(), state.clock.clone());
    let clock_watch = ClockWatch::resume(state.database.clone(), clock, readiness).await;
    clock_watch.start(shutdown.clone());
    let watching = state.catalogues.watch(shutdown.clone());
    let (tables, readiness) = (state.database.clone(), state.readiness.clone());
    tokio::spawn(schema::watch(tables, readiness, shutdown.clone(), schema::EVERY));
    let jobs = Jobs::of(&state).start(shutdown.clone());

    tracing::info!(
        addresses = ?listeners.addresses(),
        handed_over = listeners.is_handed_over(),
        connections = seats.most(),
        "serving at {}",
        state.config.public_url
    );
    static_files::warn_if_missing(&state.config);
    let serving = tokio::spawn(connections::serve(listeners, seats, doors(state)));
    shutdown.cancelled().await;
    let asked_at = Instant::now();
    tracing::info!("ending");
    if timeout_at(asked_at + GRACE_FOR_REQUESTS, serving).await.is_err() {
        tracing::warn!("some requests were not finished in time");
    }
    watching.await.ok();
    pulse.await.ok();
    if timeout_at(asked_at + GRACE_FOR_JOBS, jobs).await.is_err() {
        tracing::warn!("a job was left to the next start");
    }
    if timeout_at(asked_at + GRACE_FOR_PAYMENTS, payments.close()).await.is_err() {
        tracing::warn!("a payment was left to the next start");
    }
    if timeout_at(asked_at + GRACE_FOR_PAYMENTS, webhooks.close()).await.is_err() {
        tracing::warn!("what became of some webhooks is not known: they will be sent again");
    }
    if timeout_at(asked_at + GRACE, ledger.close()).await.is_err() {
        tracing::error!("the ledger could not finish in time");
    }
    tracing::info!("ended");
    Ok(())
}

/// Returns the routers and the limits for connections.
fn doors(state: AppState) -> Doors {
    Doors {
        idle: state.config.idle,
        patience: Patience::SERVING,
        draining: state.draining.clone(),
        shutdown: state.shutdown.clone(),
        reserve: reserve_router(state.clone()),
        main: router(state),
    }
}

/// Everything that handlers use, put together.
///
/// # Errors
/// Where the machine refuses, or the catalogue can't be published.
pub async fn start(
    config: Config,
    catalogue: &CatalogueFile,
    database: Database,
    clock: Clock,
) -> Result<AppState, StartError> {
    let passwords = Passwords::new().map_err(|error| StartError::System(error.to_string()))?;
    let readiness = Readiness::default();
    ClockWatch::begin(database.clone(), clock.clone(), readiness.clone()).await;
    rehearsal::enter(&config, &database, &clock).await?;
    let catalogues = Catalogues::open(database.clone(), clock.clone(), catalogue).await?;
    let ledger = Ledger::start(database.clone(), clock.clone());
    let payments = Payments::new(
        database.clone(),
        clock.clone(),
        ledger.clone(),
        catalogues.clone(),
        selling(&config),
    )
    .map_err(StartError::System)?;
    let webhooks = open_webhooks(&config, &database, &clock)?;
    let mail = config.mail.clone();
    let notices = Notices::new(database.clone(), catalogues.clone(), ledger.clone(), mail);
    let shutdown = CancellationToken::new();
    let news = Newsroom::new(database.clone(), clock.clone(), payments.changes(), shutdown.clone());
    let pulse = Pulse::new(database.clone(), clock.clone(), ledger.clone(), readiness.clone());
    Ok(AppState::from(Parts {
        webhooks,
        notices,
        news,
        pacemaker: Pacemaker::new(config.paces),
        api_keys: ApiKeys::new(database.clone(), clock.clone()),
        quotes: Quotes::new(database.clone(), clock.clone(), catalogues.clone()),
        catalogues,
        ledger,
        payments,
        config: Arc::new(config),
        database,
        clock,
        passwords,
        throttle: Throttle::default(),
        job_counts: JobCounts::default(),
        deadlines: Deadlines::SERVING,
        readiness,
        pulse,
        connections: Connections::new(DESCRIPTORS),
        draining: CancellationToken::new(),
        shutdown,
    }))
}

/// The webhooks of a database.
///
/// # Errors
/// Where no secure connections can be made.
pub fn open_webhooks(
    config: &Config,
    database: &Database,
    clock: &Clock,
) -> Result<Webhooks, StartError> {
    let settings = webhooks::Settings::new(config.webhook_allow_private);
    Webhooks::new(database.clone(), clock.clone(), settings).map_err(StartError::System)
}

/// What selling depends on.
fn selling(config: &Config) -> payments::Settings {
    let keys = config.stripe.as_ref();
    payments::Settings {
        secret_key: keys.map(|keys| keys.secret_key.clone()),
        webhook_secrets: keys.map(|keys| keys.webhook_secrets.clone()).unwrap_or_default(),
        api_base: config.stripe_api_base.clone(),
        public_url: config.public_url.clone(),
        terms_url: config.terms_url.clone(),
        patience: payments::Settings::PATIENCE,
    }
}

fn place_of_acknowledged(config: &Config) -> Place {
    Place::of(config.database_url.reveal(), config.acknowledged_folder.as_deref())
}

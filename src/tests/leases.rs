//! A process that dies at work stops nobody for long: what was paid is credited within a minute,
//! whatever one process suffers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use recharge::{
    credits::{Credits, Purchase, PurchaseState},
    server::{
        clock::Clock,
        database::Database,
        entity::{job, outbox},
        jobs::{Done, Job, JobError, Jobs, Pace},
        outbox::{Attempt, Channel, keep, lease, settle},
        payments::Buyer,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use stripe_simulator::{Fault, WebhookPolicy};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    app::TestApp,
    beside::Beside,
    databases::on_both_databases,
    jobs::{MINUTE, counting, die_at_work, dying, is_at_work, to_next_minute},
    mail::waiting,
    payments_shop::{SECRET_KEY, SOON, Shop, WEBHOOK_SECRET, session},
    survival::Found,
};

on_both_databases!(
    a_message_is_sent_by_another_when_its_sender_is_silent_for_a_lease,
    the_slot_of_a_process_that_died_is_taken_over_when_its_lease_has_ended,
    a_process_whose_clock_is_ahead_takes_over_nothing_that_lives,
    a_process_that_works_for_long_says_again_and_again_that_it_lives,
    who_has_failed_leaves_the_next_slot_to_others,
    a_job_at_work_holds_off_its_next_slot,
    a_process_that_is_killed_at_reconciling_delays_a_paid_purchase_by_a_lease_at_most,
);

/// Until somebody takes over what a killed process was at: far less than the product's lease.
pub const TAKEN_OVER: Duration = Duration::from_secs(12);

/// The pace of a process that looks often. On PostgreSQL it keeps to the product's lease, because
/// the session lock shows sooner that a process is gone.
pub fn watchful(database: &Database) -> Pace {
    let lease = if database.is_sqlite() { Duration::from_secs(1) } else { Pace::PRODUCT.lease };
    Pace { lease, look: Duration::from_millis(100), ..Pace::PRODUCT }
}

async fn the_slot_of_a_process_that_died_is_taken_over_when_its_lease_has_ended(app: TestApp) {
    let day = Duration::from_hours(24);
    die_at_work(&app, day).await;
    let (jobs, _) = counting(day);
    let jobs = Jobs::new(&app.state, jobs);
    assert!(jobs.run_due().await.unwrap().is_empty(), "nobody knows yet that it died");
    let seen_long_ago = "UPDATE jobs SET seen_at = seen_at - 10000";
    app.home.tamper(seen_long_ago).await;
    assert!(jobs.run_due().await.unwrap().is_empty(), "it may just be late");
    app.home.tamper("UPDATE jobs SET seen_at = seen_at - 5001").await;
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    assert!(jobs.run_due().await.unwrap().is_empty());
}

async fn a_process_whose_clock_is_ahead_takes_over_nothing_that_lives(app: TestApp) {
    to_next_minute(&app);
    die_at_work(&app, MINUTE).await;
    let ahead = app.state.clone().with(|parts| parts.clock = Clock::default());
    ahead.clock.advance(TimeDelta::hours(1));
    let (jobs, _) = counting(MINUTE);
    assert!(Jobs::new(&ahead, jobs).run_due().await.unwrap().is_empty());
}

async fn a_process_that_works_for_long_says_again_and_again_that_it_lives(app: TestApp) {
    let day = Duration::from_hours(24);
    let pace = Pace { renewal: Duration::from_millis(50), ..Pace::PRODUCT };
    let jobs = Jobs::new(&app.state, dying(day)).at_pace(pace);
    let working = tokio::spawn(async move { jobs.run_due().await.map(|_| ()) });
    while !is_at_work(&app, app.clock.now()).await {
        tokio::task::yield_now().await;
    }
    let (other, _) = counting(day);
    let other = Jobs::new(&app.state, other);
    let seen_at = async || {
        let row = job::Entity::find().one(app.database.reader()).await.unwrap();
        row.unwrap().seen_at
    };
    for _ in 0..3 {
        // Two such silences are longer than its lease.
        let aged = seen_at().await - 8_000;
        app.home.tamper(&format!("UPDATE jobs SET seen_at = {aged}")).await;
        let end = Instant::now() + SOON;
        while seen_at().await < aged + 8_000 {
            assert!(Instant::now() < end, "it does not say that it lives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(other.run_due().await.unwrap().is_empty(), "it lives");
    }
    working.abort();
}

async fn who_has_failed_leaves_the_next_slot_to_others(app: TestApp) {
    let every = Duration::from_millis(200);
    let pace = Pace { handicap: Duration::from_secs(10), ..Pace::PRODUCT };
    let failures = Arc::new(AtomicU64::new(0));
    let failing = Job::new("count", every, Arc::clone(&failures), |failures, _| async move {
        failures.fetch_add(1, Ordering::SeqCst);
        Err(JobError::new("its network is broken"))
    });
    let (jobs, runs) = counting(every);
    let ending = CancellationToken::new();
    let first = Jobs::new(&app.state, vec![failing]).at_pace(pace).start(ending.clone());
    while failures.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = Jobs::new(&app.state, jobs).start(ending.clone());
    // Of a single slot it could be chance.
    while runs.load(Ordering::SeqCst) < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    ending.cancel();
    first.await.unwrap();
    second.await.unwrap();
}

async fn a_job_at_work_holds_off_its_next_slot(app: TestApp) {
    to_next_minute(&app);
    die_at_work(&app, MINUTE).await;
    let (jobs, _) = counting(MINUTE);
    let jobs = Jobs::new(&app.state, jobs);
    app.clock.advance(TimeDelta::minutes(1));
    assert!(jobs.run_due().await.unwrap().is_empty(), "it may still be at the slot before");
    app.home.tamper("UPDATE jobs SET seen_at = seen_at - 15001").await;
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    // A claim from a future that the database's clock has stepped back from holds nothing off.
    app.clock.advance(TimeDelta::minutes(1));
    die_at_work(&app, MINUTE).await;
    app.home.tamper("UPDATE jobs SET seen_at = seen_at + 86400000").await;
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
}

async fn a_message_is_sent_by_another_when_its_sender_is_silent_for_a_lease(app: TestApp) {
    let account = app.customer().await.account.unwrap();
    for cause in ["one", "two"] {
        waiting(&app, &account, cause).await;
    }
    let lease = async || lease(&app.database, Channel::Mail, 10, app.clock.now()).await.unwrap();
    let taken = lease().await;
    assert_eq!(taken.len(), 2);
    let kept = keep(&app.database, &taken);
    let failed = Attempt::Failed { error: "away".to_owned(), again_after: Some(SOON) };
    settle(&app.database, &taken[1].0, &failed, app.clock.now()).await.unwrap();
    let end = Instant::now() + SOON;
    let due = async || {
        let rows = outbox::Entity::find().order_by_asc(outbox::Column::Id);
        let rows = rows.all(app.database.reader()).await.unwrap();
        [rows[0].due_at, rows[1].due_at]
    };
    let before = due().await;
    while due().await[0] < before[0] + 5_000 {
        assert!(Instant::now() < end, "the lease is not renewed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(due().await[1], before[1], "what was settled stays as it is");
    drop(kept);
    app.clock.advance(TimeDelta::seconds(10));
    assert!(lease().await.iter().all(|(message, _)| message.id != taken[0].0.id), "it lives");
    app.clock.advance(TimeDelta::seconds(20));
    assert!(lease().await.iter().any(|(message, _)| message.id == taken[0].0.id));
}

/// Whether somebody is reconciling.
pub async fn is_reconciling(shop: &Shop) -> bool {
    let at_work = job::Entity::find()
        .filter(job::Column::Name.eq("reconcile"))
        .filter(job::Column::FinishedAt.is_null());
    at_work.one(shop.test.database.reader()).await.unwrap().is_some()
}

/// A process of its own begins to reconcile, and is killed at it.
async fn dies_at_reconciling(shop: &Shop) {
    let stripe = shop.stripe.base_url();
    let settings = [
        ("STRIPE_API_BASE", stripe.as_str()),
        ("STRIPE_SECRET_KEY", SECRET_KEY),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
    ];
    shop.stripe.fault(Fault::on("GET", "/v1/events").delay(Duration::from_mins(2)));
    let mut dying = Beside::start(&shop.test.url, &settings).await;
    let end = Instant::now() + SOON;
    while !is_reconciling(shop).await {
        assert!(Instant::now() < end, "nobody reconciles");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    dying.kill();
    shop.stripe.clear_faults();
}

/// The job that reconciles, as the timetable has it.
pub fn reconciling(shop: &Shop) -> Job {
    let every = Duration::from_secs(10);
    Job::new("reconcile", every, shop.payments.clone(), |payments, _| async move {
        let report = payments.reconcile(TimeDelta::seconds(20)).await?;
        report.unfinished().map_or(Ok(Done(1)), |left| Err(JobError::new(left)))
    })
}

async fn a_process_that_is_killed_at_reconciling_delays_a_paid_purchase_by_a_lease_at_most(
    shop: Shop,
) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    dies_at_reconciling(&shop).await;
    shop.pay(&purchase);
    let (paid_at, ending) = (Instant::now(), CancellationToken::new());
    let healthy = Jobs::on(&shop.test.database, &shop.clock, vec![reconciling(&shop)]);
    let healthy = healthy.at_pace(watchful(&shop.test.database)).start(ending.clone());
    while shop.look(&purchase).await.state != PurchaseState::Credited {
        assert!(paid_at.elapsed() < TAKEN_OVER, "paid, and not credited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waited = paid_at.elapsed();
    ending.cancel();
    healthy.await.unwrap();
    credited_once(&shop, &buyer, &purchase).await.report(1, waited);
}

/// Holds that the only purchase of a customer is credited, and looks how often.
pub async fn credited_once(shop: &Shop, buyer: &Buyer, purchase: &Purchase) -> Found {
    let mut found = Found::of(1, 0);
    found.note(session(purchase), shop.lots(purchase).await, true);
    assert_eq!(shop.available(buyer).await, Credits::from_thousandths(5_000_000));
    shop.books_agree().await;
    found
}

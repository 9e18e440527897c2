//! What runs by the clock: each slot once, whatever processes and clocks do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use recharge::server::{
    database::Database,
    jobs::{Done, Job, JobError, Jobs, standings},
};
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;

use crate::{
    app::TestApp,
    databases::on_both_databases,
    program::{run, text},
};

on_both_databases!(
    of_many_processes_one_does_each_slot,
    what_was_missed_for_days_is_made_up_for_once,
    a_clock_that_steps_back_does_no_slot_again,
    by_a_clock_that_is_not_trusted_no_job_runs,
    what_the_end_cuts_off_is_left_to_who_starts_next,
    a_failure_is_told_and_the_next_slot_goes_on,
    slots_of_long_ago_are_forgotten,
    a_started_server_runs_its_jobs_until_it_ends,
    metrics_and_the_operator_see_how_jobs_stand,
    metrics_are_for_those_who_hold_the_token,
);

pub const MINUTE: Duration = Duration::from_mins(1);

/// A job that counts its runs.
pub fn counting(every: Duration) -> (Vec<Job>, Arc<AtomicU64>) {
    let runs = Arc::new(AtomicU64::new(0));
    let job = Job::new("count", every, Arc::clone(&runs), |runs, _: DateTime<Utc>| async move {
        Ok(Done(runs.fetch_add(1, Ordering::SeqCst) + 1))
    });
    (vec![job], runs)
}

/// A job that never comes to its end.
pub fn dying(every: Duration) -> Vec<Job> {
    vec![Job::new("count", every, (), |(), _| std::future::pending())]
}

/// Moves the clock to the beginning of the next slot of a minute.
pub fn to_next_minute(app: &TestApp) {
    let past = app.clock.now().timestamp_millis().rem_euclid(60_000);
    app.clock.advance(TimeDelta::milliseconds(60_000 - past));
}

async fn of_many_processes_one_does_each_slot(app: TestApp) {
    let (mut tasks, mut counts) = (tokio::task::JoinSet::new(), Vec::new());
    to_next_minute(&app);
    for _ in 0..4 {
        let process = app.with_settings(&[]).await;
        let (jobs, runs) = counting(MINUTE);
        counts.push(runs);
        let jobs = Jobs::new(&process.state, jobs);
        for _ in 0..4 {
            let jobs = jobs.clone();
            tasks.spawn(async move { jobs.run_due().await.unwrap().len() });
        }
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), 1);
    assert_eq!(counts.iter().map(|runs| runs.load(Ordering::SeqCst)).sum::<u64>(), 1);
}

async fn what_was_missed_for_days_is_made_up_for_once(app: TestApp) {
    let (jobs, runs) = counting(MINUTE);
    let jobs = Jobs::new(&app.state, jobs);
    to_next_minute(&app);
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    assert!(jobs.run_due().await.unwrap().is_empty(), "its slot is done");
    app.clock.advance(TimeDelta::days(3));
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    assert!(jobs.run_due().await.unwrap().is_empty());
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

async fn a_clock_that_steps_back_does_no_slot_again(app: TestApp) {
    let (jobs, runs) = counting(MINUTE);
    let jobs = Jobs::new(&app.state, jobs);
    to_next_minute(&app);
    for _ in 0..3 {
        jobs.run_due().await.unwrap();
        app.clock.advance(TimeDelta::minutes(1));
    }
    app.clock.advance(-TimeDelta::minutes(3));
    assert!(jobs.run_due().await.unwrap().is_empty());
    // Far back there is nothing that was done, and time goes on from there.
    app.clock.advance(-TimeDelta::days(1));
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    assert!(jobs.run_due().await.unwrap().is_empty());
    assert_eq!(runs.load(Ordering::SeqCst), 4);
}

/// A process that claims the slot that is due, and dies at work.
pub async fn die_at_work(app: &TestApp, every: Duration) {
    let (jobs, now) = (Jobs::new(&app.state, dying(every)), app.clock.now());
    let process = tokio::spawn(async move { jobs.run_due().await.map(|_| ()) });
    while !is_at_work(app, now).await {
        tokio::task::yield_now().await;
    }
    process.abort();
}

pub async fn is_at_work(app: &TestApp, now: DateTime<Utc>) -> bool {
    let standings = standings(&app.database, now).await.unwrap();
    standings.first().is_some_and(|standing| standing.took.is_none())
}

async fn by_a_clock_that_is_not_trusted_no_job_runs(app: TestApp) {
    let (jobs, runs) = counting(MINUTE);
    let jobs = Jobs::new(&app.state, jobs);
    app.clock.distrust();
    assert!(jobs.run_due().await.unwrap().is_empty());
    jobs.run("count").await.unwrap_err();
    app.clock.believe();
    assert_eq!(jobs.run_due().await.unwrap(), ["count"]);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

async fn what_the_end_cuts_off_is_left_to_who_starts_next(app: TestApp) {
    to_next_minute(&app);
    let process = app.with_settings(&[]).await;
    let ending = process.state.shutdown.clone();
    let cut_off = Job::new("count", MINUTE, ending, |ending, _| async move {
        ending.cancel();
        Err(JobError::new("cut off by the end"))
    });
    assert_eq!(Jobs::new(&process.state, vec![cut_off]).run_due().await.unwrap(), ["count"]);
    let (jobs, _) = counting(MINUTE);
    assert_eq!(Jobs::new(&app.state, jobs).run_due().await.unwrap(), ["count"]);
}

async fn a_failure_is_told_and_the_next_slot_goes_on(app: TestApp) {
    to_next_minute(&app);
    let failing = Job::new("count", MINUTE, (), |(), _| async {
        Err(JobError::new("the mail server is away"))
    });
    let failing = Jobs::new(&app.state, vec![failing]);
    assert_eq!(failing.run_due().await.unwrap(), ["count"]);
    assert!(failing.run_due().await.unwrap().is_empty(), "it waits for its next slot");
    let now = app.clock.now();
    let standing = standings(&app.database, now).await.unwrap().remove(0);
    assert_eq!(standing.error.as_deref(), Some("the mail server is away"));
    assert_eq!(standing.failures, (1, 1));
    app.clock.advance(TimeDelta::minutes(10));
    let standing = standings(&app.database, app.clock.now()).await.unwrap().remove(0);
    assert!(standing.lag >= TimeDelta::minutes(10), "{standing}: a failed slot is not done");
    let (jobs, _) = counting(MINUTE);
    Jobs::new(&app.state, jobs).run_due().await.unwrap();
    let standing = standings(&app.database, app.clock.now()).await.unwrap().remove(0);
    assert_eq!((standing.error, standing.failures, standing.done), (None, (1, 2), 1));
    assert_eq!(standing.lag, TimeDelta::zero());
}

async fn slots_of_long_ago_are_forgotten(app: TestApp) {
    let (jobs, _) = counting(MINUTE);
    let jobs = Jobs::new(&app.state, jobs);
    for _ in 0..3 {
        jobs.run_due().await.unwrap();
        app.clock.advance(TimeDelta::minutes(50));
    }
    let standing = standings(&app.database, app.clock.now()).await.unwrap().remove(0);
    assert_eq!(standing.failures, (0, 3));
    app.clock.advance(TimeDelta::minutes(40));
    jobs.run_due().await.unwrap();
    let standing = standings(&app.database, app.clock.now()).await.unwrap().remove(0);
    assert_eq!(standing.failures.1, 2, "slots of the last hundred minutes are kept");
}

async fn a_started_server_runs_its_jobs_until_it_ends(app: TestApp) {
    let (jobs, runs) = counting(Duration::from_millis(50));
    let ending = CancellationToken::new();
    let running = Jobs::new(&app.state, jobs).start(ending.clone());
    let soon = Duration::from_secs(20);
    let ran = async {
        while runs.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(soon, ran).await.unwrap();
    ending.cancel();
    tokio::time::timeout(soon, running).await.unwrap().unwrap();
}

async fn metrics_and_the_operator_see_how_jobs_stand(app: TestApp) {
    to_next_minute(&app);
    let before = app.visitor().get("/metrics").await;
    assert_eq!(before.status, 200);
    assert_eq!(before.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(before.body.contains("\nrecharge_rejected_webhooks_total 0\n"), "{}", before.body);
    let (jobs, _) = counting(MINUTE);
    Jobs::new(&app.state, jobs).run_due().await.unwrap();
    app.clock.advance(TimeDelta::seconds(150));
    let after = app.visitor().get("/metrics").await.body;
    for line in [
        "recharge_job_runs_total{job=\"count\"} 1",
        "recharge_job_failures_total{job=\"count\"} 0",
        "recharge_job_done_total{job=\"count\"} 1",
        "recharge_database_up 1",
        "recharge_outbox_waiting{channel=\"mail\"} 0",
        "recharge_outbox_waiting{channel=\"webhook\"} 0",
    ] {
        assert!(after.contains(&format!("\n{line}\n")), "{line} in {after}");
    }
    let lag =
        after.lines().find_map(|it| it.strip_prefix("recharge_job_lag_seconds{job=\"count\"} "));
    assert!((90..95).contains(&lag.unwrap().parse::<i64>().unwrap()), "{lag:?} of 90 seconds");
    let told = standings(&app.database, app.clock.now()).await.unwrap().remove(0).to_string();
    assert!(told.starts_with("count ") && told.contains("did 1; 0 of 1 failed"), "{told}");
    let all = Jobs::of(&app.state);
    assert!(all.names().count() > 0);
    assert_eq!(all.run("nothing").await.unwrap_err().to_string(), "there is no job nothing");
}

async fn metrics_are_for_those_who_hold_the_token(app: TestApp) {
    use axum::{body::Body, http::Request};
    let secured = app.with_settings(&["--metrics-token=canary-of-metrics"]).await;
    let ask = |token: &str| {
        let request = Request::get("/metrics").header("authorization", format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(secured.visitor().get("/metrics").await.status, 401);
    assert_eq!(secured.visitor().send(ask("canary")).await.status, 401);
    assert_eq!(secured.visitor().send(ask("canary-of-metrics")).await.status, 200);
    let production = app.with_settings(&["--environment=PROD"]).await;
    assert_eq!(production.visitor().get("/metrics").await.status, 404);
}

#[tokio::test]
async fn the_program_tells_how_its_jobs_stand() {
    let folder = tempfile::tempdir().unwrap();
    let told = || text(&run(folder.path(), &["jobs"]).stdout);
    run(folder.path(), &["migrate"]);
    assert_eq!(told(), "No job has run yet.\n");
    let url = format!("sqlite://{}/data/recharge.db", folder.path().display());
    let database = Database::connect(&url).await.unwrap();
    let row = "INSERT INTO jobs (name, slot, next_slot, claim, claimed_at, seen_at, finished_at,
                   done, error)
               VALUES ('mail', 0, 60000, 'x', 1000, 1000, 1250, 0, 'the mail server is away')";
    database.writer().execute_unprepared(row).await.unwrap();
    let told = told();
    assert!(told.starts_with("mail "), "{told}");
    assert!(told.contains("1970-01-01 00:00:00 UTC  took 250 ms, did 0; 1 of 1 failed"), "{told}");
    assert!(told.contains("failed: the mail server is away"), "{told}");
}

//! What programs were told stays true when the server dies, or the database under it.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    api_load::{Log, Worker, acknowledged},
    cluster::Cluster,
    databases::{TestDatabase, on_both_databases},
    survival::{Acknowledged, Found},
};

on_both_databases!(killed_under_load_all_that_was_acknowledged_is_there_once);

/// Workers that ask at the same time.
const WORKERS: usize = 4;
/// How often the program is killed, and how often the database or its connections end.
const ROUNDS: usize = 10;
const ENDS: usize = 3;
/// A restarted server takes requests within this.
const READY: Duration = Duration::from_secs(2);
/// After the database is back, requests succeed within this.
const RECOVERED: Duration = Duration::from_secs(5);

/// The program itself, which can be killed.
pub struct Served {
    pub address: String,
    url: String,
    pub folder: TempDir,
    /// The path of the program.
    pub program: String,
    process: Option<Child>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Served {
    pub async fn new(test: &TestDatabase) -> Self {
        Self::on(&test.url).await
    }

    /// On the database that a URL names.
    pub async fn on(url: &str) -> Self {
        // A port that was free a moment ago.
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = probe.local_addr().unwrap().to_string();
        let (url, folder) = (url.to_owned(), TempDir::new().unwrap());
        let program = env!("CARGO_BIN_EXE_recharge").to_owned();
        Self { address, url, folder, program, process: None }
    }

    /// Starts it, and tells how long it took until it was ready.
    pub async fn start(&mut self) -> Duration {
        self.start_with(&[]).await.expect("it ended before it was ready")
    }

    /// The same with settings; `None` if it ended before it was ready.
    pub async fn start_with(&mut self, settings: &[(&str, &str)]) -> Option<Duration> {
        let started = Instant::now();
        let process = Command::new(&self.program)
            .env_clear()
            .envs(settings.iter().copied())
            .current_dir(self.folder.path())
            .args(["--database-url", &self.url, "--site-addr", &self.address])
            .args(["--log", "off"])
            .stdin(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let ready = format!("http://{}/readyz", self.address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let answer = client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Some(started.elapsed());
            }
            if self.process.as_mut()?.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "it does not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the process has ended by itself.
    pub async fn has_ended(&mut self) {
        let begun = Instant::now();
        while self.process.as_mut().unwrap().try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends the process a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// SIGKILL: nothing is finished, nothing is told.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

fn work(worker: &Worker, round: usize, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Log>> {
    (0..WORKERS).map(|number| worker.work(format!("{round}-{number}"), stop)).collect()
}

async fn logs(working: Vec<JoinHandle<Log>>) -> Vec<Log> {
    let mut logs = Vec::new();
    for worker in working {
        logs.push(worker.await.unwrap());
    }
    logs
}

async fn killed_under_load_all_that_was_acknowledged_is_there_once(test: TestDatabase) {
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    served.start().await;
    let (mut all, mut found, mut longest) = (Vec::new(), Found::default(), Duration::ZERO);
    for round in 0..ROUNDS {
        let stop = Arc::default();
        let working = work(&worker, round, &stop);
        worker.has_done(20).await;
        // The rounds end at different moments of a commit.
        tokio::time::sleep(Duration::from_millis(3 * round as u64)).await;
        served.kill();
        stop.store(true, Ordering::SeqCst);
        let logs = logs(working).await;
        found = found.and(worker.check(&test, &logs).await);
        let ready = served.start().await;
        assert!(ready < READY, "ready after {ready:?}");
        longest = longest.max(ready);
        all.extend(logs);
    }
    found = found.and(worker.settle(&test, &all).await);
    assert!(found.unknown > 0, "no kill met a request");
    found.report(ROUNDS, longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_its_connections_to_the_database_all_that_was_acknowledged_is_there_once() {
    let test = TestDatabase::postgres().await;
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    served.start().await;
    let stop = Arc::default();
    let working = work(&worker, 0, &stop);
    let mut after = Vec::new();
    for round in 0..ENDS {
        worker.has_done(50).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        test.database.writer().execute_unprepared(end).await.unwrap();
        after.extend(recovers(&worker, round).await);
    }
    stop.store(true, Ordering::SeqCst);
    proves(&worker, &test, logs(working).await, after).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_postgresql_was_stopped_at_once_all_that_was_acknowledged_is_there_once() {
    let cluster = Cluster::start_new();
    let test = TestDatabase::on_cluster(cluster.url()).await;
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    served.start().await;
    let stop = Arc::default();
    let working = work(&worker, 0, &stop);
    let mut after = Vec::new();
    for round in 0..ENDS {
        worker.has_done(50).await;
        cluster.stop_at_once();
        cluster.start();
        after.extend(recovers(&worker, round).await);
    }
    stop.store(true, Ordering::SeqCst);
    proves(&worker, &test, logs(working).await, after).await;
}

/// Requests succeed again soon after the database is there. Returns the first one.
async fn recovers(worker: &Worker, round: usize) -> Vec<Acknowledged> {
    let back = Instant::now();
    let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
    let sent = ("/usage".to_owned(), format!("after-{round}"), charge);
    loop {
        if let Some(told) = worker.send(&sent).await {
            return acknowledged(&sent, back, &told);
        }
        assert!(back.elapsed() < RECOVERED, "nothing works any more");
    }
}

/// Holds what the rounds have left against what was acknowledged in them and after each of them.
async fn proves(
    worker: &Worker,
    test: &TestDatabase,
    mut logs: Vec<Log>,
    after: Vec<Acknowledged>,
) {
    let recovered = after.iter().map(|it| it.heard - it.asked).max().unwrap_or_default();
    logs.push(Log { acknowledged: after, unknown: Vec::new() });
    let found = worker.check(test, &logs).await;
    found.and(worker.settle(test, &logs).await).report(ENDS, recovered);
}

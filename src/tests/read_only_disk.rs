//! A disk that can only be read. From one moment on, as after an error of its file system: every
//! command is refused, and work goes on when the disk can be written to again. libfiu lets the
//! writes of the program fail; a mount can't be made read-only while a file of it is open.
//! Or from the start: the program says so and ends.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    api_load::Worker,
    databases::TestDatabase,
    disks::SmallDisk,
    failing_disks::on_a_disk_that_can_fail,
    program::{fails_with, free_port, run_on, text},
};

/// Callers at the same time.
const WORKERS: usize = 4;
/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);

/// The program on a disk that a test can make read-only.
struct OnDisk {
    process: Child,
    address: String,
    folder: TempDir,
    client: reqwest::Client,
}

impl OnDisk {
    fn start(test: &TestDatabase) -> Self {
        let (address, folder) = (format!("127.0.0.1:{}", free_port()), TempDir::new().unwrap());
        let process = on_a_disk_that_can_fail(test, &folder, &address)
            .env("FIU_CTRL_FIFO", folder.path().join("disk"))
            .spawn();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process: process.unwrap(), address, folder, client }
    }

    fn may_be_written(&self, may_be: bool) {
        let point = "name=posix/io/rw/pwrite";
        // 30: a file system that can only be read.
        let order =
            if may_be { format!("disable {point}") } else { format!("enable {point},failinfo=30") };
        let pipe = |end| self.folder.path().join(format!("disk-{}.{end}", self.process.id()));
        let mut orders = OpenOptions::new().write(true).open(pipe("in")).unwrap();
        let mut answers = BufReader::new(File::open(pipe("out")).unwrap());
        writeln!(orders, "{order}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "0", "{order}");
    }

    async fn becomes(&self, status: u16) {
        let (ready, begun) = (format!("http://{}/readyz", self.address), Instant::now());
        loop {
            let answer = self.client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status() == status) {
                return;
            }
            assert!(begun.elapsed() < AT_LAST, "readiness is never {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Charges, and says with which status that was answered, and whether one may come again.
    async fn charge(&self, worker: &Worker, key: &str) -> (u16, bool) {
        let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
        let request = self.client.post(format!("http://{}/api/v1/usage", self.address));
        let request = request.header("authorization", &worker.key).header("idempotency-key", key);
        let answer = request.json(&charge).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_disk_that_can_only_be_read_all_is_refused_until_it_can_be_written_again() {
    let test = TestDatabase::sqlite().await;
    let disk = OnDisk::start(&test);
    let worker = Worker::new(&test, &disk.address).await;
    disk.becomes(200).await;
    let stop = Arc::<AtomicBool>::default();
    let working: Vec<_> =
        (0..WORKERS).map(|number| worker.work(format!("worker-{number}"), &stop)).collect();
    worker.has_done(50).await;

    disk.may_be_written(false);
    disk.becomes(503).await;
    for number in 0..10 {
        let refused = disk.charge(&worker, &format!("read-only-{number}")).await;
        assert_eq!(refused, (503, true), "the answer, and that one may come again");
    }
    assert!(worker.entries(&test).await.keys().all(|key| !key.starts_with("read-only")));

    disk.may_be_written(true);
    let back = Instant::now();
    disk.becomes(200).await;
    let recovered = back.elapsed();
    worker.has_done(50).await;
    stop.store(true, Ordering::SeqCst);
    let mut logs = Vec::new();
    for worker in working {
        logs.push(worker.await.unwrap());
    }
    assert!(logs.iter().any(|log| !log.unknown.is_empty()), "no command met the disk");
    let found = worker.check(&test, &logs).await;
    found.and(worker.settle(&test, &logs).await).report(1, recovered);
}

#[test]
fn in_a_folder_that_can_only_be_read_the_program_says_so_and_changes_nothing() {
    let disk = SmallDisk::of_megabytes(16);
    let url = format!("sqlite://{}/recharge.db", disk.0.path().display());
    let serve = ["--site-addr", &format!("127.0.0.1:{}", free_port()), "--log", "off"];
    let files = || {
        let files = fs::read_dir(disk.0.path()).unwrap().map(|file| {
            let file = file.unwrap();
            (file.file_name(), file.metadata().unwrap().len())
        });
        files.collect::<BTreeMap<_, _>>()
    };

    disk.may_be_written(false);
    for command in [&serve[..], &["migrate"]] {
        fails_with(&run_on(&url, command), "can't be written to");
    }
    assert!(files().is_empty());

    disk.may_be_written(true);
    let migrated = run_on(&url, &["migrate"]);
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    let before = files();
    disk.may_be_written(false);
    for command in [&serve[..], &["migrate"]] {
        fails_with(&run_on(&url, command), "can't be written to");
    }
    assert_eq!(files(), before);
}

//! A disk that fails now and then under SQLite: libfiu lets writes and flushes of the program fail
//! at random. What was acknowledged is in the file.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{api_load::Worker, databases::TestDatabase, program::free_port};

/// Callers at the same time.
const WORKERS: usize = 4;
/// Requests that are acknowledged although the disk fails.
const ACKNOWLEDGED: usize = 300;
/// How often the program may fail to start, because the disk fails it then.
const STARTS: usize = 50;

/// The program on a disk that fails.
struct Failing {
    process: Child,
    address: String,
    folder: TempDir,
}

impl Failing {
    /// Starts it: now and then a start fails, too.
    async fn start(test: &TestDatabase, fault: &str) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let folder = TempDir::new().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..STARTS {
            let mut process = spawn(test, &folder, &address, fault);
            let begun = Instant::now();
            while process.try_wait().unwrap().is_none() {
                let health = client.get(format!("http://{address}/healthz")).send().await;
                if health.is_ok() {
                    return Self { process, address, folder };
                }
                assert!(begun.elapsed() < Duration::from_secs(30), "it neither serves nor ends");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        panic!("it does not start");
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The program on a disk that libfiu can let fail, not started yet.
pub fn on_a_disk_that_can_fail(test: &TestDatabase, folder: &TempDir, address: &str) -> Command {
    let libraries = std::env::var("LIBFIU").expect("LIBFIU: run `make check` or `make test`");
    let preload = ["fiu_run_preload.so", "fiu_posix_preload.so"]
        .map(|library| format!("{libraries}/{library}"))
        .join(":");
    let mut program = Command::new(env!("CARGO_BIN_EXE_recharge"));
    program
        .env_clear()
        .env("LD_LIBRARY_PATH", &libraries)
        .env("LD_PRELOAD", preload)
        .current_dir(folder.path())
        .args(["--database-url", &test.url, "--site-addr", address, "--log", "off"])
        .stdin(Stdio::null());
    program
}

fn spawn(test: &TestDatabase, folder: &TempDir, address: &str, fault: &str) -> Child {
    let mut program = on_a_disk_that_can_fail(test, folder, address);
    program.env("FIU_ENABLE", fault).stderr(Stdio::null()).spawn().unwrap()
}

/// Works on a disk that fails like this, ends without warning, and finds everything in the file.
async fn loses_nothing(fault: &str) {
    let test = TestDatabase::sqlite().await;
    let mut failing = Failing::start(&test, fault).await;
    let worker = Worker::new(&test, &failing.address).await;
    let stop = Arc::<AtomicBool>::default();
    let working: Vec<_> =
        (0..WORKERS).map(|number| worker.work(format!("failing-{number}"), &stop)).collect();
    worker.has_done(ACKNOWLEDGED).await;
    failing.process.kill().unwrap();
    failing.process.wait().unwrap();
    stop.store(true, Ordering::SeqCst);
    let mut logs = Vec::new();
    for worker in working {
        logs.push(worker.await.unwrap());
    }
    let met: usize = logs.iter().map(|log| log.unknown.len()).sum();
    assert!(met > WORKERS, "no fault met a request");
    worker.check(&test, &logs).await.report(met, Duration::ZERO);
    assert!(failing.folder.path().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_writes_that_fail_all_that_was_acknowledged_is_there() {
    loses_nothing("enable_random name=posix/io/rw/pwrite,probability=0.02,failinfo=5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_disk_that_is_full_now_and_then_all_that_was_acknowledged_is_there() {
    loses_nothing("enable_random name=posix/io/rw/pwrite,probability=0.02,failinfo=28").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_flushes_that_fail_all_that_was_acknowledged_is_there() {
    loses_nothing("enable_random name=posix/io/sync/*,probability=0.05,failinfo=5").await;
}

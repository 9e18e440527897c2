//! SQLite answers COMMIT and has not committed: the program ends before it tells anybody, and what
//! it told before is in the file.

use std::{
    fs::{File, read_to_string},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crate::{api_crash::Served, api_load::Worker, databases::TestDatabase};

/// Callers at the same time.
const WORKERS: usize = 4;
/// From which of its writes on the program's commits leave the transaction open: some requests
/// are acknowledged before.
const AT: &str = "600:open";
/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
/// The signal by which a process ends itself at once.
const ABORTED: i32 = 6;

fn spawn(test: &TestDatabase, served: &Served, log: File) -> Child {
    let mut program = Command::new(&served.program);
    program.env_clear().env("FAULT_AT", AT).current_dir(served.folder.path());
    program.args(["--database-url", &test.url, "--site-addr", &served.address]);
    program.stdin(Stdio::null()).stderr(log).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_program_whose_commit_left_the_transaction_open_ends_and_has_told_nothing_wrong() {
    let test = TestDatabase::sqlite().await;
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    let log = served.folder.path().join("log");
    let mut process = spawn(&test, &served, File::create(&log).unwrap());

    let stop = Arc::default();
    let working: Vec<_> =
        (0..WORKERS).map(|number| worker.work(format!("worker-{number}"), &stop)).collect();
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = process.try_wait().unwrap() {
            break Some(ended);
        }
        if begun.elapsed() > AT_LAST {
            process.kill().unwrap();
            process.wait().unwrap();
            break None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    stop.store(true, Ordering::SeqCst);
    let mut logs = Vec::new();
    for worker in working {
        logs.push(worker.await.unwrap());
    }
    let said = read_to_string(log).unwrap();
    assert_eq!(ended.map(|ended| ended.signal()), Some(Some(ABORTED)), "{said}");
    let alert = "ALERT: SQLite did not commit what it said; the process ends";
    assert_eq!(said.matches(alert).count(), 1, "{said}");
    assert!(logs.iter().any(|log| !log.acknowledged.is_empty()), "nothing was acknowledged before");
    let found = worker.check(&test, &logs).await;
    let ready = served.start().await;
    found.and(worker.settle(&test, &logs).await).report(1, ready);
}

//! Two programs on one database, as while a new release is rolled out, and rolled back.
//!
//! `TEST_OLD_SERVER` names the program of the release before; `make soak` builds it. Without it the
//! old program is of this release, too, and the tables grow as if a newer one had changed them.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::JoinHandle;

use crate::{
    api_crash::Served,
    api_load::{Log, Worker},
    databases::TestDatabase,
    newer_schema::expand,
    program::{run_on, text},
    survival::Found,
};

/// What clients do with one process meanwhile.
struct Load {
    worker: Worker,
    stop: Arc<AtomicBool>,
    working: Vec<JoinHandle<Log>>,
}

impl Load {
    /// Two clients of a process, with an account and a key of their own.
    async fn on(test: &TestDatabase, served: &Served, name: &str) -> Self {
        let worker = Worker::new(test, &served.address).await;
        let stop = Arc::default();
        let working = (0..2).map(|number| worker.work(format!("{name}-{number}"), &stop));
        let working = working.collect();
        let load = Self { worker, stop, working };
        load.goes_on().await;
        load
    }

    async fn goes_on(&self) {
        self.worker.has_done(20).await;
    }

    /// Ends it, and holds that no request failed. Returns whether each was carried out once.
    async fn ends_well(self, test: &TestDatabase) -> Found {
        self.stop.store(true, Ordering::SeqCst);
        let mut logs = Vec::new();
        for worker in self.working {
            logs.push(worker.await.unwrap());
        }
        assert!(logs.iter().all(|log| log.unknown.is_empty()), "a request failed: {logs:?}");
        let found = self.worker.check(test, &logs).await;
        found.and(self.worker.settle(test, &logs).await)
    }
}

/// The old release serves; the new one changes the tables, serves beside it and goes again; the old
/// one is started anew on what it has left.
async fn rolled_out_and_back(test: TestDatabase) {
    let before = std::env::var("TEST_OLD_SERVER").ok();
    let program = before.clone().unwrap_or(env!("CARGO_BIN_EXE_recharge").to_owned());
    println!("the old program is {program}");
    let mut old = Served::new(&test).await;
    old.program.clone_from(&program);
    old.start().await;
    let on_old = Load::on(&test, &old, "old").await;

    if before.is_none() {
        expand(&test).await;
    }
    let migrated = run_on(&test.url, &["migrate"]);
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    on_old.goes_on().await;
    let mut new = Served::new(&test).await;
    new.start().await;
    let on_new = Load::on(&test, &new, "new").await;
    on_old.goes_on().await;
    on_new.goes_on().await;

    let mut found = on_new.ends_well(&test).await;
    new.kill();
    on_old.goes_on().await;
    found = found.and(on_old.ends_well(&test).await);
    old.kill();
    let ready = old.start().await;
    found = found.and(Load::on(&test, &old, "again").await.ends_well(&test).await);
    // Two programs were killed.
    found.report(2, ready);
    let verified = run_on(&test.url, &["verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    let mut verify = Command::new(program);
    let verify = verify.env_clear().current_dir(old.folder.path()).stdin(Stdio::null());
    let verified = verify.args(["--database-url", &test.url, "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_is_rolled_out_and_back_on_sqlite_and_no_request_fails() {
    rolled_out_and_back(TestDatabase::empty_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_is_rolled_out_and_back_on_postgresql_and_no_request_fails() {
    rolled_out_and_back(TestDatabase::empty_postgres().await).await;
}

//! The files of what was acknowledged: what stands in them, what they survive, and how operators
//! read them.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use recharge::server::ledger::Place;
use tempfile::TempDir;

use crate::{
    acknowledged::{Process, compared, files, forget},
    api_crash::Served,
    api_load::Worker,
    commands::spend,
    databases::{TestDatabase, on_both_databases},
    program,
    program_serves::Served as Site,
};

on_both_databases!(
    each_entry_is_remembered_as_one_and_what_is_refused_is_not,
    a_torn_last_line_is_no_alarm,
    the_files_are_bounded,
    a_file_that_was_being_rotated_is_read_at_the_next_start,
    a_file_that_can_not_be_written_fails_no_command,
    processes_write_files_of_their_own_and_the_next_start_reads_all,
    killed_under_load_a_process_leaves_a_file_that_agrees_with_the_database,
);

async fn each_entry_is_remembered_as_one_and_what_is_refused_is_not(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    let (again, reused) = tokio::join!(
        process.spends(&account, "charge"),
        process.ledger.execute(&account, "charge", spend(2)),
    );
    assert_eq!(again, 2);
    reused.unwrap_err();
    process.ledger.execute(&account, "too much", spend(1_000)).await.unwrap_err();
    process.ledger.advance(&account).await.unwrap();
    process.ledger.close().await;
    let compared = compared(&test, folder.path()).await;
    assert_eq!((compared.lines, compared.damaged), (2, 0));
    let written = files(folder.path());
    assert_eq!(written.len(), 1);
    let mode = fs::metadata(&written[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
}

async fn a_torn_last_line_is_no_alarm(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&test, folder.path()).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    process.ledger.close().await;
    let file = files(folder.path()).remove(0);
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().last().unwrap();
    // Each length at which a writer may have been killed, and a line that says something else.
    let torn = (1..whole.len()).step_by(67).map(|length| whole[..length].to_owned());
    for torn in torn.chain([whole.replace("\"seq\":2", "\"seq\":3")]) {
        fs::write(&file, format!("{text}{torn}")).unwrap();
        let next = Process::start(&test, folder.path()).await;
        assert_eq!(next.forgotten().await, [], "{torn}");
        assert_eq!(compared(&test, folder.path()).await.damaged, 0, "{torn}");
        // What is written next is not a part of the torn line.
        let key = format!("after {}", torn.len());
        let number = next.spends(&account, &key).await;
        next.ledger.close().await;
        let compared = compared(&test, folder.path()).await;
        assert_eq!((compared.lines, compared.damaged, compared.forgotten.len()), (3, 1, 0));
        assert!(number > 2, "{key} is a new entry");
    }
}

async fn the_files_are_bounded(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let place = Place::of(&test.url, Some(folder.path())).with_largest_file(3_000);
    let process = Process::start_at(&test, place.clone()).await;
    let account = process.account(&test).await;
    // Each comparison writes down what there is.
    for number in 0..40 {
        process.spends(&account, &format!("charge-{number}")).await;
        assert_eq!(process.forgotten().await, []);
    }
    process.ledger.close().await;
    let written = files(folder.path());
    assert_eq!(written.len(), 3, "{written:?}");
    let sizes: Vec<_> = written.iter().map(|file| fs::metadata(file).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 3_000), "{sizes:?}");
    let compared = compared(&test, folder.path()).await;
    assert_eq!(compared.damaged, 0);
    assert!((12..40).contains(&compared.lines), "{} lines", compared.lines);
    // The latest are there, and the next start knows them.
    forget(&test, &account, 41).await;
    let next = Process::start_at(&test, place).await;
    assert_eq!(next.forgotten().await, [(account.0.clone(), 41, false)]);
    next.ledger.close().await;
}

/// Two processes wrote, and the second one was killed while its file was rotated.
async fn a_file_that_was_being_rotated_is_read_at_the_next_start(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let first = Process::start(&test, folder.path()).await;
    let second = Process::start(&test, folder.path()).await;
    let account = second.account(&test).await;
    second.spends(&account, "charge").await;
    second.ledger.close().await;
    first.ledger.close().await;
    drop((first, second));
    let file = files(folder.path()).into_iter().find(|file| line_count(file) > 0).unwrap();
    fs::rename(&file, file.with_extension("log.1")).unwrap();
    forget(&test, &account, 2).await;
    let next = Process::start(&test, folder.path()).await;
    assert_eq!(next.forgotten().await, [(account.0.clone(), 2, false)]);
    next.ledger.close().await;
}

async fn a_file_that_can_not_be_written_fails_no_command(test: TestDatabase) {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("not-a-folder");
    fs::write(&folder, "a file").unwrap();
    let process = Process::start(&test, &folder).await;
    let account = process.account(&test).await;
    process.spends(&account, "charge").await;
    assert_eq!(process.forgotten().await, [], "the memory is compared all the same");
    assert_eq!(process.ledger.unwritten_acknowledgements(), 2);
    forget(&test, &account, 2).await;
    assert_eq!(process.forgotten().await, [(account.0.clone(), 2, false)]);
    // Once there is a folder, nothing is missing.
    fs::remove_file(&folder).unwrap();
    assert_eq!(process.forgotten().await.len(), 1);
    assert_eq!(process.ledger.unwritten_acknowledgements(), 0);
    process.ledger.close().await;
    assert_eq!(compared(&test, &folder).await.lines, 2);
}

async fn processes_write_files_of_their_own_and_the_next_start_reads_all(test: TestDatabase) {
    let folder = TempDir::new().unwrap();
    let one = Process::start(&test, folder.path()).await;
    let two = Process::start(&test, folder.path()).await;
    let (first, second) = (one.account(&test).await, two.account(&test).await);
    one.spends(&first, "charge").await;
    two.spends(&second, "charge").await;
    // Each has a part of this account.
    two.spends(&first, "of the other").await;
    one.spends(&first, "again").await;
    one.ledger.close().await;
    two.ledger.close().await;
    assert_eq!(files(folder.path()).len(), 2);
    drop((one, two));
    assert_eq!(compared(&test, folder.path()).await.lines, 6);
    forget(&test, &first, 3).await;
    forget(&test, &second, 2).await;
    let next = Process::start(&test, folder.path()).await;
    let found: BTreeSet<_> = next.forgotten().await.into_iter().collect();
    let gone = [(&first, 3), (&first, 4), (&second, 2)];
    assert_eq!(found, gone.map(|(account, seq)| (account.0.clone(), seq, false)).into());
    next.ledger.close().await;
}

async fn killed_under_load_a_process_leaves_a_file_that_agrees_with_the_database(
    test: TestDatabase,
) {
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    let database_folder = PathBuf::from(test.url.trim_start_matches("sqlite://"));
    let folder = if test.database.is_sqlite() {
        database_folder.parent().unwrap().to_owned()
    } else {
        served.folder.path().join("data")
    };
    let mut lines = 0;
    for round in 0..2 {
        served.start().await;
        let stop = Arc::default();
        let working: Vec<_> =
            (0..4).map(|number| worker.work(format!("{round}-{number}"), &stop)).collect();
        let started = Instant::now();
        let before = lines;
        while lines < before + 40 {
            assert!(started.elapsed() < Duration::from_secs(20), "nothing is written down");
            tokio::time::sleep(Duration::from_millis(2)).await;
            lines = files(&folder).iter().map(|file| line_count(file)).sum();
        }
        served.kill();
        stop.store(true, Ordering::SeqCst);
        for log in working {
            log.await.unwrap();
        }
        let compared = compared(&test, &folder).await;
        assert_eq!((compared.damaged, compared.forgotten.len()), (0, 0));
        assert!(compared.lines >= lines, "{} of {lines} lines", compared.lines);
    }
}

fn line_count(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().filter(|line| line.ends_with('}')).count()
}

/// A file whose folder is beside the database needs no setting.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operators_are_told_what_is_forgotten_and_by_whom_it_was_asked() {
    let test = TestDatabase::sqlite().await;
    let folder = PathBuf::from(test.url.trim_start_matches("sqlite://"));
    let folder = folder.parent().unwrap();
    let process = Process::start_at(&test, Place::of(&test.url, None)).await;
    let account = process.account(&test).await;
    process.spends(&account, "api:job-1").await;
    process.spends(&account, "api:batch\u{1f}0").await;
    process.ledger.close().await;
    let file = files(folder).remove(0).display().to_string();
    let verify = ["verify", "--database-url", &test.url, "--acknowledged", &file];
    let fine = program::run(folder, &verify);
    let said = program::text(&fine.stdout);
    assert!(fine.status.success(), "{}", program::text(&fine.stderr));
    assert_eq!(said, "compared 3 acknowledged entries: none is forgotten\n");

    forget(&test, &account, 2).await;
    let failed = program::run(folder, &verify);
    program::fails_with(&failed, "has forgotten 2 of 3 acknowledged entries");
    let listed = program::text(&failed.stdout);
    let listed: Vec<serde_json::Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["account"], account.0);
    assert_eq!(listed[0]["entry"], 2);
    assert_eq!(listed[0]["kind"], "spent");
    assert_eq!(listed[0]["operation"], "inference");
    assert_eq!(listed[0]["amount"], "1");
    assert_eq!(listed[0]["idempotency_key"], "job-1");
    assert_eq!(listed[0]["now"], "missing");
    assert_eq!(listed[1]["key"], "api:batch\u{1f}0");
    assert!(listed[1].get("idempotency_key").is_none(), "no header can carry it");

    let missing = program::run(
        folder,
        &["verify", &format!("--database-url={}", test.url), "--acknowledged", "nothing.log"],
    );
    program::fails_with(&missing, "nothing.log can't be read");

    let served = Site::start_with(folder, &["--database-url", &test.url]);
    let ready = served.get("/readyz");
    assert!(ready.starts_with("HTTP/1.0 503") && ready.contains(&account.0), "{ready}");
    assert!(ready.contains("recharge verify --acknowledged"), "{ready}");
    // A line that can't be read says nothing, and that is told.
    let mut damaged = OpenOptions::new().append(true).open(&file).unwrap();
    damaged.write_all(b"nonsense\n\nmore\n").unwrap();
    let failed = program::run(folder, &verify);
    program::fails_with(&failed, "entries; 1 lines of the files are damaged");
}

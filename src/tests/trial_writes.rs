//! What a process tries in order to know that it can write: all that a batch needs, on nothing that
//! another process holds, and not for each probe.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono_tz::UTC;
use futures::future::BoxFuture;
use recharge::{
    credits::{Command, HoldTime, Note, Operation, Source, Validity},
    server::{
        clock::Clock,
        database::{Database, Fate, Fates, Fault, Faults, Limits},
        ledger::{Ledger, open_account},
        pulse::Pulse,
        readiness::{Readiness, Trouble},
    },
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use crate::{
    commands::{credits, spend},
    databases::{TestDatabase, on_both_databases},
    logging::Logged,
};

on_both_databases!(
    every_table_that_a_batch_writes_to_is_tried,
    many_probes_are_one_write,
    a_trial_leaves_nothing_behind,
    after_a_trial_that_failed_it_is_not_ready_until_one_succeeds,
);

/// How long a trial counts.
const PROVEN: Duration = Duration::from_secs(2);

/// A process that tries to write, and every statement that it sends.
struct Process {
    ledger: Ledger,
    pulse: Pulse,
    readiness: Readiness,
    statements: Arc<Statements>,
}

#[derive(Default)]
struct Statements {
    sent: Mutex<Vec<String>>,
    /// What happens to each mark that is written.
    fault: Mutex<Option<Fault>>,
}

impl Fates for Statements {
    fn decide(&self, _: u64, statement: &str) -> BoxFuture<'static, Fate> {
        self.sent.lock().unwrap().push(statement.to_owned());
        let before = self.fault.lock().unwrap().filter(|_| is_mark(statement));
        Box::pin(std::future::ready(Fate { before, ..Fate::default() }))
    }
}

impl Statements {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    fn fail_marks(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// Whether a statement writes a mark.
fn is_mark(statement: &str) -> bool {
    statement.starts_with("INSERT INTO") && statement.contains("marks")
}

impl Process {
    async fn on(url: &str) -> Self {
        let statements = Arc::new(Statements::default());
        let faults = Faults::new(Arc::clone(&statements) as Arc<dyn Fates>);
        let database = Database::connect_with_faults(url, None, Limits::SERVING, &faults).await;
        let (database, clock, readiness) =
            (database.unwrap(), Clock::default(), Readiness::default());
        let ledger = Ledger::start(database.clone(), clock.clone());
        let pulse = Pulse::new(database, clock, ledger.clone(), readiness.clone());
        Self { ledger, pulse, readiness, statements }
    }
}

/// The tables that statements insert into or update, but for marks.
fn tables(statements: &[String]) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for statement in statements {
        let words = statement.split(|it: char| it.is_whitespace() || "(\"".contains(it));
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        for three in words.windows(3) {
            if let ["INSERT", "INTO", table] | ["UPDATE", table, "SET"] = three
                && *table != "marks"
            {
                tables.insert((*table).to_owned());
            }
        }
    }
    tables
}

async fn every_table_that_a_batch_writes_to_is_tried(test: TestDatabase) {
    let process = Process::on(&test.url).await;
    let at = Clock::default().now();
    let account = open_account(test.database.writer(), UTC, 1, at).await.unwrap();
    let bought = Command::Grant {
        source: Source::Purchase,
        amount: credits(100),
        validity: Validity::OneYear,
        purchase: Some("a purchase".to_owned()),
        note: Note::default(),
    };
    let hold = Command::Hold {
        operation: Operation::Backtest,
        amount: credits(20),
        lasts: HoldTime::DEFAULT,
        note: Note::default(),
    };
    process.statements.take();
    for (key, command) in [("grant", bought), ("spend", spend(10)), ("hold", hold)] {
        process.ledger.execute(&account, key, command).await.unwrap();
    }
    let written = tables(&process.statements.take());
    assert_eq!(written.len(), 9, "{written:?}");
    process.pulse.check().await;
    assert_eq!(tables(&process.statements.take()), written);
    assert!(!process.readiness.has(Trouble::Writing));
}

/// As after tables were made, or brought back, by another user.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_a_table_of_the_ledger_is_somebody_elses_it_is_not_ready() {
    let test = TestDatabase::postgres().await;
    let (user, admin) = (format!("plain_{}", Uuid::new_v4().simple()), test.database.writer());
    let may = |what: &str| format!("GRANT {what} ON ALL TABLES IN SCHEMA public TO {user}");
    for sql in [format!("CREATE ROLE {user} LOGIN"), may("SELECT, INSERT, UPDATE, DELETE")] {
        admin.execute_unprepared(&sql).await.unwrap();
    }
    let mut url = url::Url::parse(&test.url).unwrap();
    url.set_username(&user).unwrap();
    for table in [
        "accounts",
        "lots",
        "entries",
        "allocations",
        "usage_daily",
        "holds",
        "hold_allocations",
        "events",
        "purchases",
        "marks",
    ] {
        for (sql, is_ready) in
            [("REVOKE ALL ON {table} FROM", false), ("GRANT ALL ON {table} TO", true)]
        {
            let sql = format!("{} {user}", sql.replace("{table}", table));
            admin.execute_unprepared(&sql).await.unwrap();
            let process = Process::on(url.as_str()).await;
            process.pulse.check().await;
            let said = process.readiness.all().get(&Trouble::Writing).map(ToString::to_string);
            let refused = "The database does not let this user write.".to_owned();
            assert_eq!(said, (!is_ready).then_some(refused), "{table}");
        }
    }
    admin.execute_unprepared(&format!("DROP OWNED BY {user}; DROP ROLE {user}")).await.unwrap();
}

async fn many_probes_are_one_write(test: TestDatabase) {
    let process = Process::on(&test.url).await;
    let marked = || process.statements.take().iter().filter(|statement| is_mark(statement)).count();
    let begun = Instant::now();
    futures::future::join_all((0..50).map(|_| process.pulse.check())).await;
    process.pulse.check().await;
    let written = marked();
    // A slow machine may have needed another one by now.
    assert!(written == 1 || begun.elapsed() > PROVEN, "{written} writes");
    tokio::time::sleep(PROVEN).await;
    process.pulse.check().await;
    assert_eq!(marked(), 1, "an old write proves nothing");
    assert!(!process.readiness.has(Trouble::Writing));
}

async fn a_trial_leaves_nothing_behind(test: TestDatabase) {
    let rows = async || {
        let counted = "SELECT count(*) FROM marks";
        let reader = test.database.reader();
        let counted = Statement::from_string(reader.get_database_backend(), counted);
        let row = reader.query_one_raw(counted).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap()
    };
    let before = rows().await;
    for _ in 0..3 {
        Process::on(&test.url).await.pulse.check().await;
    }
    assert_eq!(rows().await, before);
}

/// Its connection breaks, or this process itself fails.
async fn after_a_trial_that_failed_it_is_not_ready_until_one_succeeds(test: TestDatabase) {
    const ALERT: &str = "ALERT: The database does not take writes.";
    for fault in [Fault::Breaks, Fault::Panics] {
        let (process, logged) = (Process::on(&test.url).await, Logged::new());
        process.statements.fail_marks(Some(fault));
        process.pulse.check().await;
        process.pulse.check().await;
        assert!(process.readiness.has(Trouble::Writing), "{fault:?}");
        assert_eq!(logged.text().matches(ALERT).count(), 1, "{fault:?}: {}", logged.text());
        process.statements.fail_marks(None);
        process.pulse.check().await;
        assert!(!process.readiness.has(Trouble::Writing), "{fault:?}");
    }
}

/// Whoever calls itself so takes long over each mark, and holds meanwhile what it has locked.
const LINGER: &str = "
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('application_name') = 'lingers' THEN PERFORM pg_sleep(3); END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER linger AFTER INSERT OR UPDATE ON marks
        FOR EACH ROW EXECUTE FUNCTION linger()";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_trial_that_hangs_makes_no_other_process_unready() {
    let test = TestDatabase::postgres().await;
    test.database.writer().execute_unprepared(LINGER).await.unwrap();
    let lingering = Process::on(&format!("{}?application_name=lingers", test.url)).await;
    let other = Process::on(&test.url).await;
    let pulse = lingering.pulse.clone();
    let checking = tokio::spawn(async move { pulse.check().await });
    let reader = test.database.reader();
    let hangs = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event = 'PgSleep'";
    loop {
        let hangs = Statement::from_string(DbBackend::Postgres, hangs);
        let row = reader.query_one_raw(hangs).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() == 1 {
            break;
        }
        assert!(!checking.is_finished(), "its trial does not hang");
    }
    other.pulse.check().await;
    assert!(!other.readiness.has(Trouble::Writing), "{:?}", other.readiness.all());
    checking.await.unwrap();
    assert!(lingering.readiness.has(Trouble::Writing), "its own trial still hangs");
}

//! R23: a seed decides in which order statements and clients go, what fails, and who dies. The
//! queue, the writer and the claims of jobs are the product's own. At the end every command has one
//! outcome, the plain reference agrees, and who came later has the later entry.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use recharge::server::{clock::from_millis, entity::entry, ledger::Ledger};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tempfile::TempDir;

use crate::{
    databases::{TestDatabase, seed},
    ledger_reference::Reference,
    simulation_scheduler::Scheduler,
    simulation_world::{Asked, Told, World},
    survival::{Found, times},
};

/// Commands in one world, and all commands; `TEST_OPERATIONS` asks for more.
const IN_A_WORLD: usize = 1_000;
const ALL: usize = 10_000;
/// The same on PostgreSQL, where a step takes as long as twenty on SQLite.
const IN_A_POSTGRES_WORLD: usize = 400;
const TIMES_SLOWER: usize = 20;

/// What was seen in a world.
#[derive(Debug)]
struct Seen {
    course: u64,
    steps: u64,
    faults: u64,
    slots: usize,
    found: Found,
}

fn asked() -> usize {
    std::env::var("TEST_OPERATIONS").map_or(ALL, |text| text.parse().unwrap())
}

#[test]
fn whatever_fails_in_whichever_order_every_command_has_one_outcome() {
    let worlds = (asked() / IN_A_WORLD).max(1) as u64;
    let (seed, next) = (seed(), AtomicU64::new(0));
    let ([steps, faults, slots], all) = ([const { AtomicU64::new(0) }; 3], Mutex::default());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let world = next.fetch_add(1, Ordering::SeqCst);
                    if world >= worlds {
                        break;
                    }
                    println!("TEST_SEED={} TEST_OPERATIONS={IN_A_WORLD}", seed + world);
                    let seen = live_on_sqlite(seed + world, IN_A_WORLD);
                    steps.fetch_add(seen.steps, Ordering::SeqCst);
                    faults.fetch_add(seen.faults, Ordering::SeqCst);
                    slots.fetch_add(seen.slots as u64, Ordering::SeqCst);
                    let mut all = all.lock().unwrap();
                    *all = std::mem::take::<Found>(&mut *all).and(seen.found);
                }
            });
        }
    });
    println!("{worlds} worlds: {steps:?} steps, {slots:?} slots");
    let (faults, slots) = (faults.into_inner(), slots.into_inner());
    let found = all.into_inner().unwrap();
    for (what, count, least) in
        [("faults", faults, 10), ("unknown", found.unknown as u64, 3), ("slots", slots, 2)]
    {
        assert!(count >= least * worlds, "only {count} {what}");
    }
    found.report(faults.try_into().unwrap(), Duration::ZERO);
}

#[test]
fn the_same_seed_takes_the_same_course() {
    let seed = seed();
    // On a busy machine the thread of a connection that closes may hold the file for a moment
    // longer, and the next that writes waits for a timer: then two steps change places.
    let is_same = || live_on_sqlite(seed, 60).course == live_on_sqlite(seed, 60).course;
    assert!((0..20).any(|_| is_same()), "no two courses were the same");
}

/// On PostgreSQL statements may wait for each other, so a seed doesn't decide all of the course.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_too_every_command_has_one_outcome_whatever_fails() {
    let (seed, mut steps, mut faults, mut found) = (seed(), 0, 0, Found::default());
    let worlds = (asked() / TIMES_SLOWER / IN_A_POSTGRES_WORLD).max(1) as u64;
    for seed in seed..seed + worlds {
        println!("TEST_SEED={seed}");
        let test = TestDatabase::postgres().await;
        let url = test.url.clone();
        let living = tokio::task::spawn_blocking(move || live(seed, IN_A_POSTGRES_WORLD, url));
        let seen = living.await.unwrap();
        println!("{seen:?}");
        (steps, faults) = (steps + seen.steps, faults + seen.faults);
        found = found.and(seen.found);
    }
    println!("{worlds} worlds: {steps} steps");
    assert!(faults >= 5 * worlds, "only {faults} faults");
    found.report(faults.try_into().unwrap(), Duration::ZERO);
}

/// Lives a world in a folder that no disk slows down, if there is one.
fn live_on_sqlite(seed: u64, asked: usize) -> Seen {
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    live(seed, asked, format!("sqlite://{}/recharge.db", folder.path().display()))
}

/// Lives a world of its own in this thread, and holds it against the reference.
fn live(seed: u64, asked: usize, url: String) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (seen, log) = runtime.block_on(async {
        let scheduler = Scheduler::new(seed, url.starts_with("sqlite:"));
        let beginning = {
            let scheduler = scheduler.clone();
            tokio::spawn(async move { World::begin(&scheduler, url).await })
        };
        scheduler.run(|| beginning.is_finished()).await;
        let world = beginning.await.unwrap();
        let living = tokio::spawn(world.clone().live(asked));
        scheduler.run(|| living.is_finished()).await;
        let course = scheduler.course();
        living.await.unwrap();
        let unknown = world.unknown.load(Ordering::SeqCst);
        let found = holds(&world).await.and(Found::of(0, unknown));
        let slots = world.work.slots.load(Ordering::SeqCst);
        let (steps, faults) = (scheduler.now(), scheduler.faults());
        (Seen { course, steps, faults, slots, found }, Arc::downgrade(&world.log))
    });
    drop(runtime);
    assert!(log.upgrade().is_none(), "somebody still lives in a world that has ended");
    seen
}

/// Holds what must hold at the end.
async fn holds(world: &World) -> Found {
    let mut found = Found::default();
    let log = world.log.lock().unwrap().clone();
    let ledger = Ledger::start(world.database.clone(), world.clock.clone());
    for account in &*world.accounts {
        ledger.advance(account).await.unwrap();
        let rows = entry::Entity::find()
            .filter(entry::Column::AccountId.eq(&account.0))
            .order_by_asc(entry::Column::Seq);
        let rows = rows.all(world.database.reader()).await.unwrap();
        let own: BTreeMap<_, _> =
            log.iter().filter(|(_, asked)| asked.account == *account).collect();
        found = found.and(have_one_outcome(&rows, &own));
        are_in_order(&rows, &own);
        let balance = ledger.balance(account).await.unwrap();
        let expected = by_the_reference(&rows, &own, world.clock.now());
        assert_eq!((balance.0.thousandths(), balance.1.thousandths()), expected);
    }
    ledger.verify().await.unwrap();
    ledger.close().await;
    found
}

/// Each key has one entry at most, and that of which its client was told.
fn have_one_outcome(rows: &[entry::Model], log: &BTreeMap<&String, &Asked>) -> Found {
    let (mut entries, mut found) = (BTreeMap::<_, Vec<_>>::new(), Found::default());
    for (key, row) in rows.iter().filter_map(|row| Some((row.request_key.as_ref()?, row))) {
        assert!(log.contains_key(key), "nobody has asked for {key}");
        entries.entry(key).or_default().push(row.seq);
    }
    for (key, asked) in log {
        match (&asked.told, entries.get(key)) {
            (Some(Told::Done(seq)), Some(entries)) => {
                found.acknowledged += 1;
                found.note(key, times(entries, Some(*seq)), true);
            }
            (Some(Told::Done(seq)), None) => {
                found.acknowledged += 1;
                // A hold that had been settled so before.
                let mut others = rows.iter().filter(|row| row.seq == *seq);
                let is_settled = others.any(|row| row.hold == asked.command.hold());
                found.note(key, is_settled.into(), true);
            }
            (Some(Told::Refused), entries) => assert_eq!(entries, None, "{key} was refused"),
            (None, _) => panic!("{key} has no outcome"),
        }
    }
    found
}

/// What had ended before something else began has the earlier entry.
fn are_in_order(rows: &[entry::Model], log: &BTreeMap<&String, &Asked>) {
    let mut latest = 0;
    for key in rows.iter().filter_map(|row| row.request_key.as_ref()) {
        assert!(log[key].ended >= latest, "{key} has an entry after one that began later");
        latest = latest.max(log[key].begun);
    }
}

/// What can be spent and what is held, as the reference has it after the same commands.
fn by_the_reference(
    rows: &[entry::Model],
    log: &BTreeMap<&String, &Asked>,
    now: DateTime<Utc>,
) -> (i64, i64) {
    let mut reference = Reference::default();
    for row in rows {
        let Some(key) = &row.request_key else { continue };
        let at = from_millis(row.at);
        reference.pass(at);
        let (word, is_expected) = reference.expect(&log[key].command, at);
        assert!(is_expected, "{key}: {word}");
        assert_eq!(reference.entries, row.seq, "{key}: {word}");
        reference.pass(at);
    }
    reference.pass(now);
    assert_eq!(reference.entries, rows.last().map_or(0, |row| row.seq));
    (reference.available(), reference.held())
}

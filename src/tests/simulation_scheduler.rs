//! One step at a time, in an order that a seed decides: a statement to a database, or the next
//! move of a client. Between two steps everything that can run runs until it asks for a step.
//!
//! All tasks of a world share one thread. A statement is carried out by SQLite's own thread, so
//! nothing else goes on until it has ended. On PostgreSQL a statement may wait for a lock that
//! another connection holds: then the others go on beside it, and a seed decides the order of the
//! steps, but not of what the database does at the same time.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::future::BoxFuture;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::server::database::{Fate, Fates, Fault, writes};
use tokio::sync::oneshot;

/// So many turns of the runtime pass until whatever a step has woken asks for its next step.
const TURNS: usize = 16;
/// A statement of PostgreSQL that takes longer waits for somebody else.
const BLOCKED: Duration = Duration::from_millis(5);
/// How often, of so many steps, a statement fails; and how often that is a panic.
const FAULTS: (u32, u32) = (15, 1_000);

/// Clones share it.
#[derive(Clone)]
pub struct Scheduler(Arc<Mutex<State>>);

struct State {
    is_sqlite: bool,
    random: StdRng,
    waiting: Vec<Step>,
    /// The connection whose transaction writes.
    writing: Option<Place>,
    dead: Vec<usize>,
    is_faulty: bool,
    steps: u64,
    faults: u64,
    course: DefaultHasher,
}

/// A process, by the number that it started with, and its connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    process: usize,
    connection: u64,
}

struct Step {
    /// `None`: a client.
    place: Option<Place>,
    what: String,
    go: oneshot::Sender<Fate>,
}

/// The way of one process to its database.
pub struct Door {
    pub scheduler: Scheduler,
    pub process: usize,
}

impl Fates for Door {
    fn decide(&self, connection: u64, statement: &str) -> BoxFuture<'static, Fate> {
        let place = Place { process: self.process, connection };
        let asked = self.scheduler.ask(Some(place), statement);
        Box::pin(async move { asked.await.unwrap_or_default() })
    }
}

impl Scheduler {
    pub fn new(seed: u64, is_sqlite: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            is_sqlite,
            random: StdRng::seed_from_u64(seed),
            waiting: Vec::new(),
            writing: None,
            dead: Vec::new(),
            is_faulty: true,
            steps: 0,
            faults: 0,
            course: DefaultHasher::new(),
        })))
    }

    /// Waits for a turn of its own.
    pub async fn turn(&self, what: &str) {
        self.ask(None, what).await.ok();
    }

    /// Waits for a turn in which nobody else writes, and which lasts as long as what it returns.
    pub async fn alone(&self, what: &str) -> Option<Fate> {
        self.ask(None, what).await.ok()
    }

    /// The number of steps until now: the time of this world.
    pub fn now(&self) -> u64 {
        self.state().steps
    }

    /// How many statements have failed.
    pub fn faults(&self) -> u64 {
        self.state().faults
    }

    /// What tells one course of events from another.
    pub fn course(&self) -> u64 {
        self.state().course.finish()
    }

    /// From here on nothing fails.
    pub fn calms(&self) {
        self.state().is_faulty = false;
    }

    /// A process has died: none of its statements reaches the database any more.
    pub fn kill(&self, process: usize) {
        let mut state = self.state();
        state.dead.push(process);
        if state.writing.is_some_and(|place| place.process == process) {
            state.writing = None;
        }
        let is_its = |step: &mut Step| step.place.is_some_and(|it| it.process == process);
        for step in state.waiting.extract_if(.., is_its) {
            step.go.send(breaks()).ok();
        }
    }

    pub fn is_dead(&self, process: usize) -> bool {
        self.state().dead.contains(&process)
    }

    /// A number that the seed decides.
    pub fn random<T>(&self, choose: impl FnOnce(&mut StdRng) -> T) -> T {
        choose(&mut self.state().random)
    }

    /// Grants one step after the other until the world is over.
    pub async fn run(&self, is_over: impl Fn() -> bool) {
        loop {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            if is_over() {
                return;
            }
            let Some(step) = self.state().pick() else {
                // Somebody waits for a timer.
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let (held, ended) = oneshot::channel::<()>();
            let fate = Fate { until_it_ends: Some(Box::new(held)), ..self.state().fate_of(&step) };
            if step.go.send(fate).is_ok() {
                let patience = if self.state().is_sqlite { Duration::MAX } else { BLOCKED };
                tokio::time::timeout(patience, ended).await.ok();
            }
        }
    }

    fn ask(&self, place: Option<Place>, what: &str) -> oneshot::Receiver<Fate> {
        let (go, asked) = oneshot::channel();
        let mut state = self.state();
        if place.is_some_and(|place| state.dead.contains(&place.process)) {
            go.send(breaks()).ok();
        } else {
            state.waiting.push(Step { place, what: what.to_owned(), go });
        }
        asked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn breaks() -> Fate {
    Fate { before: Some(Fault::Breaks), ..Fate::default() }
}

impl State {
    /// Takes one of the steps that may be next. SQLite lets one connection write: who else wants
    /// to would keep its thread waiting.
    fn pick(&mut self) -> Option<Step> {
        self.waiting.retain(|step| !step.go.is_closed());
        let may: Vec<_> = (0..self.waiting.len()).filter(|at| self.may_go(*at)).collect();
        if may.is_empty() {
            return None;
        }
        let step = self.waiting.remove(may[self.random.random_range(0..may.len())]);
        self.steps += 1;
        (step.place, &step.what).hash(&mut self.course);
        Some(step)
    }

    fn may_go(&self, at: usize) -> bool {
        let step = &self.waiting[at];
        !writes(&step.what) || self.writing.is_none() || self.writing == step.place
    }

    fn fate_of(&mut self, step: &Step) -> Fate {
        let mut fate = Fate::default();
        if step.place.is_some() && self.is_faulty && self.random.random_ratio(FAULTS.0, FAULTS.1) {
            let fault = [Fault::Breaks, Fault::Breaks, Fault::Hushes, Fault::Panics];
            let fault = fault[self.random.random_range(0..fault.len())];
            let when =
                if self.random.random_bool(0.5) { &mut fate.before } else { &mut fate.after };
            *when = Some(fault);
            self.faults += 1;
            fault.hash(&mut self.course);
        }
        if step.what.starts_with("BEGIN IMMEDIATE") {
            self.writing = step.place;
        }
        let is_doubtful = fate.before.is_some() || fate.after.is_some();
        let is_end = ["COMMIT", "ROLLBACK"].contains(&&*step.what);
        if self.writing == step.place && step.place.is_some() && (is_doubtful || is_end) {
            self.writing = None;
        }
        fate
    }
}

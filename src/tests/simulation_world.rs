//! A small platform: processes that share a database, clients that ask them, and a job.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use chrono_tz::UTC;
use rand::{RngExt, rngs::StdRng};
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, HoldTime, Note, Operation, ReleaseReason, Source,
        Validity,
    },
    server::{
        clock::Clock,
        database::{Database, Fates, Faults, Limits},
        jobs::{Done, Job, Jobs},
        ledger::{Ledger, LedgerError, open_account},
    },
};
use sea_orm::{ConnectionTrait, Statement};

use crate::simulation_scheduler::{Door, Scheduler};

const PROCESSES: usize = 2;
const ACCOUNTS: usize = 3;
const CLIENTS: usize = 10;
/// How often the job is due.
const EVERY: Duration = Duration::from_secs(60);

/// Everything. Clones share it.
#[derive(Clone)]
pub struct World {
    pub scheduler: Scheduler,
    /// A way to the database on which nothing fails.
    pub database: Database,
    pub clock: Clock,
    pub accounts: Arc<[AccountId]>,
    processes: Arc<Mutex<Vec<Process>>>,
    started: Arc<AtomicUsize>,
    pub log: Arc<Mutex<BTreeMap<String, Asked>>>,
    pub work: Work,
    /// How many commands had no known outcome.
    pub unknown: Arc<AtomicUsize>,
    url: String,
}

/// The work of the job, without the world: that has the processes, which have the job.
#[derive(Clone)]
pub struct Work {
    scheduler: Scheduler,
    at_work: Arc<Mutex<Option<usize>>>,
    /// How often it was done.
    pub slots: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Process {
    number: usize,
    ledger: Ledger,
    jobs: Jobs,
}

/// What a client has asked for, between which steps, and what it was told: `None` if it doesn't
/// know.
#[derive(Clone, Debug)]
pub struct Asked {
    pub account: AccountId,
    pub command: Command,
    pub begun: u64,
    pub ended: u64,
    pub told: Option<Told>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The entry.
    Done(i64),
    Refused,
}

impl World {
    /// Opens the accounts and starts the processes.
    pub async fn begin(scheduler: &Scheduler, url: String) -> Self {
        let database = Database::connect(&url).await.unwrap();
        database.migrate().await.unwrap();
        let (clock, mut accounts) = (Clock::default(), Vec::new());
        for _ in 0..ACCOUNTS {
            let opened = open_account(database.writer(), UTC, 1, clock.now()).await;
            accounts.push(opened.unwrap());
        }
        let world = Self {
            scheduler: scheduler.clone(),
            database,
            clock,
            accounts: accounts.into(),
            processes: Arc::default(),
            started: Arc::default(),
            log: Arc::default(),
            work: Work::new(scheduler),
            unknown: Arc::default(),
            url,
        };
        for _ in 0..PROCESSES {
            let process = world.start().await;
            world.processes.lock().unwrap().push(process);
        }
        world
    }

    /// Lets clients ask so often, while processes die and start, until nobody asks any more; then
    /// asks again, with nothing failing, for what nobody knows of.
    pub async fn live(self, asked: usize) {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| tokio::spawn(self.clone().client(name, asked / CLIENTS)))
            .collect();
        let others = [tokio::spawn(self.clone().storms()), tokio::spawn(self.clone().runs_jobs())];
        for client in clients {
            client.await.unwrap();
        }
        self.scheduler.calms();
        for other in others {
            other.abort();
            assert!(other.await.is_err_and(|error| error.is_cancelled()), "it has failed");
        }
        let unknown: Vec<_> = {
            let log = self.log.lock().unwrap();
            let unknown = log.iter().filter(|(_, asked)| asked.told.is_none());
            unknown.map(|(key, asked)| (key.clone(), asked.clone())).collect()
        };
        self.unknown.store(unknown.len(), Ordering::SeqCst);
        for (key, asked) in unknown {
            while self.ask(&key, asked.clone(), 0).await.is_none() {}
        }
    }

    async fn start(&self) -> Process {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let door = Door { scheduler: self.scheduler.clone(), process: number };
        let faults = Faults::new(Arc::new(door) as Arc<dyn Fates>);
        let database = loop {
            let (url, faults) = (self.url.clone(), faults.clone());
            // Opening a connection may fail, too, or panic.
            let connected = tokio::spawn(async move {
                Database::connect_with_faults(&url, None, Limits::SERVING, &faults).await
            });
            if let Ok(Ok(database)) = connected.await {
                break database;
            }
        };
        let ledger = Ledger::start(database.clone(), self.clock.clone());
        let job =
            Job::new("work", EVERY, (self.work.clone(), number), |(work, number), _| async move {
                work.is_done_by(number).await;
                Ok(Done(1))
            });
        let jobs = Jobs::on(&database, &self.clock, vec![job]);
        Process { number, ledger, jobs }
    }

    async fn client(self, name: usize, asked: usize) {
        let mut holds = vec![Vec::new(); ACCOUNTS];
        for number in 0..asked {
            self.scheduler.turn("client").await;
            let (at, command) = self.scheduler.random(|random| {
                let at = random.random_range(0..ACCOUNTS);
                (at, command(random, &holds[at]))
            });
            let is_hold = matches!(command, Command::Hold { .. });
            let (begun, account) = (self.scheduler.now(), self.accounts[at].clone());
            let new = Asked { account, command, begun, ended: 0, told: None };
            let told = self.ask(&format!("{name}-{number}"), new, 3).await;
            if let (true, Some(Told::Done(hold))) = (is_hold, told) {
                holds[at].push(hold);
            }
            if self.scheduler.random(|random| random.random_ratio(1, 60)) {
                let minutes = self.scheduler.random(|random| random.random_range(1..600));
                self.clock.advance(TimeDelta::minutes(minutes));
            }
        }
    }

    /// Asks any process, and another one when it has no answer; gives up in `of_ten` of ten cases.
    async fn ask(&self, key: &str, mut asked: Asked, of_ten: u32) -> Option<Told> {
        while asked.told.is_none() {
            let process = self.any_process();
            let command = asked.command.clone();
            asked.told = match process.ledger.execute(&asked.account, key, command).await {
                Ok(outcome) => Some(Told::Done(outcome.seq)),
                Err(LedgerError::Refused(_)) => Some(Told::Refused),
                Err(LedgerError::Busy | LedgerError::Unavailable) => None,
            };
            asked.ended = self.scheduler.now();
            if asked.told.is_none() {
                self.scheduler.turn("client").await;
                if self.scheduler.random(|random| random.random_ratio(of_ten, 10)) {
                    break;
                }
            }
        }
        let told = asked.told.clone();
        self.log.lock().unwrap().insert(key.to_owned(), asked);
        told
    }

    /// Now and then a process dies, and another one starts in its place.
    async fn storms(self) {
        loop {
            for _ in 0..self.scheduler.random(|random| random.random_range(50..300)) {
                self.scheduler.turn("storm").await;
            }
            let index = self.scheduler.random(|random| random.random_range(0..PROCESSES));
            let number = self.processes.lock().unwrap()[index].number;
            self.scheduler.kill(number);
            let next = self.start().await;
            self.processes.lock().unwrap()[index] = next;
        }
    }

    /// Each process looks for work; when nobody has found any, the leases of the dead end.
    async fn runs_jobs(self) {
        loop {
            let both = self.processes.lock().unwrap().clone();
            let ran = futures::future::join_all(both.iter().map(|it| it.jobs.run_due())).await;
            self.scheduler.turn("jobs").await;
            if ran.iter().all(|ran| ran.as_ref().map_or(true, Vec::is_empty)) {
                let _alone = self.scheduler.alone("UPDATE jobs").await;
                let sql = "UPDATE jobs SET seen_at = seen_at - 20000";
                let writer = self.database.writer();
                let sql = Statement::from_string(writer.get_database_backend(), sql);
                writer.execute_raw(sql).await.unwrap();
            }
            self.clock.advance(TimeDelta::seconds(20));
        }
    }

    fn any_process(&self) -> Process {
        let index = self.scheduler.random(|random| random.random_range(0..PROCESSES));
        self.processes.lock().unwrap()[index].clone()
    }
}

impl Work {
    fn new(scheduler: &Scheduler) -> Self {
        Self { scheduler: scheduler.clone(), at_work: Arc::default(), slots: Arc::default() }
    }

    /// Of two processes that live, only one is at it.
    async fn is_done_by(&self, number: usize) {
        let other = self.at_work.lock().unwrap().replace(number);
        assert!(other.is_none_or(|other| self.scheduler.is_dead(other)), "two are at one job");
        for _ in 0..3 {
            self.scheduler.turn("work").await;
        }
        let mut at_work = self.at_work.lock().unwrap();
        if *at_work == Some(number) {
            *at_work = None;
        }
        self.slots.fetch_add(1, Ordering::SeqCst);
    }
}

fn command(random: &mut StdRng, holds: &[i64]) -> Command {
    let amount = Credits::from_thousandths(random.random_range(1..20_000));
    let (operation, note) = (Operation::ALL[random.random_range(0..4)], Note::default());
    // Mostly one of the last that this client has made.
    let recent = holds.iter().rev().take(3).copied().collect::<Vec<_>>();
    let hold = recent.get(random.random_range(0..3)).copied().unwrap_or(1);
    match random.random_range(0..12) {
        0 | 1 => {
            let source = [Source::Promotion, Source::Goodwill][random.random_range(0..2)];
            let amount = Credits::from_thousandths(random.random_range(20_000..90_000));
            Command::Grant { source, amount, validity: Validity::OneYear, purchase: None, note }
        }
        2..=5 => Command::Spend { operation, amount, note },
        6 | 7 => {
            let lasts = HoldTime::from_seconds(random.random_range(60..20_000)).unwrap();
            Command::Hold { operation, amount, lasts, note }
        }
        8 | 9 => Command::Capture { hold, amount: Captured::UpTo(amount), detail: None },
        10 => Command::Release { hold, reason: ReleaseReason::Cancelled },
        _ => Command::Extend { hold, lasts: None, more: amount, ceiling: None },
    }
}

//! What runs by the clock, in as many processes as there are.
//!
//! # Shape
//! A [`Job`] is a name, how often, and the work; [`timetable`] lists all of them, a line each.
//! [`Jobs`] looks which slot of each is due and claims it by inserting its row (`claim`). The
//! process that has the row does the work and records the outcome. [`standings`] shows it to the
//! operator. [`Pace`] says when the claim of a silent process ends; on PostgreSQL `presence` shows
//! sooner that a process is gone.
//!
//! # What must hold
//! - A slot is done by one process. Only the latest slot is ever due: what was missed for days is
//!   made up for once.
//! - A claim saves work and proves nothing: all work is safe to run twice and resumable, because a
//!   process may die anywhere, and its claim is then taken over.
//! - A process whose clock is not trusted runs no job: its "now" might end something too early.
//! - Nothing that is promised depends on a job having run in time: what time has done is true
//!   before the sweep writes it down.

mod claim;
mod job;
mod pace;
mod presence;
mod reminders;
mod standing;
mod sweep;
mod timetable;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::DbErr;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use job::{Done, Job, JobError};
pub use pace::Pace;
pub use reminders::remind;
pub use standing::{Standing, standings};

use super::{
    AppState,
    clock::{Clock, to_millis},
    database::{Database, unbroken},
};
use claim::{Claim, Claimed, Wish};
use presence::Presence;

/// What one process has run since it started. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct JobCounts(Arc<Mutex<BTreeMap<&'static str, Count>>>);

/// How often a process has run one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Runs, the failed ones included.
    pub runs: u64,
    /// Failed runs.
    pub failures: u64,
    /// What they have done, in what the job counts.
    pub done: u64,
}

impl JobCounts {
    /// The numbers, by the names of the jobs.
    #[must_use]
    pub fn all(&self) -> BTreeMap<&'static str, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, name: &'static str, outcome: &Result<Done, JobError>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(name).or_default();
        count.runs += 1;
        count.failures += u64::from(outcome.is_err());
        count.done += outcome.as_ref().map_or(0, |done| done.0);
    }
}

/// All jobs of one process. Clones share everything.
#[derive(Clone)]
pub struct Jobs {
    jobs: Arc<[Job]>,
    database: Database,
    clock: Clock,
    counts: JobCounts,
    ending: CancellationToken,
    presence: Presence,
    pace: Pace,
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jobs").field(&self.jobs).finish()
    }
}

impl Jobs {
    /// All that the product does by the clock.
    #[must_use]
    pub fn of(state: &AppState) -> Self {
        Self::new(state, timetable::all(state))
    }

    /// These jobs and no others.
    #[must_use]
    pub fn new(state: &AppState, jobs: Vec<Job>) -> Self {
        Self {
            counts: state.job_counts.clone(),
            ending: state.shutdown.clone(),
            ..Self::on(&state.database, &state.clock, jobs)
        }
    }

    /// Returns these jobs for a process that has nothing else.
    #[must_use]
    pub fn on(database: &Database, clock: &Clock, jobs: Vec<Job>) -> Self {
        Self {
            jobs: jobs.into(),
            database: database.clone(),
            clock: clock.clone(),
            counts: JobCounts::default(),
            ending: CancellationToken::new(),
            presence: Presence::new(),
            pace: Pace::PRODUCT,
        }
    }

    /// Returns the same at another pace, so that a test needn't wait for a lease.
    #[must_use]
    pub fn at_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Runs them when they are due, until the token ends it; returns when what was begun has ended.
    #[must_use]
    pub fn start(self, ending: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            let lock = self.presence.take(&self.database).await;
            let mut loops = JoinSet::new();
            for index in 0..self.jobs.len() {
                loops.spawn(self.clone().keep_running(index, ending.clone()));
            }
            tokio::select! {
                _ = loops.join_all() => {}
                () = self.presence.keep(&self.database, lock) => {}
            }
        })
    }

    /// Runs, one after the other, those whose slot is due and taken by nobody; says which.
    ///
    /// # Errors
    /// Where a slot can't be claimed. What the work of a job fails with is written down.
    pub async fn run_due(&self) -> Result<Vec<&'static str>, DbErr> {
        let mut ran = Vec::new();
        for job in &*self.jobs {
            if let Claimed::Ours(claim) = self.claim(job).await? {
                self.run_claimed(job, claim).await;
                ran.push(job.name);
            }
        }
        Ok(ran)
    }

    /// Runs one job now, whatever is due.
    ///
    /// # Errors
    /// The error of its work, that there is no such job, or that the clock is not trusted.
    pub async fn run(&self, name: &str) -> Result<Done, JobError> {
        if !self.clock.is_trusted() {
            return Err(JobError::new("the clock of this machine is not trusted"));
        }
        let job = self.jobs.iter().find(|job| job.name == name);
        let job = job.ok_or_else(|| JobError::new(format!("there is no job {name}")))?;
        self.count(job, job.run(self.clock.now()).await)
    }

    /// The names of all of them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.jobs.iter().map(|job| job.name)
    }

    async fn claim(&self, job: &Job) -> Result<Claimed, DbErr> {
        let now = self.clock.now();
        if !self.clock.is_trusted() {
            return Ok(Claimed::Busy);
        }
        let (slots, lease) = (job.slots(to_millis(now)), self.pace.lease);
        let wish = Wish { name: job.name, slots, now, lease };
        unbroken(claim::claim(&self.database, self.presence, wish)).await
    }

    async fn keep_running(self, index: usize, ending: CancellationToken) {
        let job = &self.jobs[index];
        let (mut done, mut is_away, mut handicap) = (None, false, Duration::ZERO);
        while !ending.is_cancelled() {
            let slot = job.slots(to_millis(self.clock.now())).0;
            if done != Some(slot) {
                match self.claim(job).await {
                    Ok(Claimed::Ours(claim)) => {
                        let is_well = self.run_claimed(job, claim).await;
                        handicap = if is_well { Duration::ZERO } else { self.pace.handicap };
                        (done, is_away) = (Some(slot), false);
                    }
                    Ok(Claimed::Done) => (done, is_away) = (Some(slot), false),
                    Ok(Claimed::Busy) => is_away = false,
                    // Said once, not every second of an outage.
                    Err(error) if !is_away => {
                        tracing::warn!(%error, job = job.name, "no slot can be claimed");
                        is_away = true;
                    }
                    Err(_) => {}
                }
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = tokio::time::sleep(self.pause(job) + handicap) => {}
            }
        }
    }

    /// Until the next slot, or until it is time to look again.
    fn pause(&self, job: &Job) -> Duration {
        let now = to_millis(self.clock.now());
        let until_next = u64::try_from(job.slots(now).1 - now).unwrap_or(1);
        Duration::from_millis(until_next).min(self.pace.look)
    }

    /// Does the work of a slot, and renews the claim meanwhile. Returns whether the work succeeded.
    async fn run_claimed(&self, job: &Job, claim: Claim) -> bool {
        let mut work = std::pin::pin!(job.run(self.clock.now()));
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                () = tokio::time::sleep(self.pace.renewal) => {
                    if let Err(error) = unbroken(claim.renew()).await {
                        tracing::warn!(%error, job = job.name, "a claim was not renewed");
                    }
                }
            }
        };
        // If the end of the program has cut the work off, the next process does it.
        let is_cut_off = outcome.is_err() && self.ending.is_cancelled();
        let outcome = self.count(job, outcome);
        let written = if is_cut_off {
            unbroken(claim.give_back()).await
        } else {
            unbroken(claim.finish(&outcome, self.clock.now())).await
        };
        if let Err(error) = written {
            tracing::warn!(%error, job = job.name, "what came of a slot was not written down");
        }
        outcome.is_ok()
    }

    /// Counts a run, and logs what is worth it, once.
    fn count(&self, job: &Job, outcome: Result<Done, JobError>) -> Result<Done, JobError> {
        self.counts.add(job.name, &outcome);
        match &outcome {
            Ok(Done(0)) => {}
            Ok(Done(done)) => tracing::debug!(done, job = job.name, "a job ran"),
            Err(error) => tracing::warn!(%error, job = job.name, "a job failed"),
        }
        outcome
    }
}

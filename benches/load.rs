//! Clients that ask the ledger for one thing after another, as many at once as are in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::{
    credits::{Captured, Command, Credits, HoldTime, Note, Operation, Refusal, ReleaseReason},
    server::ledger::{Ledger, LedgerError, Outcome},
};

use crate::{Answer, accounts::Accounts};

/// What one operation costs.
pub const COST: Credits = Credits::from_thousandths(1_000);
/// How often an account at the edge can pay; twice as often it is asked to.
pub const AFFORDABLE: usize = 100;
/// What a client that replays has asked for before.
const REMEMBERED: usize = 16;

/// Who asks for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Debits of accounts at random.
    Uniform,
    /// Debits of one account.
    Hot,
    /// Debits of accounts of which the n-th is asked a n-th as often as the first.
    Zipf,
    /// Holds, of which 70 in 100 are captured and the others released.
    Holds,
    /// Debits, of which one in five was asked for before.
    Replays,
    /// Only what was asked for before.
    Known,
    /// Debits of accounts that can pay half of them.
    Edge,
}

impl Workload {
    /// Those that are compared with hand-written debits.
    pub const MEASURED: [Self; 6] =
        [Self::Uniform, Self::Hot, Self::Zipf, Self::Holds, Self::Replays, Self::Edge];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform: 10 000 accounts of 3 lots",
            Self::Hot => "hot: one account",
            Self::Zipf => "zipf 1.0 over 10 000 accounts",
            Self::Holds => "holds, 70 captured and 30 released",
            Self::Replays => "20 % replays",
            Self::Known => "only known keys",
            Self::Edge => "at the edge: half is refused",
        }
    }
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Run {
    /// Answers, refusals too.
    pub answers: usize,
    pub elapsed: Duration,
    pub latencies_us: Vec<u32>,
    /// Whether every answer was one that may be given.
    pub is_right: bool,
}

impl Run {
    /// Those of many clients as one.
    pub fn all(runs: Vec<Self>, elapsed: Duration) -> Self {
        let mut all = Self { elapsed, is_right: true, ..Self::default() };
        for run in runs {
            all.answers += run.answers;
            all.latencies_us.extend(run.latencies_us);
            all.is_right &= run.is_right;
        }
        all
    }

    #[expect(clippy::cast_precision_loss, reason = "rates need no more than 53 bits")]
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64()
    }
}

/// What all clients of a run share.
#[derive(Clone)]
pub struct Load {
    pub ledger: Ledger,
    pub accounts: Arc<Accounts>,
    pub workload: Workload,
    /// For [`Workload::Zipf`]: how likely an account or one before it is meant.
    cumulative: Arc<[f64]>,
    /// For [`Workload::Edge`]: how many debits were asked for.
    asked: Arc<AtomicUsize>,
}

impl Load {
    pub fn new(ledger: &Ledger, accounts: &Arc<Accounts>, workload: Workload) -> Self {
        let mut sum = 0.0;
        let weights = (1..=accounts.ids.len()).map(|rank| {
            sum += 1.0 / f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
            sum
        });
        let cumulative = weights.collect();
        let asked = Arc::new(AtomicUsize::new(0));
        Self { ledger: ledger.clone(), accounts: Arc::clone(accounts), workload, cumulative, asked }
    }

    /// Drives the ledger for a while.
    pub async fn run(&self, in_flight: usize, length: Duration, seed: u64) -> Answer<Run> {
        let clients = (0..in_flight).map(|number| {
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
            tokio::spawn(Client::new(self.clone(), seed).prepare())
        });
        let clients = try_join_all(clients).await?.into_iter().collect::<Answer<Vec<_>>>()?;
        let start = Instant::now();
        let tasks = clients.into_iter().map(|client| tokio::spawn(client.work(start + length)));
        let runs = try_join_all(tasks).await?.into_iter().collect::<Answer<Vec<_>>>()?;
        Ok(Run::all(runs, start.elapsed()))
    }

    /// Whether each account at the edge paid for exactly what it could.
    pub fn is_exact(&self) -> bool {
        if self.workload != Workload::Edge {
            return true;
        }
        let asked = self.asked.load(Ordering::Relaxed);
        (0..self.accounts.ids.len()).all(|index| {
            let asked = asked.saturating_sub(index * 2 * AFFORDABLE);
            let granted = 1;
            let paid = self.accounts.entries(index) - granted;
            usize::try_from(paid).is_ok_and(|paid| paid == asked.min(AFFORDABLE))
        })
    }
}

/// What was asked for before: of whom, under which key, and which entry it led to.
struct Remembered {
    index: usize,
    key: String,
    command: Command,
    seq: i64,
}

/// One after another.
struct Client {
    load: Load,
    random: StdRng,
    remembered: Vec<Remembered>,
    run: Run,
}

impl Client {
    fn new(load: Load, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let run = Run { is_right: true, ..Run::default() };
        Self { load, random, remembered: Vec::new(), run }
    }

    /// Asks for what will be asked for again.
    async fn prepare(mut self) -> Answer<Self> {
        if matches!(self.load.workload, Workload::Known | Workload::Replays) {
            while self.remembered.len() < REMEMBERED {
                self.debit().await?;
            }
            self.run = Run { is_right: true, ..Run::default() };
        }
        Ok(self)
    }

    async fn work(mut self, end: Instant) -> Answer<Run> {
        while Instant::now() < end {
            match self.load.workload {
                Workload::Uniform | Workload::Hot | Workload::Zipf => self.debit().await?,
                Workload::Known => self.replay().await?,
                Workload::Replays if self.random.random_ratio(1, 5) => self.replay().await?,
                Workload::Replays => self.debit().await?,
                Workload::Holds => self.hold().await?,
                Workload::Edge => {
                    let asked = self.load.asked.fetch_add(1, Ordering::Relaxed);
                    let index = asked / (2 * AFFORDABLE);
                    if index >= self.load.accounts.ids.len() {
                        break;
                    }
                    let (key, command) = (self.key(), self.spend());
                    self.ask(index, &key, &command).await?;
                }
            }
        }
        Ok(self.run)
    }

    async fn debit(&mut self) -> Answer<()> {
        let (index, key, command) = (self.index(), self.key(), self.spend());
        let Some(outcome) = self.ask(index, &key, &command).await? else { return Ok(()) };
        let remembered = Remembered { index, key, command, seq: outcome.seq };
        if self.remembered.len() < REMEMBERED {
            self.remembered.push(remembered);
        } else {
            let place = self.random.random_range(0..REMEMBERED);
            self.remembered[place] = remembered;
        }
        Ok(())
    }

    async fn replay(&mut self) -> Answer<()> {
        let place = self.random.random_range(0..self.remembered.len());
        let Remembered { index, ref key, ref command, seq } = self.remembered[place];
        let (key, command) = (key.clone(), command.clone());
        let outcome = self.ask(index, &key, &command).await?;
        self.run.is_right &= outcome.is_some_and(|outcome| outcome.replayed && outcome.seq == seq);
        Ok(())
    }

    async fn hold(&mut self) -> Answer<()> {
        let (index, key) = (self.index(), self.key());
        let Command::Spend { operation, amount, note } = self.spend() else { return Ok(()) };
        let hold = Command::Hold { operation, amount, lasts: HoldTime::DEFAULT, note };
        let Some(held) = self.ask(index, &key, &hold).await? else { return Ok(()) };
        let settle = if self.random.random_ratio(7, 10) {
            let used = Credits::from_thousandths(amount.thousandths() * 7 / 10);
            Command::Capture { hold: held.seq, amount: Captured::Exactly(used), detail: None }
        } else {
            Command::Release { hold: held.seq, reason: ReleaseReason::Failed }
        };
        self.ask(index, &format!("{key}-end"), &settle).await?;
        Ok(())
    }

    /// Asks the ledger, and keeps how long it took and what it said.
    async fn ask(&mut self, index: usize, key: &str, command: &Command) -> Answer<Option<Outcome>> {
        let (ledger, accounts) = (&self.load.ledger, &self.load.accounts);
        let start = Instant::now();
        let answer = ledger.execute(&accounts.ids[index], key, command.clone()).await;
        let took_us = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.run.latencies_us.push(took_us);
        self.run.answers += 1;
        match answer {
            Ok(outcome) => {
                accounts.tell(index, &outcome);
                Ok(Some(outcome))
            }
            Err(LedgerError::Refused(Refusal::InsufficientCredits { .. }))
                if self.load.workload == Workload::Edge =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn index(&mut self) -> usize {
        let count = self.load.accounts.ids.len();
        match self.load.workload {
            Workload::Hot => 0,
            Workload::Zipf => {
                let cumulative = &self.load.cumulative;
                let sum = cumulative.last().copied().unwrap_or_default();
                let drawn = self.random.random_range(0.0..sum);
                cumulative.partition_point(|so_far| *so_far <= drawn).min(count - 1)
            }
            _ => self.random.random_range(0..count),
        }
    }

    fn key(&mut self) -> String {
        format!("{:032x}", self.random.random::<u128>())
    }

    fn spend(&mut self) -> Command {
        let operation = Operation::ALL[self.random.random_range(0..Operation::ALL.len())];
        let note = Note {
            description: "Momentum breakout v8".to_owned(),
            detail: "66k tokens in, 16k out, Standard class".to_owned(),
            reference: format!("run_{:08x}", self.random.random::<u32>()),
            rate_card: "2026-11".to_owned(),
        };
        Command::Spend { operation, amount: COST, note }
    }
}

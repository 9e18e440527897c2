//! Side by side: a slot of the limit, a slot of ours, and so on; the ratio is the median of the
//! pairs. After each row the books are compared with what the clients were told.

use std::{sync::Arc, time::Duration};

use crate::{
    Answer,
    accounts::Accounts,
    http::Served,
    limit::Limit,
    load::{Load, Run},
    plan::Plan,
    processes,
    report::{Row, Target, print_row},
    store::Store,
};

/// Before the first pair: connections are opened, plans made.
const WARM_UP: Duration = Duration::from_millis(500);

/// Who works during a slot.
pub enum Side {
    /// Hand-written SQL, on so many accounts with so many clients.
    Limit { limit: Limit, accounts: usize, clients: usize },
    /// Our ledger, with so many in flight.
    Ours { load: Load, in_flight: usize },
    /// Our program over HTTP, from so many connections, each with so many charges at a time.
    Http { served: Arc<Served>, accounts: Arc<Accounts>, connections: usize, together: usize },
    /// Our ledger in so many processes, with so many in flight altogether.
    Processes { url: String, accounts: Arc<Accounts>, processes: usize, in_flight: usize },
}

/// What a row compares.
pub struct Pair {
    pub name: String,
    pub in_flight: usize,
    pub limit: Side,
    pub ours: Side,
    pub target: Target,
}

impl Side {
    async fn run(&self, length: Duration, seed: u64) -> Answer<(f64, Option<Run>)> {
        let run = match self {
            Self::Limit { limit, accounts, clients } => {
                return Ok((limit.run(*accounts, *clients, length).await?, None));
            }
            Self::Ours { load, in_flight } => load.run(*in_flight, length, seed).await?,
            Self::Http { served, accounts, connections, together } => {
                served.charge(accounts, *connections, *together, length, seed).await?
            }
            Self::Processes { url, accounts, processes, in_flight } => {
                let place = (url.as_str(), Arc::clone(accounts));
                processes::run(place, *processes, *in_flight, length, seed).await?
            }
        };
        Ok((run.rate(), Some(run)))
    }

    fn accounts(&self) -> Option<&Accounts> {
        match self {
            Self::Limit { .. } => None,
            Self::Ours { load, .. } => Some(&load.accounts),
            Self::Http { accounts, .. } | Self::Processes { accounts, .. } => Some(accounts),
        }
    }
}

/// What a row found, with its slowest answer.
pub struct Measured {
    pub row: Row,
    pub slowest_ms: f64,
}

/// Measures one row and prints it.
pub async fn measure(plan: &Plan, store: &Store, pair: Pair) -> Answer<Measured> {
    let mut seed = seed_of(plan, &pair);
    let mut runs = vec![pair.ours.run(WARM_UP, seed).await?.1];
    let (mut limits, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut tries = 0;
    while ratios.len() < plan.pairs && tries < 2 * plan.pairs {
        tries += 1;
        seed = seed.wrapping_add(1);
        let (limit, _) = pair.limit.run(plan.slot, seed).await?;
        let (rate, run) = pair.ours.run(plan.slot, seed.wrapping_add(1_000_000)).await?;
        runs.push(run);
        // A disk that stood still says nothing about either side.
        if limit <= 0.0 {
            continue;
        }
        limits.push(limit);
        ours.push(rate);
        ratios.push(rate / limit);
    }
    let mut exact = runs.iter().flatten().all(|run| run.is_right);
    if let Some(accounts) = pair.ours.accounts() {
        exact &= accounts.are_exact(store).await?;
    }
    if let Side::Ours { load, .. } = &pair.ours {
        exact &= load.is_exact();
    }
    let measured = runs.into_iter().skip(1).flatten();
    let mut latencies_us: Vec<_> = measured.flat_map(|run| run.latencies_us).collect();
    latencies_us.sort_unstable();
    let row = Row {
        name: pair.name,
        database: store.kind.name(),
        in_flight: pair.in_flight,
        limit: median(limits),
        ours: median(ours),
        ratio: median(ratios),
        target: pair.target,
        p50_ms: part_ms(&latencies_us, 50),
        p99_ms: part_ms(&latencies_us, 99),
        exact,
    };
    print_row(&row);
    Ok(Measured { row, slowest_ms: part_ms(&latencies_us, 100) })
}

/// A seed for each row: no two rows ask under the same keys.
fn seed_of(plan: &Plan, pair: &Pair) -> u64 {
    let name = pair
        .name
        .bytes()
        .fold(plan.seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    name.wrapping_mul(1_009).wrapping_add(pair.in_flight as u64)
}

/// A bound that must not be passed, in milliseconds, as a row of its own.
pub fn bound(name: &str, measured: &Measured, found_ms: f64, bound_ms: f64) -> Row {
    let row = Row {
        name: name.to_owned(),
        limit: bound_ms,
        ours: found_ms,
        ratio: found_ms / bound_ms,
        target: Target::AtMost(1.0),
        ..measured.row.clone()
    };
    print_row(&row);
    row
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The latency below which so many of a hundred are.
pub fn part_ms(sorted_us: &[u32], percent: usize) -> f64 {
    let place = (sorted_us.len() * percent / 100).min(sorted_us.len().saturating_sub(1));
    sorted_us.get(place).map_or(0.0, |us| f64::from(*us) / 1_000.0)
}

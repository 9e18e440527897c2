//! How long a run of the bench may take, and what it therefore measures.

use std::{env, fs, time::Duration};

use chrono::Utc;

use crate::Answer;

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whether this is the full mode.
    pub is_full: bool,
    /// Whether nothing was left out: then the results are kept beside the sources.
    pub is_whole: bool,
    /// Slots of the limit, each beside a slot of ours.
    pub pairs: usize,
    pub slot: Duration,
    /// Entries of the largest account.
    pub largest: i64,
    /// How often each reading is measured on a large and a small account.
    pub samples: usize,
    pub seed: u64,
    /// Only rows whose name has this text.
    only: Option<String>,
    /// Only rows with so many in flight.
    pub only_in_flight: Option<usize>,
}

impl Plan {
    /// From `BENCH=full` or `FULL=1`, `BENCH_SEED`, `BENCH_ONLY`, `BENCH_IN_FLIGHT` and
    /// `BENCH_LARGEST`.
    pub fn from_environment() -> Answer<Self> {
        let is_set = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
        let is_full = is_set("FULL", "1") || is_set("BENCH", "full");
        let number = |name: &str, otherwise: i64| match env::var(name) {
            Ok(text) => text.parse().map_err(|error| format!("{name}: {error}")),
            Err(_) => Ok(otherwise),
        };
        let seed = number("BENCH_SEED", Utc::now().timestamp() % 1_000_007)?;
        let largest = number("BENCH_LARGEST", if is_full { 1_000_000 } else { 100_000 })?;
        let only = env::var("BENCH_ONLY").ok().filter(|text| !text.is_empty());
        let only_in_flight = match env::var("BENCH_IN_FLIGHT") {
            Ok(text) => Some(text.parse().map_err(|error| format!("BENCH_IN_FLIGHT: {error}"))?),
            Err(_) => None,
        };
        Ok(Self {
            is_full,
            is_whole: is_full && only.is_none() && only_in_flight.is_none(),
            pairs: if is_full { 5 } else { 3 },
            slot: Duration::from_secs(1),
            largest,
            samples: if is_full { 200 } else { 40 },
            seed: u64::try_from(seed)?,
            only,
            only_in_flight,
        })
    }

    /// Whether a row is asked for.
    pub fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// The machine, the date and the seed, and how busy the machine was with other things.
pub fn machine(plan: &Plan) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let memory_kb = memory.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    let load = read("/proc/loadavg");
    let load: Vec<_> = load.split_whitespace().take(3).collect();
    format!(
        "{cores} × {model}, {} GB; {}; seed {}; load at the start {}",
        memory_kb.unwrap_or_default() / 1_000_000,
        Utc::now().format("%Y-%m-%d %H:%M UTC"),
        plan.seed,
        load.join(" "),
    )
}

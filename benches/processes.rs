//! Several processes on one database: this program starts itself again, as a worker.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use recharge::{
    credits::AccountId,
    server::{clock::Clock, database::Database, ledger::Ledger},
};
use serde_json::{Value, json};

use crate::{
    Answer,
    accounts::Accounts,
    load::{Load, Run, Workload},
};

/// What makes this program a worker: then follow the address, the account, how many are in flight,
/// for how many milliseconds, and a seed.
pub const WORKER: &str = "--worker";

struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Debits one account from several processes, with so many in flight altogether.
pub async fn run(
    (url, accounts): (&str, Arc<Accounts>),
    processes: usize,
    in_flight: usize,
    length: Duration,
    seed: u64,
) -> Answer<Run> {
    let url = url.to_owned();
    let work = move || run_workers(&url, &accounts, processes, in_flight, length, seed);
    tokio::task::spawn_blocking(work).await?
}

fn run_workers(
    url: &str,
    accounts: &Accounts,
    processes: usize,
    in_flight: usize,
    length: Duration,
    seed: u64,
) -> Answer<Run> {
    let share = in_flight / processes;
    let mut workers = (0..processes)
        .map(|number| {
            let seed = seed.wrapping_mul(31).wrapping_add(number as u64);
            Worker::start(url, &accounts.ids[0], share, length, seed)
        })
        .collect::<Answer<Vec<_>>>()?;
    let mut line = String::new();
    for worker in &mut workers {
        worker.output.read_line(&mut line)?;
    }
    for worker in &mut workers {
        writeln!(worker.input, "go")?;
    }
    let start = Instant::now();
    let mut all = Run { is_right: true, ..Run::default() };
    for mut worker in workers {
        line.clear();
        worker.output.read_line(&mut line)?;
        all.elapsed = start.elapsed();
        let told: Value = serde_json::from_str(&line)?;
        let number = |name: &str| told[name].as_i64().ok_or("a worker told no number");
        all.answers += usize::try_from(number("answers")?)?;
        accounts.tell_sums(0, number("entries")?, [number("available")?, number("held")?]);
        let latencies = told["latencies_us"].as_array().into_iter().flatten();
        all.latencies_us.extend(latencies.filter_map(|it| u32::try_from(it.as_u64()?).ok()));
        all.is_right &= worker.process.wait()?.success();
    }
    Ok(all)
}

impl Worker {
    fn start(
        url: &str,
        account: &AccountId,
        in_flight: usize,
        length: Duration,
        seed: u64,
    ) -> Answer<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([WORKER, url, &account.0])
            .args([in_flight.to_string(), length.as_millis().to_string(), seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("a worker has no input")?;
        let output = BufReader::new(process.stdout.take().ok_or("a worker has no output")?);
        Ok(Self { process, input, output })
    }
}

/// What a worker does: says that it is ready, waits for a line, works, and tells what it was told.
pub async fn work(given: &[String]) -> Answer<()> {
    let [url, account, in_flight, length_ms, seed] = given else {
        return Err("a worker is started by the bench".into());
    };
    let database = Database::connect(url).await?;
    let ledger = Ledger::start(database, Clock::default());
    let accounts = Arc::new(Accounts::known(vec![AccountId(account.clone())]));
    let (in_flight, seed) = (in_flight.parse()?, seed.parse()?);
    let load = Load::new(&ledger, &accounts, Workload::Hot);
    load.run(in_flight, Duration::from_millis(100), seed).await?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let length = Duration::from_millis(length_ms.parse()?);
    let run = load.run(in_flight, length, seed + 1).await?;
    ledger.close().await;
    let [entries, available, held] = accounts.sums(0);
    let told = json!({
        "answers": run.answers, "entries": entries, "available": available, "held": held,
        "latencies_us": run.latencies_us,
    });
    println!("{told}");
    Ok(())
}

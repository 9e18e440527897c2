//! Compares two builds of the program in one run: `scripts/compare.sh OLD`.
//!
//! Each build makes its own databases and is asked over HTTP only, so that any two commits can be
//! compared. A slot of the old one and a slot of the new one take turns; the ratio is the median of
//! the pairs. Then both charge a fixed number of debits under callgrind on SQLite. The work that an
//! idle program does by the clock is counted separately and subtracted: a program under callgrind
//! is some fifty times slower, so its clock runs too fast.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rand::RngExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    Answer,
    http::Connection,
    measure::median,
    store::{analyze_in_cluster, create_in_cluster, drop_in_cluster},
};

/// The argument that makes this program compare. The old and the new program follow it.
pub const COMPARE: &str = "--compare";

const ACCOUNTS: usize = 64;
const CALLGRIND: [&str; 3] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=counted"];
/// The debits of one request (the ledger commits a batch at once), and the debits that are counted:
/// so few that they end within a minute, before the ledger compares what it acknowledged.
const TOGETHER: [(usize, usize); 2] = [(1, 320), (64, 3_200)];
/// Debits before the counted ones: they open connections and make plans.
const BEFORE: usize = 320;
/// How long the instructions of an idle program are counted.
const IDLE: Duration = Duration::from_secs(5);

/// One build at work on a database of its own.
struct Build {
    process: Child,
    address: String,
    key: String,
    accounts: Vec<String>,
    folder: TempDir,
}

impl Drop for Build {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Compares the programs that are named on the command line.
pub async fn compare(given: &[String]) -> Answer<()> {
    // Cargo adds an argument that says that this is a bench.
    let [old, new, ..] = given else {
        return Err("name the old and the new program".into());
    };
    let (old, new) = (PathBuf::from(old), PathBuf::from(new));
    let pairs = number("COMPARE_PAIRS", 7)?;
    let slot = Duration::from_millis(number("COMPARE_SLOT_MS", 2_000)?);
    println!("what             database  together        old        new   new/old");
    for database in ["sqlite", "postgres"] {
        let both = [
            Build::start(&old, database, "old").await?,
            Build::start(&new, database, "new").await?,
        ];
        for (together, _) in TOGETHER {
            let mut rates = [Vec::new(), Vec::new()];
            let mut ratios = Vec::new();
            for pair in 0..=pairs {
                let mut found = [0.0, 0.0];
                // The old and the new one begin in turns.
                for turn in 0..2 {
                    let index = usize::try_from((pair + turn) % 2)?;
                    found[index] = both[index].debits_per_second(together, slot).await?;
                }
                if pair == 0 && database == "postgres" {
                    // Otherwise the plans depend on when PostgreSQL looks at the new tables.
                    analyze_in_cluster("bench_old").await?;
                    analyze_in_cluster("bench_new").await?;
                }
                // The first pair opens connections and makes plans.
                if pair > 0 {
                    ratios.push(found[1] / found[0]);
                    rates[0].push(found[0]);
                    rates[1].push(found[1]);
                }
            }
            let [old, new] = rates.map(median);
            print("debits a second", database, together, [old, new], median(ratios));
        }
    }
    drop_in_cluster("bench_old").await?;
    drop_in_cluster("bench_new").await?;
    for (together, debits) in TOGETHER {
        let counts = [
            instructions_per_debit(&old, together, debits).await?,
            instructions_per_debit(&new, together, debits).await?,
        ];
        print("instructions", "sqlite", together, counts, counts[1] / counts[0]);
    }
    Ok(())
}

fn print(what: &str, database: &str, together: usize, [old, new]: [f64; 2], ratio: f64) {
    println!("{what:<16} {database:<8} {together:>9} {old:>10.0} {new:>10.0} {ratio:>9.3}");
}

fn number(name: &str, otherwise: u64) -> Answer<u64> {
    std::env::var(name).map_or(Ok(otherwise), |text| Ok(text.parse()?))
}

/// Counts the instructions of one debit with callgrind, without the work by the clock.
async fn instructions_per_debit(program: &Path, together: usize, debits: usize) -> Answer<f64> {
    let mut build = Build::set_up(program, "sqlite", "counted").await?;
    build.serve(&[&CALLGRIND[..], &[&program.display().to_string()]].concat()).await?;
    let mut connection = build.connect().await?;
    build.charge_times(&mut connection, together, BEFORE).await?;
    // The program syncs its file of acknowledged commands within a second: wait until that is over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    build.counted(1)?;
    let idle = Instant::now();
    tokio::time::sleep(IDLE).await;
    let by_the_clock = build.counted(2)? / idle.elapsed().as_secs_f64();
    let busy = Instant::now();
    build.charge_times(&mut connection, together, debits).await?;
    let busy = busy.elapsed().as_secs_f64();
    let counted = build.counted(3)? - by_the_clock * busy;
    Ok(counted / f64::from(u32::try_from(debits)?))
}

impl Build {
    async fn start(program: &Path, database: &str, name: &str) -> Answer<Self> {
        let mut build = Self::set_up(program, database, name).await?;
        build.serve(&[&program.display().to_string()]).await?;
        Ok(build)
    }

    /// Makes a database with accounts that have plenty of credits. Runs the program for that.
    async fn set_up(program: &Path, database: &str, name: &str) -> Answer<Self> {
        let folder = TempDir::new()?;
        let url = match database {
            "sqlite" => format!("sqlite://{}/recharge.db", folder.path().display()),
            _ => create_in_cluster(&format!("bench_{name}")).await?,
        };
        std::fs::write(folder.path().join("url"), &url)?;
        let run = |arguments: &[&str]| -> Answer<String> {
            let mut command = Command::new(program);
            command.current_dir(folder.path()).args(["--database-url", &url, "--log", "off"]);
            let output = command.args(arguments).output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
            }
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        run(&["migrate"])?;
        let scopes = ["--scope", "spend", "--scope", "grant"];
        let key =
            run(&[&["api-key", "add", "--service", "--name", "bench"], &scopes[..]].concat())?;
        // A process that ends at once stands in until the program is served.
        let process = Command::new("true").spawn()?;
        let mut build = Self { process, address: String::new(), key, accounts: Vec::new(), folder };
        build.serve(&[&program.display().to_string()]).await?;
        let mut connection = build.connect().await?;
        for number in 0..ACCOUNTS {
            let opened = format!(
                r#"{{"external_id":"{number}","email":"{number}@bench.test","name":"Bench"}}"#
            );
            let opened = build.post(&mut connection, "/accounts", &opened).await?;
            let account = opened["account"].as_str().ok_or("no account")?.to_owned();
            let granted = r#"{"amount":"100000000","description":"Bench"}"#;
            build.post(&mut connection, &format!("/accounts/{account}/grants"), granted).await?;
            build.accounts.push(account);
        }
        build.end()?;
        Ok(build)
    }

    /// Serves the database with this command, and returns when it is ready.
    async fn serve(&mut self, command: &[&str]) -> Answer<()> {
        // A port that was free a moment ago.
        self.address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
        let url = std::fs::read_to_string(self.folder.path().join("url"))?;
        self.process = Command::new(command[0])
            .args(&command[1..])
            .current_dir(self.folder.path())
            .args(["--database-url", &url, "--site-addr", &self.address, "--log", "off"])
            .args(["--api-service-rate", "1000000", "--api-rate", "1000000"])
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.folder.path().join("said"))?)
            .spawn()?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(300) {
            if let Ok(mut connection) = self.connect().await
                && connection.get("/readyz", "").await.is_ok_and(|(status, ..)| status == 200)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("the program does not get ready".into())
    }

    /// Ends the program as an operator does.
    fn end(&mut self) -> Answer<()> {
        Command::new("kill").args(["-s", "TERM", &self.process.id().to_string()]).status()?;
        self.process.wait()?;
        Ok(())
    }

    /// Returns the instructions since the call before; this is the `time`-th call.
    fn counted(&self, time: usize) -> Answer<f64> {
        let process = self.process.id().to_string();
        let asked = Command::new("callgrind_control").args(["--dump", &process]).output()?;
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        let counts = std::fs::read_to_string(self.folder.path().join(format!("counted.{time}")));
        let counts =
            counts.map_err(|error| format!("callgrind counted nothing: {error}; {said}"))?;
        let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(total.ok_or("callgrind wrote no total")?.trim().parse()?)
    }

    async fn charge_times(
        &self,
        connection: &mut Connection,
        together: usize,
        debits: usize,
    ) -> Answer<()> {
        for _ in 0..debits / together {
            self.charge(connection, together).await?;
        }
        Ok(())
    }

    async fn connect(&self) -> Answer<Connection> {
        Connection::open(&self.address).await
    }

    async fn debits_per_second(&self, together: usize, slot: Duration) -> Answer<f64> {
        let mut connection = self.connect().await?;
        let (start, mut debits) = (Instant::now(), 0_u32);
        while start.elapsed() < slot {
            self.charge(&mut connection, together).await?;
            debits += u32::try_from(together)?;
        }
        Ok(f64::from(debits) / start.elapsed().as_secs_f64())
    }

    async fn charge(&self, connection: &mut Connection, together: usize) -> Answer<()> {
        let charge = |_| {
            let account = &self.accounts[rand::rng().random_range(0..self.accounts.len())];
            format!(r#"{{"account":"{account}","operation":"backtest","amount":"1"}}"#)
        };
        let charges = (0..together).map(charge).collect::<Vec<_>>().join(",");
        let answer = if together == 1 {
            self.post(connection, "/usage", &charges).await?
        } else {
            let batch = format!(r#"{{"items":[{charges}]}}"#);
            self.post(connection, "/usage/batch", &batch).await?
        };
        let results = answer["results"].as_array().into_iter().flatten();
        if results.into_iter().any(|result| result["status"] != 200) {
            return Err(format!("not charged: {answer}").into());
        }
        Ok(())
    }

    async fn post(&self, connection: &mut Connection, path: &str, body: &str) -> Answer<Value> {
        let request = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             idempotency-key: {:032x}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.key,
            rand::rng().random::<u128>(),
            body.len(),
        );
        let (status, _, answer) = connection.ask(&request).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if !matches!(status, 200 | 201) {
            return Err(format!("{path} was answered with {status}: {answer}").into());
        }
        Ok(answer)
    }
}

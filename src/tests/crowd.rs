//! Crowds at the door: many clients, idle and slow connections, and streams at once. In short; with
//! `TEST_CROWD=full` in the numbers of a bad day.
//!
//! The crowd is one thread: on this machine it takes processor time from the server, which it
//! would not from elsewhere. A neighbour is somebody who does their work meanwhile.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use recharge::server::connections;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::{
    api_load::Worker,
    databases::TestDatabase,
    process::{Process, connect},
    program::{recharge, run_on, text},
};

const SOON: Duration = Duration::from_secs(20);
const MOST_MEMORY: u64 = 200 * 1024 * 1024;
/// How long a neighbour or a probe waits at most, in 99 of 100 requests.
const NEIGHBOURS_P99: Duration = Duration::from_millis(50);
/// How long a client does something else between two requests.
const THINKING: Duration = Duration::from_millis(500);
/// How long a neighbour does.
const PAUSE: Duration = Duration::from_millis(20);

struct Crowd {
    clients: usize,
    idle: usize,
    slow: usize,
    streams: usize,
    time: Duration,
    is_full: bool,
}

impl Crowd {
    fn of_this_run() -> Self {
        if std::env::var("TEST_CROWD").is_ok_and(|size| size == "full") {
            let time = Duration::from_secs(30);
            let (clients, idle, slow, streams) = (2_000, 10_000, 1_000, 2_000);
            return Self { clients, idle, slow, streams, time, is_full: true };
        }
        let time = Duration::from_secs(2);
        Self { clients: 300, idle: 1_000, slow: 100, streams: 200, time, is_full: false }
    }
}

/// Counts of the answers that the clients got.
#[derive(Debug, Default)]
struct Answers {
    good: AtomicU32,
    shed: AtomicU32,
    /// Connections that gave way to another one while nothing was asked.
    gave_way: AtomicU32,
    /// Connections that were never made, or ended while something was asked: also where one gave
    /// way at the moment of asking.
    broken: AtomicU32,
}

/// The end of the crowd, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A session of somebody who was added to the database.
fn sign_in(url: &str, process: &Process) -> String {
    let folder = TempDir::new().unwrap();
    let mut add = recharge(folder.path());
    add.args(["user", "add", "--name", "Ada", "--email", "ada@recharge.test"]);
    add.env("RECHARGE_PASSWORD", "a long password").env("DATABASE_URL", url);
    let added = add.output().unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    let form = "email=ada%40recharge.test&password=a+long+password";
    let mut connection = process.connect();
    write!(
        connection,
        "POST /sign-in HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        process.address,
        form.len()
    )
    .unwrap();
    let answer = crate::process::read(&mut connection, SOON).unwrap().text;
    let cookie = answer.split("set-cookie: ").nth(1).unwrap_or_else(|| panic!("{answer}"));
    cookie.split(';').next().unwrap().to_owned()
}

/// Many connections, as many as come to be.
fn many(address: SocketAddr, size: usize, says: &str) -> Vec<TcpStream> {
    let one = |_| {
        let mut connection = connect(address).ok()?;
        connection.write_all(says.as_bytes()).ok()?;
        Some(connection)
    };
    (0..size).filter_map(one).collect()
}

/// The clients, in one thread, until it is over.
fn all_clients(address: SocketAddr, size: usize, is_over: &AtomicBool, answers: &Answers) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let one = async || {
        while !is_over.load(Ordering::Relaxed) {
            client(address, is_over, answers).await;
            sleep(THINKING).await;
        }
    };
    runtime.block_on(futures::future::join_all((0..size).map(|_| one())));
}

/// Asks over one connection for as long as it lasts. What is not answered well is answered with 503
/// or 429 and says when to come back.
async fn client(address: SocketAddr, is_over: &AtomicBool, answers: &Answers) {
    let connecting = timeout(SOON, tokio::net::TcpStream::connect(address)).await;
    let Ok(Ok(mut connection)) = connecting else {
        answers.broken.fetch_add(1, Ordering::Relaxed);
        return;
    };
    while let Ok(Some(head)) = timeout(SOON, ask(&mut connection, "/api/docs")).await {
        if head.starts_with("http/1.1 200 ") {
            answers.good.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!(
                head.starts_with("http/1.1 503 ") || head.starts_with("http/1.1 429 "),
                "{head}"
            );
            assert!(head.contains("\r\nretry-after: "), "{head}");
            answers.shed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // Nothing comes while nothing is asked, but the end.
        if timeout(THINKING, connection.readable()).await.is_ok() {
            answers.gave_way.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
    answers.broken.fetch_add(1, Ordering::Relaxed);
}

/// Asks, and reads head and body; `None` if the connection has ended.
async fn ask(connection: &mut tokio::net::TcpStream, path: &str) -> Option<String> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: recharge.test\r\n\r\n");
    connection.write_all(head.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?;
            if body.len() >= length.parse().ok()? {
                return Some(head + "\r\n");
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Charges, one after the other, and returns how long each charge took.
async fn neighbour(worker: &Worker, time: Duration) -> Vec<Duration> {
    let (begun, mut waits) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let charge = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
        let (asked, key) = (Instant::now(), format!("neighbour-{}", waits.len()));
        let told = worker.send(&("/usage".to_owned(), key, charge)).await;
        assert!(told.is_some(), "a neighbour's charge was not done");
        waits.push(asked.elapsed());
        sleep(PAUSE).await;
    }
    waits
}

/// Asks whether the program lives, each time over a connection of its own.
fn probes(process: &Process, time: Duration) -> Vec<Duration> {
    let (begun, mut waits) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let asked = Instant::now();
        let reply = process.get("/healthz", SOON).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text);
        waits.push(asked.elapsed());
        thread::sleep(PAUSE);
    }
    waits
}

#[test]
fn a_crowd_is_served_or_told_when_to_come_back() {
    connections::raise_limit();
    let crowd = Crowd::of_this_run();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (test, folder) = (runtime.block_on(TestDatabase::sqlite()), TempDir::new().unwrap());
    let settings = [("RUST_LOG", "info,tower_http=warn"), ("DATABASE_URL", test.url.as_str())];
    let process = Process::start(folder.path(), 1_024, &settings);
    let cookie = sign_in(&test.url, &process);
    let (address, time) = (process.address, crowd.time);
    let worker = runtime.block_on(Worker::new(&test, &address.to_string()));
    let stream = format!(
        "GET /settings/events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\
         Cookie: {cookie}\r\n\r\n"
    );
    let streams = many(address, crowd.streams, &stream);
    let idle = many(address, crowd.idle, "");
    let slow = many(address, crowd.slow, "GET /healthz HTTP/1.1\r\nX-Slow: ");
    let (is_over, answers) = (AtomicBool::new(false), Answers::default());
    let (probed, charged) = thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| all_clients(address, crowd.clients, &is_over, &answers));
        let probed = scope.spawn(|| probes(&process, time));
        let charged = runtime.block_on(neighbour(&worker, time));
        (probed.join().unwrap(), charged)
    });
    drop((streams, idle, slow));
    crowd.judges(process.memory(), &answers, probed, charged);
    assert_eq!(process.get("/readyz", SOON).unwrap().status, 200);
    assert!(!process.said().contains("ERROR"), "{}", process.said());
    let verified = run_on(&test.url, &["verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

impl Crowd {
    fn judges(
        &self,
        memory: u64,
        answers: &Answers,
        probed: Vec<Duration>,
        charged: Vec<Duration>,
    ) {
        let (probes, charges, mib) = (p99(probed), p99(charged), memory / 1024 / 1024);
        println!("{answers:?}, {mib} MiB, p99 of probes {probes:?}, of charges {charges:?}");
        let [good, broken] = [&answers.good, &answers.broken].map(|it| it.load(Ordering::Relaxed));
        assert!(good > 100, "{good} were answered");
        // A client must expect that a connection at rest ends at the moment of asking (RFC 9112, 9.5).
        assert!(broken <= good / 20, "{broken} were not answered");
        if self.is_full {
            assert!(memory <= MOST_MEMORY, "{mib} MiB");
            assert!(
                probes <= NEIGHBOURS_P99 && charges <= NEIGHBOURS_P99,
                "{probes:?}, {charges:?}"
            );
        }
    }
}

fn p99(mut waits: Vec<Duration>) -> Duration {
    waits.sort_unstable();
    waits[waits.len() * 99 / 100]
}

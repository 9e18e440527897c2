//! Crowds at the door: many clients, idle and slow connections, and streams at once. In short; with
//! `TEST_CROWD=full` in the numbers of a bad day.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use recharge::server::connections;
use tempfile::TempDir;

use crate::{
    process::{Process, connect},
    program::{recharge, text},
};

const SOON: Duration = Duration::from_secs(20);
const MOST_MEMORY: u64 = 200 * 1024 * 1024;
/// How long a neighbour waits at most, in 99 of 100 requests.
const NEIGHBOURS_P99: Duration = Duration::from_millis(50);

/// How long a client does something else between two requests.
const THINKING: Duration = Duration::from_millis(500);

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

/// The end of the crowd, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A session of somebody who was added to the database in this folder.
fn sign_in(folder: &std::path::Path, process: &Process) -> String {
    let mut add = recharge(folder);
    add.args(["user", "add", "--name", "Ada", "--email", "ada@recharge.test"]);
    let added = add.env("RECHARGE_PASSWORD", "a long password").output().unwrap();
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

/// Asks over one connection for as long as it lasts, and then over the next. What is not answered
/// well is answered with 503 or 429 and says when to come back, or its connection gave way.
fn client(address: SocketAddr, is_over: &AtomicBool, answered: &AtomicU32, shed: &AtomicU32) {
    while !is_over.load(Ordering::Relaxed) {
        let Ok(mut connection) = connect(address) else {
            sleep(THINKING);
            continue;
        };
        connection.set_read_timeout(Some(SOON)).unwrap();
        while let Some(head) = ask(&mut connection, "/api/v1/openapi.json") {
            let status = head.split(' ').nth(1).unwrap();
            if status == "200" {
                answered.fetch_add(1, Ordering::Relaxed);
            } else {
                assert!(matches!(status, "503" | "429"), "{head}");
                assert!(head.contains("\r\nretry-after: "), "{head}");
                shed.fetch_add(1, Ordering::Relaxed);
                sleep(THINKING);
                break;
            }
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            sleep(THINKING);
        }
    }
}

/// Asks, and reads head and body; `None` if the connection has ended.
fn ask(connection: &mut TcpStream, path: &str) -> Option<String> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: recharge.test\r\n\r\n");
    connection.write_all(head.as_bytes()).ok()?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?;
            if body.len() >= length.parse().ok()? {
                return Some(head + "\r\n");
            }
        }
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend(&buffer[..count]),
        }
    }
}

#[test]
fn a_crowd_is_served_or_told_when_to_come_back() {
    connections::raise_limit();
    let crowd = Crowd::of_this_run();
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), 1_024, &[("RUST_LOG", "info,tower_http=warn")]);
    let cookie = sign_in(folder.path(), &process);
    let (is_over, answered, shed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let address = process.address;
    let stream = format!(
        "GET /settings/events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\
         Cookie: {cookie}\r\n\r\n"
    );
    let streams = many(address, crowd.streams, &stream);
    let idle = many(address, crowd.idle, "");
    let slow = many(address, crowd.slow, "GET /healthz HTTP/1.1\r\nX-Slow: ");
    let waits = thread::scope(|scope| {
        let _over = Over(&is_over);
        for _ in 0..crowd.clients {
            scope.spawn(|| client(address, &is_over, &answered, &shed));
        }
        let begun = Instant::now();
        let mut waits = Vec::new();
        while begun.elapsed() < crowd.time {
            let asked = Instant::now();
            let reply = process.get("/healthz", SOON).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text);
            waits.push(asked.elapsed());
            sleep(Duration::from_millis(20));
        }
        waits
    });
    drop((streams, idle, slow));
    tells(&crowd, waits, process.memory(), answered.into_inner(), shed.into_inner());
    assert_eq!(process.get("/readyz", SOON).unwrap().status, 200);
    assert!(!process.said().contains("ERROR"), "{}", process.said());
    let verified = recharge(folder.path()).arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

fn tells(crowd: &Crowd, mut waits: Vec<Duration>, memory: u64, answered: u32, shed: u32) {
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    let mib = memory / 1024 / 1024;
    println!("{answered} answered, {shed} shed, {mib} MiB, probes' p99 {p99:?}");
    assert!(answered > 100, "{answered} were answered");
    if crowd.is_full {
        assert!(memory <= MOST_MEMORY, "{mib} MiB");
        assert!(p99 <= NEIGHBOURS_P99, "{p99:?}");
    }
}

//! What connections that do nothing, or next to nothing, do to others: nothing.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use recharge::server::connections;
use tempfile::TempDir;

use crate::process::{Process, exchange, is_ended, read};

/// How soon everybody is answered, whatever others do.
const SOON: Duration = Duration::from_secs(2);
const HALF_A_HEAD: &str = "GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\nX-Half: ";
/// A form of which nothing follows: its connection is busy until it counts as late.
const HALF_A_FORM: &str = "POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: 100\r\n\
                           Content-Type: application/x-www-form-urlencoded\r\n\
                           Expect: 100-continue\r\n\r\n";

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// What is not HTTP/1.1, or not clearly one request. After each the server ends the connection.
const NO_REQUESTS: [&[u8]; 18] = [
    b"GET /a\x01 HTTP/1.1\r\nHost: recharge.test\r\nConnection: close\r\n\r\n",
    b"GET /a\0b HTTP/1.1\r\nHost: recharge.test\r\nConnection: close\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: recharge.test\r\nConnection: close\r\n\r\n",
    b"GET /\xc3\xa4?\xed\xa0\x80 HTTP/1.1\r\nHost: recharge.test\r\nConnection: close\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: recharge.test\r\nConnection: close\r\n\r\n",
    b"GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"GET /sign-in HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\nConnection: close\r\n\r\n",
    b"GET /sign-in HTTP/3.7\r\nHost: recharge.test\r\n\r\n",
    b"GET /sign-in\r\n\r\n",
    b"GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\nA\0B: c\r\n\r\n",
    b"GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\nA: b\0c\r\n\r\n",
    b"GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\n folded: a\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: x\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: -1\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: 1\r\n\
      Content-Length: 2\r\n\r\nab",
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 the first bytes of TLS",
    b"\0\xff\x80\r\n\r\n\n\n garbage \x1b[31m \r\r\r",
];
/// Two lengths for one body: a server that takes the other one than its proxy takes the rest for
/// the next request.
const TWO_LENGTHS: [&[u8]; 2] = [
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: 5\r\n\
      Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nTransfer-Encoding: chunked\r\n\
      Content-Length: 54\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n",
];
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn crowd(process: &Process, size: usize, says: &str) -> Vec<TcpStream> {
    connections::raise_limit();
    let one = |_| {
        let mut connection = process.connect();
        connection.write_all(says.as_bytes()).unwrap();
        connection
    };
    (0..size).map(one).collect()
}

#[track_caller]
fn everybody_is_answered(process: &Process) {
    for path in ["/healthz", "/readyz", "/sign-in", "/api/v1/openapi.json"] {
        let reply = process.get(path, SOON).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    }
}

#[test]
fn idle_connections_shut_nobody_out() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), 1_024, &[]);
    for says in ["", HALF_A_HEAD] {
        let _crowd = crowd(&process, 1_100, says);
        everybody_is_answered(&process);
    }
    let metrics = process.get("/metrics", SOON).unwrap().text;
    assert!(metrics.contains("\nrecharge_connections_most 800\n"), "{metrics}");
    assert!(!metrics.contains("\nrecharge_connections_gave_way_total 0\n"), "{metrics}");
}

#[test]
fn half_a_head_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), 1_024, &[("IDLE_SECONDS", "1")]);
    let mut halves = crowd(&process, 300, HALF_A_HEAD);
    halves.extend(crowd(&process, 10, ""));
    let used = crowd(&process, 10, "GET /healthz HTTP/1.1\r\nHost: recharge.test\r\n\r\n");
    let begun = Instant::now();
    halves.into_iter().chain(used).for_each(|mut it| is_ended(&mut it, Duration::from_secs(10)));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    everybody_is_answered(&process);
}

/// 256 descriptors are 32 connections.
#[test]
fn where_all_are_busy_one_more_is_sent_away_and_probes_are_answered() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), 256, &[]);
    let mut busy = crowd(&process, 32, HALF_A_FORM);
    for connection in &mut busy {
        // The server has begun with this request: it asks for the rest.
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.read_exact(&mut [0; CONTINUE.len()]).unwrap();
    }
    let begun = Instant::now();
    let page = process.get("/sign-in", SOON).unwrap();
    assert!(page.status == 503 && page.text.contains("\r\nretry-after: "), "{}", page.text);
    assert!(page.text.contains("</html>"), "in words: {}", page.text);
    let problem = process.get("/api/v1/catalogue", SOON).unwrap();
    assert!(problem.status == 503 && problem.text.contains("\"code\":\"busy\""), "{problem:?}");
    assert!(problem.text.contains("\r\nretry-after: "), "{problem:?}");
    // Those who say nothing don't fill the reserve either.
    let _silent = crowd(&process, 200, "");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(process.get(path, SOON).unwrap().status, 200, "{path}");
    }
    for mut connection in busy {
        let late = read(&mut connection, Duration::from_secs(20)).unwrap();
        assert_eq!(late.status, 408, "{}", late.text);
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    everybody_is_answered(&process);
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_the_system_allows() {
    let folder = TempDir::new().unwrap();
    let limits = "ulimit -S -n 1024 && ulimit -H -n 3000";
    let process = Process::start_after(folder.path(), limits, &[]);
    let metrics = process.get("/metrics", SOON).unwrap().text;
    assert!(metrics.contains("\nrecharge_connections_most 2776\n"), "{metrics}");
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_is_answered() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), 256, &[]);
    let lines = "GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\n";
    let long = [
        format!("GET /{}", "x".repeat(70_000)),
        format!("{lines}X-Long: {}", "x".repeat(70_000)),
        format!("{lines}{}", "x: y\r\n".repeat(500)),
    ];
    let long = long.iter().map(|head| head.as_bytes());
    for bytes in NO_REQUESTS.into_iter().chain(TWO_LENGTHS).chain(long) {
        let answer = exchange(process.address, bytes, SOON);
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        assert!(answer.starts_with("HTTP/1.1 4"), "{sent:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{sent:?}: {answer:?}");
        assert_eq!(process.get("/healthz", SOON).unwrap().status, 200, "after {sent:?}");
    }
    assert_eq!(exchange(process.address, HTTP_2, SOON), "", "it knows HTTP/1.1 only");
    everybody_is_answered(&process);
}

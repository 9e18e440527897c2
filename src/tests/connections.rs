//! What connections that do nothing, or next to nothing, do to others: nothing.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use recharge::server::connections;
use tempfile::TempDir;

use crate::process::{Process, is_ended, read};

/// How soon everybody is answered, whatever others do.
const SOON: Duration = Duration::from_secs(2);
const HALF_A_HEAD: &str = "GET /sign-in HTTP/1.1\r\nHost: recharge.test\r\nX-Half: ";
/// A form of which nothing follows: its connection is busy until it counts as late.
const HALF_A_FORM: &str = "POST /sign-in HTTP/1.1\r\nHost: recharge.test\r\nContent-Length: 100\r\n\
                           Content-Type: application/x-www-form-urlencoded\r\n\
                           Expect: 100-continue\r\n\r\n";

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

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

//! A restart that nobody notices: the socket outlives the process, and who balances is told first.

use std::{
    io::Write,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{sleep, spawn},
    time::Duration,
};

use tempfile::TempDir;

use crate::process::{Process, get, read};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_restart_under_a_supervisor_that_keeps_the_socket_refuses_nobody() {
    let folder = TempDir::new().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| (Arc::clone(&is_over), Arc::clone(&answered)))
        .map(|(is_over, answered)| {
            spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let reply = get(address, "/sign-in", SOON).unwrap();
                    assert_eq!(reply.status, 200, "{}", reply.text);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let more = |count| {
        let enough = answered.load(Ordering::Relaxed) + count;
        while answered.load(Ordering::Relaxed) < enough
            && !clients.iter().any(|it| it.is_finished())
        {
            sleep(Duration::from_millis(5));
        }
    };
    for _ in 0..3 {
        let process = Process::start_on(folder.path(), &socket, &[]);
        more(20);
        process.signal("TERM");
        process.ends_well();
    }
    let _last = Process::start_on(folder.path(), &socket, &[]);
    more(20);
    is_over.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_server_that_drains_serves_and_is_not_ready() {
    let folder = TempDir::new().unwrap();
    let mut process = Process::start(folder.path(), 1_024, &[("DRAIN_SECONDS", "600")]);
    let mut kept = process.connect();
    process.signal("TERM");
    process.hear("no longer ready");
    let ready = process.get("/readyz", SOON).unwrap();
    assert!(ready.status == 503 && ready.text.ends_with("ending\n"), "{}", ready.text);
    for path in ["/healthz", "/sign-in"] {
        assert_eq!(process.get(path, SOON).unwrap().status, 200, "{path}");
    }
    // A connection that would be kept for more requests ends with its answer.
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: recharge.test\r\n\r\n").unwrap();
    let reply = read(&mut kept, SOON).unwrap();
    assert!(reply.text.contains("\r\nconnection: close\r\n"), "{}", reply.text);
    process.signal("TERM");
    process.ends_well();
}

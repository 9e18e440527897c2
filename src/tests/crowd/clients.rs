//! Clients of a crowd: each asks over one connection for as long as it lasts.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::SOON;

/// How long a client does something else between two requests.
const THINKING: Duration = Duration::from_millis(500);

/// Counts of the answers that the clients got.
#[derive(Debug, Default)]
pub struct Answers {
    pub good: AtomicU32,
    pub shed: AtomicU32,
    /// Connections that gave way to another one while nothing was asked.
    pub gave_way: AtomicU32,
    /// Connections that ended, or were silent, while something was asked.
    pub broken: AtomicU32,
    /// Connections that were never made.
    pub unconnected: AtomicU32,
}

/// The clients, in one thread, until it is over.
pub fn all_clients(address: SocketAddr, size: usize, is_over: &AtomicBool, answers: &Answers) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let one = async || {
        while !is_over.load(Ordering::Relaxed) {
            let count = client(address, is_over, answers).await;
            count.fetch_add(1, Ordering::Relaxed);
            sleep(THINKING).await;
        }
    };
    runtime.block_on(futures::future::join_all((0..size).map(|_| one())));
}

/// Asks over one connection for as long as it lasts, and returns the count for the last request.
async fn client<'a>(
    address: SocketAddr,
    is_over: &AtomicBool,
    answers: &'a Answers,
) -> &'a AtomicU32 {
    let connecting = timeout(SOON, TcpStream::connect(address)).await;
    let Ok(Ok(mut connection)) = connecting else { return &answers.unconnected };
    loop {
        if has_ended(&connection) {
            return &answers.gave_way;
        }
        let asked = timeout(SOON, ask(&mut connection, "/api/docs")).await;
        let Ok(Some(head)) = asked else { return &answers.broken };
        if !head.starts_with("http/1.1 200 ") {
            is_shed(&head);
            return &answers.shed;
        }
        if is_over.load(Ordering::Relaxed) {
            return &answers.good;
        }
        answers.good.fetch_add(1, Ordering::Relaxed);
        timeout(THINKING, connection.readable()).await.ok();
    }
}

/// Whether the server has ended the connection: nothing else comes while nothing is asked. A client
/// looks before it asks, as those do that keep connections, and also the first time: there are so
/// many in this thread that a new connection may have waited for long enough to give way.
fn has_ended(connection: &TcpStream) -> bool {
    let looked = recv(connection, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    !matches!(looked, Err(Errno::WOULDBLOCK))
}

/// Holds that a request that is not answered well is answered with 503 or 429, and when to come
/// back.
pub fn is_shed(head: &str) {
    assert!(head.starts_with("http/1.1 503 ") || head.starts_with("http/1.1 429 "), "{head}");
    assert!(head.contains("\r\nretry-after: "), "{head}");
}

/// Asks, and reads head and body; `None` if the connection has ended.
async fn ask(connection: &mut TcpStream, path: &str) -> Option<String> {
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

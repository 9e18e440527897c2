//! The sockets on which clients arrive.
//!
//! A supervisor that keeps the socket open (systemd's socket activation) hands it over as a file
//! descriptor. Then a restart refuses nobody: clients that come between two processes wait in the
//! socket's queue.

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system keeps until they are accepted: as many as in the unit of systemd.
/// When more arrive at once, their clients try again after a second.
const BACKLOG: u32 = 4_096;

/// The sockets on which clients arrive.
#[derive(Debug)]
pub struct Listeners {
    all: Vec<TcpListener>,
    is_handed_over: bool,
}

impl Listeners {
    /// Takes the sockets that the supervisor hands over, or opens one at this address if there
    /// are none.
    ///
    /// # Errors
    /// If the address is taken, or what was handed over is no listening socket.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let mut handed_over = ListenFd::from_env();
        let mut all = Vec::new();
        for index in 0..handed_over.len() {
            if let Some(listener) = handed_over.take_tcp_listener(index)? {
                listener.set_nonblocking(true)?;
                all.push(TcpListener::from_std(listener)?);
            }
        }
        let is_handed_over = !all.is_empty();
        if !is_handed_over {
            all.push(listen(address)?);
        }
        Ok(Self { all, is_handed_over })
    }

    /// Returns the addresses on which clients arrive.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Returns whether a supervisor keeps the sockets open.
    #[must_use]
    pub const fn is_handed_over(&self) -> bool {
        self.is_handed_over
    }

    pub(super) fn into_all(self) -> Vec<TcpListener> {
        self.all
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port is free again as soon as its process has ended.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

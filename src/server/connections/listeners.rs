//! The sockets on which clients arrive.
//!
//! A supervisor that keeps the socket open (systemd's socket activation) hands it over as a file
//! descriptor. Then a restart refuses nobody: who comes between two processes waits in the
//! socket's queue.

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::TcpListener;

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
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
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
            all.push(TcpListener::bind(address).await?);
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

//! The connections of clients: how many there are at once, how long each may take, and which one
//! gives way.
//!
//! # Shape
//! [`Listeners`] are the sockets, opened here or handed over by the supervisor. [`serve`] accepts
//! from them, and each connection finds a seat in a [`Room`]: the main room, with every route, or
//! the reserve, which knows only the probes and sends everybody else away. [`visit`] is the life
//! of one connection, [`patience`] limits how long it may keep us waiting, and [`memory`] how much
//! all of them may make us hold.
//!
//! # What must hold
//! - A connection keeps its seat for as long as it has a descriptor, and there are fewer seats
//!   than descriptors.
//! - If all seats are taken, a connection without a request gives its seat to the new one. A
//!   request that has arrived is answered.
//! - If there is no memory for a request, it is sent away with 503.
//! - `/healthz` and `/readyz` answer while every seat of the main room is taken by requests.

mod descriptors;
mod listeners;
mod memory;
mod patience;
mod receiving;
mod room;
mod socket;
mod visit;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use descriptors::{Descriptors, raise_limit};
pub use listeners::Listeners;
use memory::{Memory, REQUESTS_BYTES};
pub use patience::Patience;
use room::{Room, Seat};
use visit::Visit;

/// Connections that are answered when the main room is full: probes, and those that are sent away.
const RESERVE: usize = 32;
/// How long a probe may take to send its request: that is one packet.
const RESERVE_PATIENCE: Duration = Duration::from_secs(2);
/// The most accepted connections that look for a seat at the same time.
const LOBBY: usize = 32;
/// How long a new connection waits for the seat of one that gives way.
const CHANGE_OF_SEATS: Duration = Duration::from_millis(500);
/// How long nothing is accepted after the system has refused to accept a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// The answer if even the reserve is full. It is sent without reading the request.
const SENT_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Counts the connections. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    main: Room,
    reserve: Room,
    lobby: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    most_streams: usize,
    memory: Memory,
    sent_away: AtomicU64,
}

/// The routers and the limits that connections are served with.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Answers everything.
    pub main: Router,
    /// Answers probes, and sends everybody else away.
    pub reserve: Router,
    /// How long a connection may be without a request, or take to send its head.
    pub idle: Duration,
    /// How slow a client may be.
    pub patience: Patience,
    /// Cancelled when the process is to end soon: each answer then ends its connection.
    pub draining: CancellationToken,
    /// Cancelled when nothing more is accepted.
    pub shutdown: CancellationToken,
}

impl Connections {
    /// Makes as many seats as this many descriptors allow.
    #[must_use]
    pub fn new(descriptors: u64) -> Self {
        let seats = descriptors::seats(descriptors);
        let most_streams = seats / 2;
        Self(Arc::new(Counts {
            main: Room::new(seats),
            reserve: Room::new(RESERVE),
            lobby: Arc::new(Semaphore::new(LOBBY)),
            streams: Arc::new(Semaphore::new(most_streams)),
            most_streams,
            memory: Memory::new(REQUESTS_BYTES),
            sent_away: AtomicU64::new(0),
        }))
    }

    /// Returns how many connections there may be at once, without the reserve.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.main.seats()
    }

    /// Returns how many there are now, without the reserve.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.main.taken()
    }

    /// Returns how many of them are streams of events.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.0.most_streams - self.0.streams.available_permits()
    }

    /// Returns how many gave their seat to a new one.
    #[must_use]
    pub fn gave_way(&self) -> u64 {
        self.0.main.gave_way()
    }

    /// Returns how many found no seat, or no memory for their request.
    #[must_use]
    pub fn sent_away(&self) -> u64 {
        self.0.sent_away.load(Ordering::Relaxed)
    }

    fn count_sent_away(&self) {
        self.0.sent_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns a seat in the main room, or in the reserve, or `None` if both are full of requests.
    async fn seat(&self) -> Option<(Seat, bool)> {
        if let Some(seat) = self.0.main.seat(CHANGE_OF_SEATS).await {
            return Some((seat, true));
        }
        self.count_sent_away();
        let seat = self.0.reserve.seat(CHANGE_OF_SEATS).await?;
        Some((seat, false))
    }
}

/// Accepts connections until the shutdown, and returns when the last one has ended.
pub async fn serve(listeners: Listeners, connections: Connections, doors: Doors) {
    let visits = TaskTracker::new();
    let accepting = TaskTracker::new();
    for listener in listeners.into_all() {
        let (connections, doors, visits) = (connections.clone(), doors.clone(), visits.clone());
        accepting.spawn(accept(listener, connections, doors, visits));
    }
    accepting.close();
    accepting.wait().await;
    visits.close();
    visits.wait().await;
}

async fn accept(
    listener: TcpListener,
    connections: Connections,
    doors: Doors,
    visits: TaskTracker,
) {
    // The semaphore is never closed: the loop ends with the shutdown.
    while let Ok(lobby) = Arc::clone(&connections.0.lobby).acquire_owned().await {
        let accepted = tokio::select! {
            // If a supervisor keeps the socket, connections that are not accepted yet wait for the
            // next process.
            biased;
            () = doors.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let (connections, doors) = (connections.clone(), doors.clone());
                visits.spawn(async move {
                    let visit = admit(&stream, address, connections, doors).await;
                    drop(lobby);
                    if let Some(visit) = visit {
                        visit.run(stream).await;
                    }
                });
            }
            Err(error) if is_of_one_connection(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Finds a seat for a connection. Returns `None` if it was sent away.
async fn admit(
    stream: &TcpStream,
    address: SocketAddr,
    connections: Connections,
    doors: Doors,
) -> Option<Visit> {
    socket::prepare(stream);
    let Some((seat, is_main)) = connections.seat().await else {
        socket::answer_unread(stream, SENT_AWAY);
        return None;
    };
    Some(Visit {
        router: if is_main { doors.main } else { doors.reserve.clone() },
        reserve: doors.reserve,
        address,
        idle: if is_main { doors.idle } else { RESERVE_PATIENCE },
        patience: doors.patience,
        keeps_alive: is_main,
        connections,
        seat,
        draining: doors.draining,
        shutdown: doors.shutdown,
    })
}

/// Returns whether the error means only that one client has gone away again.
const fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

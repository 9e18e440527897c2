//! Seats for connections, and the order in which those without a request give theirs up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// A number of seats. Clones share them.
#[derive(Clone, Debug)]
pub struct Room {
    permits: Arc<Semaphore>,
    seats: usize,
    idle: Arc<Idle>,
}

/// The connections without a request, the one that has waited longest first.
#[derive(Debug, Default)]
struct Idle {
    waiting: Mutex<Waiting>,
    gave_way: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_arrival: BTreeMap<u64, CancellationToken>,
}

/// The seat of one connection. Clones share it, and dropping the last one frees it.
#[derive(Clone, Debug)]
pub struct Seat(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    idle: Arc<Idle>,
    /// Its number in [`Idle`]; `None` while it has a request.
    number: Mutex<Option<u64>>,
    give_way: CancellationToken,
    has_unsent: AtomicBool,
    _permit: OwnedSemaphorePermit,
}

/// A request in progress: its connection doesn't give way.
#[derive(Debug)]
pub struct Busy(Seat);

impl Room {
    pub fn new(seats: usize) -> Self {
        let permits = Arc::new(Semaphore::new(seats));
        Self { permits, seats, idle: Arc::default() }
    }

    pub const fn seats(&self) -> usize {
        self.seats
    }

    pub fn taken(&self) -> usize {
        self.seats.saturating_sub(self.permits.available_permits())
    }

    pub fn gave_way(&self) -> u64 {
        self.idle.gave_way.load(Ordering::Relaxed)
    }

    /// Returns a free seat, or that of the connection that has waited longest without a request.
    /// Returns `None` if every connection has a request, or the seat isn't free within `patience`.
    pub async fn seat(&self, patience: Duration) -> Option<Seat> {
        let permits = || Arc::clone(&self.permits);
        let permit = match permits().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.idle.ask_one_to_go() => {
                timeout(patience, permits().acquire_owned()).await.ok()?.ok()?
            }
            Err(_) => return None,
        };
        let taken = Taken {
            idle: Arc::clone(&self.idle),
            number: Mutex::default(),
            give_way: CancellationToken::new(),
            has_unsent: AtomicBool::new(false),
            _permit: permit,
        };
        let seat = Seat(Arc::new(taken));
        seat.wait();
        Some(seat)
    }
}

impl Idle {
    /// Asks the connection that has waited longest to go. Returns `false` if there is none.
    fn ask_one_to_go(&self) -> bool {
        let longest = lock(&self.waiting).by_arrival.pop_first();
        let Some((_, give_way)) = longest else { return false };
        give_way.cancel();
        self.gave_way.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Seat {
    /// Marks the connection as busy until the returned value is dropped. If it was to give way, the
    /// next one goes in its stead: this one's seat is free only when its request is answered.
    pub fn begin_request(&self) -> Busy {
        if let Some(number) = lock(&self.0.number).take() {
            lock(&self.0.idle.waiting).by_arrival.remove(&number);
        }
        if self.gives_way() {
            self.0.idle.ask_one_to_go();
        }
        Busy(self.clone())
    }

    /// Waits until the seat is wanted for another connection.
    pub async fn is_wanted(&self) {
        self.0.give_way.cancelled().await;
    }

    /// Returns whether the seat is wanted for another connection.
    pub fn gives_way(&self) -> bool {
        self.0.give_way.is_cancelled()
    }

    /// Returns whether the connection has a request, or an answer that is not sent yet.
    pub fn is_busy(&self) -> bool {
        lock(&self.0.number).is_none() || self.0.has_unsent.load(Ordering::Relaxed)
    }

    /// Notes whether the client has yet to take what was written.
    pub fn set_unsent(&self, has_unsent: bool) {
        self.0.has_unsent.store(has_unsent, Ordering::Relaxed);
    }

    fn wait(&self) {
        let mut waiting = lock(&self.0.idle.waiting);
        let number = waiting.next;
        waiting.next += 1;
        if !self.gives_way() {
            waiting.by_arrival.insert(number, self.0.give_way.clone());
        }
        drop(waiting);
        *lock(&self.0.number) = Some(number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(number) = lock(&self.number).take() {
            lock(&self.idle.waiting).by_arrival.remove(&number);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

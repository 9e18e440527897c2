//! The memory that clients make the server hold, and its limit.
//!
//! # The sum
//! - The program without clients occupies 50 MB (a release build on Linux).
//! - A connection occupies at most 32 kB: 4 kB for its task, 16 kB for an unfinished head in a
//!   block of 20 kB, and 8 kB for the buffer that the head has outgrown, until the allocator gives
//!   it back. All 4,000 seats together occupy 128 MB.
//! - Requests in progress hold their heads and bodies: at most 16 MB together, which [`Memory`]
//!   counts. Without this limit, 4,000 bodies of 64 kB would occupy 256 MB.
//!
//! So what clients send can make the server occupy 194 MB, and the goal is 200 MB. Answers are not
//! in the sum: a page occupies about 75 kB while it is rendered and sent.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::http::Request;

/// The longest head of a request, and the largest buffer of a connection. Node.js takes heads of
/// this size too. Ours have less than 2 kB, but browsers also send the cookies of the whole domain.
pub const LARGEST_HEAD_BYTES: usize = 16 * 1024;
/// The most that requests in progress hold together: 15 batches of the largest size.
pub const REQUESTS_BYTES: usize = 16 * 1024 * 1024;
/// The bytes that a header occupies besides its text, in the map of headers.
const HEADER_BYTES: usize = 128;

/// The bytes that requests in progress may still hold. Clones share them.
#[derive(Clone, Debug)]
pub struct Memory(Arc<AtomicUsize>);

/// The bytes of one request. Dropping it gives them back.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    bytes: AtomicUsize,
    is_refused: AtomicBool,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Takes the bytes of a request's head. Returns `None` if there are not so many.
    pub fn share<B>(&self, request: &Request<B>) -> Option<Share> {
        let share = Share {
            memory: self.clone(),
            bytes: AtomicUsize::new(0),
            is_refused: AtomicBool::new(false),
        };
        share.grow(head_bytes(request)).then_some(share)
    }

    fn take(&self, bytes: usize) -> bool {
        let rest = |free: usize| free.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

impl Share {
    /// Takes more bytes. Returns `false` if there are not so many: then the request is refused.
    pub fn grow(&self, bytes: usize) -> bool {
        let is_taken = self.memory.take(bytes);
        if is_taken {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else {
            self.is_refused.store(true, Ordering::Relaxed);
        }
        is_taken
    }

    /// Returns whether there was no memory for the request.
    pub fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.0.fetch_add(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

fn head_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let address = uri.path().len() + uri.query().unwrap_or_default().len();
    let headers = request.headers().iter();
    let text = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_BYTES);
    address + text.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(memory: &Memory) -> usize {
        memory.0.load(Ordering::Relaxed)
    }

    #[test]
    fn requests_hold_no_more_than_there_is_and_give_it_back() {
        let memory = Memory::new(1_000);
        let request = Request::get("/read?all").header("x-long", "x".repeat(300)).body(()).unwrap();
        let share = memory.share(&request).unwrap();
        assert_eq!(free(&memory), 1_000 - 8 - 306 - HEADER_BYTES);
        assert!(share.grow(500) && !share.is_refused());
        assert!(!share.grow(500) && share.is_refused());
        assert!(memory.share(&request).is_none());
        drop(share);
        assert_eq!(free(&memory), 1_000);
    }
}

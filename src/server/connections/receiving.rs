//! The body of a request while it arrives: its time and its memory are limited.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::HttpBody};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    memory::{LARGEST_HEAD_BYTES, Share},
    patience::Patience,
};

/// A body goes on in pieces of this size. Each frame keeps a buffer of at least 8 kB alive: without
/// the pieces a body that comes as single bytes would occupy 8,000 times its size.
const PIECE_BYTES: usize = LARGEST_HEAD_BYTES;

/// A request's body that fails if it is not complete in time, or if there is no memory for it.
#[derive(Debug)]
pub struct Receiving<B = Incoming> {
    body: B,
    piece: Vec<u8>,
    share: Arc<Share>,
    until: Instant,
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> Receiving<B> {
    pub fn new(body: B, patience: Patience, share: Arc<Share>) -> Self {
        Self { body, piece: Vec::new(), share, until: Instant::now() + patience.body, late: None }
    }
}

impl<B: HttpBody> Receiving<B> {
    /// Adds a frame to the piece. If the frame doesn't fit, it begins the next piece, and this one
    /// is returned. A piece doesn't grow, as that would leave its old memory behind.
    fn add(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if data.len() <= self.piece.capacity() - self.piece.len() {
            self.piece.extend_from_slice(data);
            return None;
        }
        let rest = self.body.size_hint().upper().and_then(|rest| usize::try_from(rest).ok());
        let rest = data.len().saturating_add(rest.unwrap_or(PIECE_BYTES));
        let mut next = Vec::with_capacity(rest.min(PIECE_BYTES).max(data.len()));
        next.extend_from_slice(data);
        Some(mem::replace(&mut self.piece, next)).filter(|piece| !piece.is_empty())
    }
}

impl<B> HttpBody for Receiving<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) if !self.share.grow(data.len()) => {
                    let full = io::Error::new(io::ErrorKind::OutOfMemory, "no room for the body");
                    return Poll::Ready(Some(Err(full.into())));
                }
                Some(Ok(Ok(data))) => {
                    if let Some(piece) = self.add(&data) {
                        return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                    }
                }
                // Trailers: nobody reads them.
                Some(Ok(Err(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None if self.piece.is_empty() => return Poll::Ready(None),
                None => {
                    let last = mem::take(&mut self.piece);
                    return Poll::Ready(Some(Ok(Frame::data(last.into()))));
                }
            }
        }
        let until = self.until;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(late.as_mut().poll(context));
        let late = io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time");
        Poll::Ready(Some(Err(late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, piece) = (self.body.size_hint(), self.piece.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(piece));
        }
        hint.set_lower(rest.lower().saturating_add(piece));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use axum::http::Request;
    use futures::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    use super::{super::memory::Memory, *};

    const SIZE: usize = 40_000;

    /// A body whose frames are single bytes, and so much memory for it besides its address.
    fn in_single_bytes(room: usize) -> Receiving<impl HttpBody<Data = Bytes, Error = Infallible>> {
        let share = Memory::new(room + "/".len()).share(&Request::new(())).unwrap();
        let bytes = stream::iter(0..SIZE).map(|_| Ok(Frame::data(Bytes::from_static(b"x"))));
        let patience = Patience { body: Duration::from_secs(20), ..Patience::SERVING };
        Receiving::new(StreamBody::new(bytes), patience, Arc::new(share))
    }

    #[tokio::test]
    async fn single_bytes_go_on_in_large_pieces() {
        let (mut body, mut sizes) = (in_single_bytes(SIZE), Vec::new());
        assert!(!body.is_end_stream());
        while let Some(frame) = body.frame().await {
            sizes.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(sizes, [PIECE_BYTES, PIECE_BYTES, SIZE - 2 * PIECE_BYTES]);
    }

    #[tokio::test]
    async fn a_body_for_which_there_is_no_memory_fails() {
        let mut body = in_single_bytes(SIZE - 1);
        while let Some(Ok(_)) = body.frame().await {}
        assert!(body.share.is_refused());
    }
}

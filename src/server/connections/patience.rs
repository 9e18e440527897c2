//! How long a client may keep us waiting: for the rest of a body, and before it takes an answer.

use std::{
    io,
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::{room::Seat, socket};

/// Limits how slow a client may be. Some routes have stricter limits of their own.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a body may take, from the head of its request to the last byte.
    pub body: Duration,
    /// How long a client may take for `answer_bytes` of an answer, while we wait for it.
    pub answer: Duration,
    /// The bytes that a client must take within `answer`.
    pub answer_bytes: usize,
}

impl Patience {
    /// The limits of a server. The longest form has 64 kB: a line of 66 kbit/s is fast enough for
    /// it. An answer needs 4.4 kbit/s: on a slower line no browser works.
    pub const SERVING: Self = Self {
        body: Duration::from_secs(8),
        answer: Duration::from_secs(30),
        answer_bytes: 16 * 1024,
    };
}

/// A stream that ends if the client takes an answer too slowly. Time doesn't count while there is
/// nothing for the client to take, as in a stream of events.
#[derive(Debug)]
pub struct Sending<S = TcpStream> {
    stream: S,
    seat: Seat,
    patience: Patience,
    slow: Option<Slow>,
}

/// A client that keeps us waiting.
#[derive(Debug)]
struct Slow {
    until: Pin<Box<Sleep>>,
    taken_bytes: usize,
}

impl<S> Sending<S> {
    pub const fn new(stream: S, seat: Seat, patience: Patience) -> Self {
        Self { stream, seat, patience, slow: None }
    }

    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.seat.set_unsent(written.is_pending());
        if let Poll::Ready(written) = written {
            if let (Some(slow), Ok(count)) = (&mut self.slow, &written) {
                slow.taken_bytes += count;
            }
            let is_enough = |slow: &mut Slow| slow.taken_bytes >= self.patience.answer_bytes;
            self.slow.take_if(is_enough);
            return Poll::Ready(written);
        }
        let until = || Box::pin(sleep(self.patience.answer));
        let slow = self.slow.get_or_insert_with(|| Slow { until: until(), taken_bytes: 0 });
        ready!(slow.until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsFd + Unpin> AsyncRead for Sending<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // A connection that gives way ends after this read. The runtime learns some milliseconds
        // late of what has arrived, and a request that has arrived is answered.
        if read.is_pending() && self.seat.gives_way() {
            return socket::read_arrived(&self.stream, buffer);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sending<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush comes after the last byte that there was to send.
        self.slow = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::timeout,
    };

    use super::{super::room::Room, *};

    const SHORT: Patience = Patience {
        body: Duration::from_millis(100),
        answer: Duration::from_millis(100),
        answer_bytes: 1_000,
    };

    /// A connection, and the client at its other end.
    async fn connected() -> (Sending<DuplexStream>, DuplexStream) {
        let seat = Room::new(1).seat(Duration::ZERO).await.unwrap();
        let (ours, client) = duplex(64);
        (Sending::new(ours, seat, SHORT), client)
    }

    #[tokio::test]
    async fn a_client_that_takes_a_byte_now_and_then_is_not_waited_for() {
        let (mut sending, mut client) = connected().await;
        let reading = tokio::spawn(async move {
            while client.read_u8().await.is_ok() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        let sent = timeout(Duration::from_secs(20), sending.write_all(&[0; 100_000])).await;
        let error = sent.expect("it is waited for").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        reading.abort();
    }

    #[tokio::test]
    async fn a_client_that_has_taken_all_may_take_the_next_answer_later() {
        let (mut sending, mut client) = connected().await;
        for _ in 0..3 {
            let reading = async {
                let mut taken = [0; 200];
                client.read_exact(&mut taken).await
            };
            let (sent, taken) = tokio::join!(sending.write_all(&[0; 200]), reading);
            sent.unwrap();
            taken.unwrap();
            sending.flush().await.unwrap();
            // Nothing is to be taken meanwhile.
            sleep(2 * SHORT.answer).await;
        }
    }
}

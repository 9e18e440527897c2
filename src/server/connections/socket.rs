//! The socket of a client: its options, and what the runtime of tokio doesn't do with it.

use std::{io, os::fd::AsFd, task::Poll};

use rustix::{
    io::Errno,
    net::{
        RecvFlags, SendFlags, recv, send,
        sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout},
    },
};
use tokio::{io::ReadBuf, net::TcpStream};

/// The bytes of an answer that the system buffers until the client takes them. It reports room only
/// when a third is free: with a larger buffer a slow client would seem to take nothing for long.
const UNTAKEN_BYTES: usize = 128 * 1024;
/// The system ends a connection whose client has confirmed nothing for so long: its machine or its
/// network is gone.
const VANISHED_MS: u32 = 30_000;
/// The most of a request that is dropped unread: more than a usual one has.
const UNREAD_BYTES: usize = 8 * 1024;

/// Sets the options of a connection. The server serves it even if the system refuses one.
pub fn prepare(stream: &TcpStream) {
    // Answers are written whole: there is nothing to wait for.
    stream.set_nodelay(true).ok();
    set_socket_send_buffer_size(stream, UNTAKEN_BYTES).ok();
    set_tcp_user_timeout(stream, VANISHED_MS).ok();
}

/// Reads what has arrived, also if the runtime has not heard of it yet.
pub fn read_arrived(socket: impl AsFd, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    match recv(socket, buffer.initialize_unfilled(), RecvFlags::DONTWAIT) {
        Ok((count, _)) => {
            buffer.advance(count);
            Poll::Ready(Ok(()))
        }
        Err(Errno::WOULDBLOCK) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error.into())),
    }
}

/// Sends an answer without waiting, and drops what has arrived: if a socket is closed with unread
/// bytes, the system resets the connection, and the client may lose the answer.
pub fn answer_unread(socket: impl AsFd, answer: &[u8]) {
    send(&socket, answer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).ok();
    let mut unread = [0; UNREAD_BYTES];
    recv(&socket, &mut unread, RecvFlags::DONTWAIT).ok();
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::{socket_send_buffer_size, tcp_user_timeout};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn the_system_ends_the_connection_of_a_client_that_has_vanished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        prepare(&stream);
        assert_eq!(tcp_user_timeout(&stream).unwrap(), VANISHED_MS);
        // Linux doubles it, for its own book-keeping.
        assert!(socket_send_buffer_size(&stream).unwrap() <= 2 * UNTAKEN_BYTES);
    }
    #[tokio::test]
    async fn a_client_that_is_sent_away_has_its_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        answer_unread(&ours, b"busy");
        drop(ours);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "busy");
    }
}

//! What the system is to do with the connection of a client.

use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use tokio::net::TcpStream;

/// What the system keeps of an answer that the client has not taken yet. It says that there is room
/// only when a third is free: if it kept more, a slow client would seem to take nothing for long.
const UNTAKEN_BYTES: usize = 128 * 1024;
/// The system ends a connection that has confirmed nothing for so long: its client has vanished
/// without a word, as when its machine or its network is gone.
const VANISHED_MS: u32 = 30_000;

/// Prepares the connection. What the system refuses is no reason to serve nobody.
pub fn prepare(stream: &TcpStream) {
    // Answers are written whole: there is nothing to wait for.
    stream.set_nodelay(true).ok();
    set_socket_send_buffer_size(stream, UNTAKEN_BYTES).ok();
    set_tcp_user_timeout(stream, VANISHED_MS).ok();
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::{socket_send_buffer_size, tcp_user_timeout};
    use tokio::net::TcpListener;

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
}

//! The life of one connection.

use std::{
    convert::Infallible,
    future::ready,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::{
        HeaderValue, Request, Response, StatusCode, Uri, Version,
        header::{CONNECTION, CONTENT_TYPE, HOST},
    },
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    Connections,
    memory::LARGEST_HEAD_BYTES,
    patience::{Patience, Sending},
    receiving::Receiving,
    room::{Busy, Seat},
};
use crate::server::words;

/// How long a connection takes new requests: longer than the longest stream of events.
const LONGEST: Duration = Duration::from_secs(35 * 60);
/// How long its last request may take after that.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// How long a request that is on its way may take to arrive when the program ends.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// One connection, and what it is answered with.
#[derive(Debug)]
pub struct Visit {
    pub router: Router,
    /// Answers requests for which there is no memory.
    pub reserve: Router,
    pub address: SocketAddr,
    pub idle: Duration,
    pub patience: Patience,
    pub keeps_alive: bool,
    /// Seats for streams of events, which last, and memory for requests.
    pub connections: Connections,
    pub seat: Seat,
    pub draining: CancellationToken,
    pub shutdown: CancellationToken,
}

impl Visit {
    /// Answers its requests until it ends, or gives way, or the program ends.
    pub async fn run(self, stream: TcpStream) {
        let (seat, shutdown) = (self.seat.clone(), self.shutdown.clone());
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle)
            .keep_alive(self.keeps_alive)
            .max_buf_size(LARGEST_HEAD_BYTES);
        let sending = TokioIo::new(Sending::new(stream, seat.clone(), self.patience));
        let visit = Arc::new(self);
        let service = service_fn(move |request| Arc::clone(&visit).answer(request));
        let mut connection = pin!(builder.serve_connection(sending, service));
        let mut patience = ON_ITS_WAY;
        let is_ending = tokio::select! {
            // The connection has ended, well or not: its client knows.
            _ = &mut connection => return,
            () = seat.is_wanted() => {
                patience = Duration::ZERO;
                false
            }
            () = shutdown.cancelled() => true,
            () = sleep(LONGEST) => false,
        };
        // A request that is on its way comes to this process: the next one couldn't answer it.
        if is_ending && timeout(ON_ITS_WAY, &mut connection).await.is_ok() {
            return;
        }
        // Now a connection that gives way reads what has arrived meanwhile.
        tokio::select! {
            biased;
            _ = &mut connection => return,
            () = ready(()) => {}
        }
        connection.as_mut().graceful_shutdown();
        let until = Instant::now() + LAST_WORDS;
        while timeout(patience, &mut connection).await.is_err() {
            if !seat.is_busy() || Instant::now() > until {
                return;
            }
            patience = ON_ITS_WAY;
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answering>, Infallible> {
        let busy = self.seat.begin_request();
        let mut response = self.response(request).await;
        let mut lasting = None;
        if is_stream(&response) {
            match Arc::clone(&self.connections.0.streams).try_acquire_owned() {
                Ok(permit) => lasting = Some(permit),
                Err(_) => response = words::page(StatusCode::SERVICE_UNAVAILABLE),
            }
        }
        if self.draining.is_cancelled() || self.seat.gives_way() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Answering { body, _busy: busy, _lasting: lasting }))
    }

    async fn response(&self, request: Request<Incoming>) -> Response<Body> {
        if !names_its_host(&request) {
            return words::page(StatusCode::BAD_REQUEST);
        }
        let uri = request.uri().clone();
        let Some(share) = self.connections.0.memory.share(&request) else {
            return self.send_away(uri).await;
        };
        let share = Arc::new(share);
        let receiving = |body| Receiving::new(body, self.patience, Arc::clone(&share));
        let mut request = request.map(|body| Body::new(receiving(body)));
        request.extensions_mut().insert(ConnectInfo(self.address));
        let Ok(response) = self.router.clone().oneshot(request).await;
        if share.is_refused() { self.send_away(uri).await } else { response }
    }

    /// Answers a request for which there is no memory.
    async fn send_away(&self, uri: Uri) -> Response<Body> {
        self.connections.count_sent_away();
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        let Ok(response) = self.reserve.clone().oneshot(request).await;
        response
    }
}

/// Returns whether a request says for which host it is, once: HTTP/1.1 demands it (RFC 9112, 3.2).
fn names_its_host<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_11 || request.headers().get_all(HOST).iter().count() == 1
}

fn is_stream(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// An answer's body. The connection is busy until the body is written.
#[derive(Debug)]
struct Answering {
    body: Body,
    _busy: Busy,
    _lasting: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::routing::get;
    use tokio::{io::AsyncReadExt, net::TcpListener, task::yield_now};

    use super::*;

    /// How long anything may take that must happen at all, on a busy machine.
    const AT_LAST: Duration = Duration::from_secs(20);

    fn visit(connections: &Connections, seat: Seat) -> Visit {
        Visit {
            router: Router::new().route("/", get(async || "answered")),
            reserve: Router::new(),
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            idle: AT_LAST,
            patience: Patience::SERVING,
            keeps_alive: true,
            connections: connections.clone(),
            seat,
            draining: CancellationToken::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// The runtime has one thread, which doesn't ask the system between the request and the wish
    /// for its seat.
    #[tokio::test]
    async fn a_request_that_has_arrived_is_answered_before_its_connection_gives_way() {
        let connections = Connections::new(0);
        let seat = async || connections.0.main.seat(AT_LAST).await.unwrap();
        let mut busy = Vec::new();
        for _ in 1..connections.most() {
            busy.push(seat().await.begin_request());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        tokio::spawn(visit(&connections, seat().await).run(ours));
        for _ in 0..100 {
            yield_now().await;
        }
        client.write_all(b"GET / HTTP/1.1\r\nHost: recharge.test\r\n\r\n").unwrap();
        let new = seat().await;
        client.set_nonblocking(true).unwrap();
        let (mut client, mut answer) = (TcpStream::from_std(client).unwrap(), String::new());
        timeout(AT_LAST, client.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with("\r\n\r\nanswered"), "{answer:?}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer:?}");
        drop((new, busy));
    }
}

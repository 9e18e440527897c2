//! The life of one connection.

use std::{
    convert::Infallible,
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
        HeaderValue, Request, Response, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
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
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    patience::{Patience, Receiving, Sending},
    room::{Busy, Seat},
};
use crate::server::words;

/// The longest head of a request. It is also what a connection may make us remember.
const LARGEST_HEAD_BYTES: usize = 64 * 1024;
/// After this a connection takes no new request: longer than the longest stream of events.
const LONGEST: Duration = Duration::from_secs(35 * 60);
/// How long its last request may take after that.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// How long a request that is on its way may take to arrive when the program ends.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// One connection, and what it is answered with.
#[derive(Debug)]
pub struct Visit {
    pub router: Router,
    pub address: SocketAddr,
    pub idle: Duration,
    pub patience: Patience,
    pub keeps_alive: bool,
    /// Seats for streams of events, which last.
    pub streams: Arc<Semaphore>,
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
            // It has ended, whether well or not: its client knows.
            _ = &mut connection => return,
            () = seat.is_wanted() => {
                patience = Duration::ZERO;
                false
            }
            () = shutdown.cancelled() => true,
            () = sleep(LONGEST) => false,
        };
        // The client has connected to this process: the next one wouldn't answer it.
        if is_ending && timeout(ON_ITS_WAY, &mut connection).await.is_ok() {
            return;
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
        let mut request = request.map(|body| Body::new(Receiving::new(body, self.patience)));
        request.extensions_mut().insert(ConnectInfo(self.address));
        let Ok(mut response) = self.router.clone().oneshot(request).await;
        let mut lasting = None;
        if is_stream(&response) {
            match Arc::clone(&self.streams).try_acquire_owned() {
                Ok(permit) => lasting = Some(permit),
                Err(_) => response = words::page(StatusCode::SERVICE_UNAVAILABLE),
            }
        }
        if self.draining.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Answering { body, _busy: busy, _lasting: lasting }))
    }
}

fn is_stream(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// An answer's body. Its connection is busy until it is written.
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

//! Clients that send or take one byte at a time, or vanish without a word, give their seat back; a
//! client that is slow and honest is served to the end.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse, Sse, sse::Event},
    routing::{get, post},
};
use futures::{
    Stream, StreamExt,
    future::{join_all, select_all},
    stream,
};
use recharge::server::connections::{Connections, Doors, Listeners, Patience, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::proxy::{Fault, Proxy};

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
/// A server's own are 8 and 30 seconds.
const SHORT: Patience = Patience {
    body: Duration::from_millis(500),
    answer: Duration::from_millis(500),
    answer_bytes: 16 * 1024,
};
/// For what is honest: the machine that runs this test may be slow too.
const LONGER: Duration = Duration::from_secs(2);
/// What a client has room for: little, so that it takes what it reads.
const ROOM_BYTES: u32 = 4 * 1024;
const CHUNK_BYTES: usize = 16 * 1024;
const LONG_CHUNKS: usize = 160;
const EVENTS: usize = 30;
const BODY: &[u8] = &[b'x'; 1_000_000];
/// So many bodies are too many.
const COUNT: usize = 20;

/// A server at an address of its own.
struct Served {
    address: SocketAddr,
    connections: Connections,
    shutdown: CancellationToken,
}

impl Served {
    async fn start(patience: Patience) -> Self {
        Self::start_with(patience, 0).await
    }

    async fn start_with(patience: Patience, descriptors: u64) -> Self {
        let main = Router::new()
            .route("/read", post(async |body: Bytes| body.len().to_string()))
            .route("/ignore", post(async || "ignored"))
            .route("/endless", get(async || chunks(usize::MAX)))
            .route("/long", get(async || chunks(LONG_CHUNKS)))
            .route("/events", get(async || Sse::new(events())));
        let listeners = Listeners::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listeners.addresses()[0];
        let (connections, shutdown) = (Connections::new(descriptors), CancellationToken::new());
        let doors = Doors {
            main,
            reserve: Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE),
            idle: Duration::from_millis(500),
            patience,
            draining: CancellationToken::new(),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(serve(listeners, connections.clone(), doors));
        Self { address, connections, shutdown }
    }

    /// Sends the beginning of a request over a connection of its own, and waits until it has a
    /// seat. It may have given it back by then.
    async fn begin(&self, address: SocketAddr, head: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(ROOM_BYTES).unwrap();
        let mut connection = socket.connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let begun = Instant::now();
        while self.connections.open() == 0 && begun.elapsed() < SHORT.body {
            sleep(Duration::from_millis(1)).await;
        }
        connection
    }

    /// Waits until no connection has a seat any more.
    async fn is_empty(&self, what: &str) {
        let begun = Instant::now();
        while self.connections.open() > 0 {
            assert!(begun.elapsed() < AT_LAST, "{what} keeps its seat");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn chunks(count: usize) -> impl IntoResponse {
    let chunks = stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; CHUNK_BYTES]));
    Body::from_stream(chunks.take(count))
}

fn events() -> impl Stream<Item = Result<Event, Infallible>> {
    let ticks = stream::unfold(interval(Duration::from_millis(100)), async |mut ticks| {
        ticks.tick().await;
        Some((Ok(Event::default().data("news")), ticks))
    });
    ticks.take(EVENTS)
}

fn get_head(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: recharge.test\r\n\r\n")
}

fn post_head(path: &str, length: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: recharge.test\r\n{length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_one_byte_at_a_time_is_not_waited_for() {
    let served = Served::start(SHORT).await;
    let forms = [("content-length: 100000", "a"), ("transfer-encoding: chunked", "1\r\na\r\n")];
    for (length, byte) in forms {
        for path in ["/read", "/ignore", "/nowhere"] {
            let connection = served.begin(served.address, &post_head(path, length)).await;
            let (mut from, mut to) = connection.into_split();
            let sending = tokio::spawn(async move {
                while to.write_all(byte.as_bytes()).await.is_ok() {
                    sleep(Duration::from_millis(20)).await;
                }
            });
            let mut answer = Vec::new();
            let read = timeout(AT_LAST, from.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "{path} with {length} keeps its connection");
            sending.abort();
            served.is_empty(path).await;
        }
    }
}

/// 16 MB are for all bodies. Each of these is 1 MB, and its last byte is still to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_much_together_are_sent_away_and_the_others_read() {
    let served = Served::start_with(Patience { body: AT_LAST, ..SHORT }, 1_024).await;
    let head = post_head("/read", &format!("content-length: {}", BODY.len() + 1));
    let begin = async |_| {
        let mut connection = served.begin(served.address, &head).await;
        // It may be sent away already.
        connection.write_all(BODY).await.ok();
        connection
    };
    let mut bodies = join_all((0..COUNT).map(begin)).await;
    let full = select_all(bodies.iter().map(|it| Box::pin(it.readable())));
    timeout(AT_LAST, full).await.expect("one is sent away").0.unwrap();
    let finish = async |connection: &mut TcpStream| {
        connection.write_all(b"x").await.ok();
        let mut answer = [0; 12];
        timeout(AT_LAST, connection.read_exact(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    let answers = join_all(bodies.iter_mut().map(finish)).await;
    let count = |status: &str| answers.iter().filter(|answer| *answer == status).count();
    assert!(count("200") >= 15 && count("503") > 0, "{answers:?}");
    assert_eq!(count("200") + count("503"), COUNT, "{answers:?}");
    assert_eq!(served.connections.sent_away(), count("503") as u64);
    // What is answered holds nothing any more.
    let mut next = begin(0).await;
    assert_eq!(finish(&mut next).await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_taken_one_byte_at_a_time_is_cut_off() {
    let served = Served::start(SHORT).await;
    let mut connection = served.begin(served.address, &get_head("/endless")).await;
    let reading = tokio::spawn(async move {
        while connection.read_u8().await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    served.is_empty("a reader of single bytes").await;
    reading.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_has_a_long_answer_whole() {
    let served = Served::start(Patience { answer: LONGER, ..SHORT }).await;
    let mut connection = served.begin(served.address, &get_head("/long")).await;
    let (begun, mut taken_bytes) = (Instant::now(), 0);
    let mut buffer = vec![0; CHUNK_BYTES];
    while taken_bytes < LONG_CHUNKS * CHUNK_BYTES {
        let read = timeout(AT_LAST, connection.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "the answer is cut off after {taken_bytes} bytes");
        taken_bytes += read;
        // 10 ms for 4 kB: an answer of 2.5 MB takes more than twice the patience.
        sleep(Duration::from_millis(u64::try_from(10 * read / 4_096).unwrap())).await;
    }
    assert!(begun.elapsed() > 2 * LONGER, "taken in {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_events_goes_on_for_longer_than_any_answer_may_take() {
    let served = Served::start(SHORT).await;
    let mut connection = served.begin(served.address, &get_head("/events")).await;
    let begun = Instant::now();
    let (mut said, mut buffer) = (String::new(), vec![0; 1_024]);
    while said.matches("data: news").count() < EVENTS {
        let read = timeout(AT_LAST, connection.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "the stream ends after {said}");
        said.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(begun.elapsed() > 4 * SHORT.answer, "ended after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_vanishes_without_a_word_gives_its_seat_back() {
    let half_a_body = post_head("/read", "content-length: 100") + "half";
    let heads = ["", "GET /half HTTP/1.1\r\nHost: ", &half_a_body, &get_head("/endless")];
    let faults = [Fault::Silence, Fault::LosesRequests, Fault::LosesAnswers];
    let each = faults.into_iter().flat_map(|fault| heads.map(|head| vanish(fault, head)));
    join_all(each).await;
}

/// From one moment on nothing arrives in one direction or in both, and nobody hears of an end. A
/// client of whom we only hear nothing more would still take an answer, so it reads none.
async fn vanish(fault: Fault, head: &str) {
    let served = Served::start(SHORT).await;
    let url = format!("http://{}", served.address);
    let proxy = Proxy::before(&url).await;
    let through = url::Url::parse(&proxy.url(&url)).unwrap().socket_addrs(|| None).unwrap();
    let _connection = served.begin(through[0], head).await;
    proxy.strike(fault);
    served.is_empty(&format!("{fault:?} after {head:?}")).await;
}

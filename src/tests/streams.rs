//! Streams of events take half of the seats at most: the next one is told when to come back, and
//! everybody else is served.

use std::time::Duration;

use recharge::server::{
    connections::{Connections, Doors, Listeners, Patience, serve},
    news::MOST,
    router::{reserve_router, router},
};
use reqwest::{Client, Response, StatusCode};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    api::give,
    app::{TestApp, Visitor},
    databases::on_both_databases,
};

on_both_databases!(a_stream_beyond_half_of_the_seats_is_told_to_come_back_and_the_others_go_on);

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);
/// The fewest descriptors are enough for 16 connections.
const MOST_STREAMS: usize = 8;

/// A server at an address of its own.
struct Served {
    address: String,
    connections: Connections,
    client: Client,
    shutdown: CancellationToken,
}

impl Served {
    async fn start(app: &TestApp) -> Self {
        let listeners = Listeners::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = format!("http://{}", listeners.addresses()[0]);
        let (connections, shutdown) = (Connections::new(0), CancellationToken::new());
        let doors = Doors {
            main: router(app.state.clone()),
            reserve: reserve_router(app.state.clone()),
            idle: AT_LAST,
            patience: Patience::SERVING,
            draining: CancellationToken::new(),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(serve(listeners, connections.clone(), doors));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address, connections, client, shutdown }
    }

    /// Listens to what is new for a customer.
    async fn listen(&self, customer: &Visitor) -> Response {
        let cookies = customer.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = self.client.get(format!("{}/settings/events", self.address));
        request.header("cookie", cookies).send().await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Waits for the next news on a stream.
async fn hears(stream: &mut Response) {
    let next = async {
        let mut said = String::new();
        while !said.contains("event: news") {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            said.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    timeout(AT_LAST, next).await.expect("something is new");
}

async fn a_stream_beyond_half_of_the_seats_is_told_to_come_back_and_the_others_go_on(app: TestApp) {
    let served = Served::start(&app).await;
    let customers = [app.customer().await, app.customer().await];
    let mut streams = Vec::new();
    for number in 0..MOST_STREAMS {
        let mut stream = served.listen(&customers[number / MOST]).await;
        assert_eq!(stream.status(), StatusCode::OK);
        hears(&mut stream).await;
        streams.push(stream);
    }
    assert_eq!(served.connections.streams(), MOST_STREAMS);

    let refused = served.listen(&customers[1]).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    assert!(refused.text().await.unwrap().contains("</html>"), "in words");
    // Other requests have the other half of the seats.
    let page = served.client.get(format!("{}/sign-in", served.address)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    for customer in &customers {
        give(&app, customer.account.as_ref().unwrap(), 1).await;
    }
    for stream in &mut streams {
        hears(stream).await;
    }

    // Where one ends, another may begin.
    drop(streams.pop());
    let begins = async {
        while served.listen(&customers[1]).await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(AT_LAST, begins).await.expect("there is room again");
}

//! Programs that go away while they are served.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use recharge::server::router::router;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    api_load::{Log, Sent, Worker},
    app::TestApp,
    databases::{Given, TestDatabase},
    payments_shop::serve,
};

/// Clients that go away, and those that ask after them.
const CLIENTS: u64 = 1_000;

fn request(worker: &Worker, address: &str, sent: &Sent) -> String {
    let (path, key, body) = (&sent.0, &sent.1, sent.2.to_string());
    format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        worker.key,
        body.len(),
    )
}

/// Until no session of the application is in a transaction.
async fn no_session_is_in_a_transaction(app: &TestApp) {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
               AND state LIKE 'idle in transaction%'";
    let started = Instant::now();
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let found = app.home.database.writer().query_all_raw(statement).await.unwrap();
        if found.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "a transaction was left open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Each sends its request and goes away after 0 to 20 ms, in steps that mix with the commits.
async fn go_away(worker: &Worker, address: &str, sent: &[Sent]) {
    stream::iter(sent.iter().enumerate())
        .for_each_concurrent(32, |(number, sent)| async move {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(request(worker, address, sent).as_bytes()).await.unwrap();
            let patience = Duration::from_micros(number as u64 * 7_919 % 20_001);
            tokio::time::sleep(patience).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_go_away_lose_nothing_and_leave_no_transaction_open() {
    let app = TestApp::given(TestDatabase::postgres().await).await;
    let (address, server) = serve(router(app.state.clone())).await;
    let address = address.to_string();
    let worker = Worker::new(&app.home, &address).await;
    let sent: Vec<Sent> = (0..CLIENTS)
        .map(|number| {
            let charge =
                json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
            let path = if number % 2 == 0 { "/usage" } else { "/holds" };
            (path.to_owned(), format!("gone-{number}"), charge)
        })
        .collect();
    let mut done = 0;
    // On a machine that is busy with other things, all may be gone before anything is done.
    for _ in 0..5 {
        go_away(&worker, &address, &sent).await;
        no_session_is_in_a_transaction(&app).await;
        done = worker.entries(&app.home).await.len() - 1;
        if done > 0 {
            break;
        }
    }
    assert!(done > 0, "every client had gone before anything was done");
    // The next thousand, clean: the same requests, of which nobody knows what became.
    let log = stream::iter(sent)
        .map(|sent| {
            let worker = &worker;
            async move {
                let told = worker.send(&sent).await.expect("a clean answer");
                (sent.1, told["entry"].as_i64().unwrap())
            }
        })
        .buffer_unordered(32);
    let mut acknowledged: Vec<_> = log.collect().await;
    no_session_is_in_a_transaction(&app).await;
    acknowledged.sort_by_key(|(_, entry)| *entry);
    worker.settle(&app.home, &[Log { acknowledged, unknown: Vec::new() }]).await;
    server.abort();
}

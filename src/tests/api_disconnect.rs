//! R7: programs that go away while they are served.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use recharge::server::router::router;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    api_load::{Log, Sent, Worker, acknowledged},
    app::TestApp,
    databases::on_both_databases,
    payments_shop::serve,
    survival::Acknowledged,
};

/// Clients that go away, and those that ask after them.
const CLIENTS: usize = 1_000;
/// How long a transaction takes at most whose client has gone.
const PATIENCE: Duration = Duration::from_secs(2);

on_both_databases!(clients_that_go_away_lose_nothing_and_leave_no_transaction_open);

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
    if app.home.database.is_sqlite() {
        // There is one transaction that writes at a time: the next one can begin.
        let started = Instant::now();
        app.home.tamper("UPDATE accounts SET zone = zone WHERE 1 = 0").await;
        assert!(started.elapsed() < PATIENCE, "a transaction was left open");
        return;
    }
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
               AND state LIKE 'idle in transaction%'";
    let started = Instant::now();
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let found = app.home.database.writer().query_all_raw(statement).await.unwrap();
        if found.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "a transaction was left open");
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

/// Requests of every kind, each with a hold of its own where it needs one.
async fn requests(worker: &Worker, log: &mut Log) -> Vec<Sent> {
    let holds = (0..CLIENTS).map(|number| async move {
        let (path, body) = worker.errand(1, None);
        let (sent, asked) = ((path, format!("held-{number}"), body), Instant::now());
        let told = worker.send(&sent).await.expect("a clean answer");
        (acknowledged(&sent, asked, &told), told)
    });
    let made: Vec<_> = stream::iter(holds).buffered(32).collect().await;
    let named = |(number, (acknowledged, told)): (usize, (Vec<Acknowledged>, Value))| {
        log.acknowledged.extend(acknowledged);
        let (path, body) = worker.errand(number, told["id"].as_str());
        (path, format!("gone-{number}"), body)
    };
    made.into_iter().enumerate().map(named).collect()
}

async fn clients_that_go_away_lose_nothing_and_leave_no_transaction_open(app: TestApp) {
    let (address, server) = serve(router(app.state.clone())).await;
    let address = address.to_string();
    let worker = Worker::new(&app.home, &address).await;
    let mut log = Log::default();
    let sent = requests(&worker, &mut log).await;
    let before = worker.entries(&app.home).await.len();
    let (mut done, mut gone, asked) = (0, 0, Instant::now());
    // On a machine that is busy with other things, all may be gone before anything is done.
    for _ in 0..5 {
        gone += sent.len();
        go_away(&worker, &address, &sent).await;
        no_session_is_in_a_transaction(&app).await;
        done = worker.entries(&app.home).await.len() - before;
        if done > 0 {
            break;
        }
    }
    assert!(done > 0, "every client had gone before anything was done");
    // The next thousand, clean: the same requests, of which nobody knows what became.
    let again = stream::iter(sent).map(|sent| {
        let worker = &worker;
        async move {
            let told = worker.send(&sent).await.expect("a clean answer");
            // The client that went away may have had it done long before.
            acknowledged(&sent, asked, &told)
        }
    });
    let told: Vec<_> = again.buffer_unordered(32).collect().await;
    no_session_is_in_a_transaction(&app).await;
    log.acknowledged.extend(told.into_iter().flatten());
    log.acknowledged.sort_by_key(|it| it.entry);
    let found = worker.check(&app.home, std::slice::from_ref(&log)).await;
    let found = found.and(worker.settle(&app.home, &[log]).await);
    found.report(gone, Duration::ZERO);
    server.abort();
}

//! Five hundred open pages: what they cost, and how soon each learns what is new.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use recharge::{
    credits::AccountId,
    server::{
        entity::user,
        identity::{self, NewUser, Role, Sessions},
        news::MOST,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Barrier, Semaphore},
};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
};

use crate::{
    app::TestApp,
    databases::on_both_databases,
    live_page::{Served, change},
};

on_both_databases!(five_hundred_open_pages_cost_little_and_learn_of_a_change_within_a_second);

const PAGES: usize = 500;
/// So many arrive at the same time: what is answered costs more than what stays open.
const ARRIVING: usize = 16;
const MOST_MEMORY_KB: u64 = 40_000;

/// The memory of this process: the server's, and that of the readers too.
fn memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A customer with a session, and the cookie of it: without the time that a password takes.
async fn customer(app: &TestApp, number: usize) -> (AccountId, String) {
    let email = format!("reader-{number}@recharge.test");
    let new = NewUser {
        email: email.parse().unwrap(),
        name: "Somebody".to_owned(),
        role: Role::Customer,
        zone: "UTC".parse().unwrap(),
        password_hash: String::new(),
    };
    let account = identity::add(&app.database, new, app.clock.now()).await.unwrap().unwrap();
    let found = user::Entity::find().filter(user::Column::Email.eq(email));
    let user = found.one(app.database.reader()).await.unwrap().unwrap();
    let data = HashMap::from([("user".to_owned(), user.id.into())]);
    let mut session = Record { id: Id::default(), data, expiry_date: OffsetDateTime::UNIX_EPOCH };
    let sessions = Sessions::new(app.database.clone(), app.clock.clone());
    sessions.create(&mut session).await.unwrap();
    (account, session.id.to_string())
}

/// Listens, and says when it heard of the change.
async fn page(
    address: SocketAddr,
    cookie: String,
    arrivals: Arc<Semaphore>,
    all: Arc<[Barrier; 2]>,
) -> Instant {
    let arrival = arrivals.acquire().await.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /settings/events HTTP/1.1\r\nhost: {address}\r\ncookie: session={cookie}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    hear(&mut stream, &mut read, 1).await;
    drop(arrival);
    all[0].wait().await;
    all[1].wait().await;
    hear(&mut stream, &mut read, 2).await;
    Instant::now()
}

/// Reads until that many words were told.
async fn hear(stream: &mut TcpStream, read: &mut Vec<u8>, count: usize) {
    while String::from_utf8_lossy(read).matches("event: news").count() < count {
        assert_ne!(stream.read_buf(read).await.unwrap(), 0, "{}", String::from_utf8_lossy(read));
    }
}

async fn five_hundred_open_pages_cost_little_and_learn_of_a_change_within_a_second(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let mut customers = Vec::new();
    for number in 0..PAGES / MOST {
        customers.push(customer(&app, number).await);
    }
    app.clock.advance(TimeDelta::seconds(1));
    let before = memory_kb();
    let arrivals = Arc::new(Semaphore::new(ARRIVING));
    let all = Arc::new([Barrier::new(PAGES + 1), Barrier::new(PAGES + 1)]);
    let readers: Vec<_> = customers
        .iter()
        .flat_map(|(_, cookie)| std::iter::repeat_n(cookie.clone(), MOST))
        .map(|cookie| (cookie, Arc::clone(&arrivals), Arc::clone(&all)))
        .map(|(cookie, arrivals, all)| tokio::spawn(page(server.address, cookie, arrivals, all)))
        .collect();
    all[0].wait().await;
    let memory = memory_kb().saturating_sub(before);
    assert_eq!(app.state.news.listening(), PAGES);
    all[1].wait().await;
    let changes = customers.iter().map(|(account, _)| async {
        change(&app, account, 10).await;
        Instant::now()
    });
    let changed_at = futures::future::join_all(changes).await;
    let mut delays = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        delays.push(reader.await.unwrap().saturating_duration_since(changed_at[number / MOST]));
    }
    delays.sort();
    let (median, latest) = (delays[PAGES / 2], delays[PAGES - 1]);
    println!("{PAGES} pages: {memory} kB more, told after {median:?}, the last after {latest:?}");
    assert!(memory <= MOST_MEMORY_KB, "{memory} kB");
    assert!(latest <= Duration::from_secs(1), "{latest:?}");
}

//! The pages that are open are told what is new, over real connections.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Command, Credits, Note, Operation, Source, Validity},
    server::{news::MOST, router::router},
};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{
    app::{TestApp, Visitor},
    databases::on_both_databases,
    payments_shop::SOON,
};

on_both_databases!(
    a_page_learns_how_far_the_account_is_and_then_each_change,
    a_change_through_another_server_is_told_within_a_second,
    a_new_notice_and_a_read_one_are_told,
    what_happens_to_others_is_not_told,
    news_end_when_their_reader_has_signed_out,
    news_end_when_the_session_of_their_reader_has_expired,
    news_end_when_the_program_ends,
    a_page_that_goes_away_is_forgotten,
    the_oldest_of_too_many_pages_of_a_session_is_told_that_it_is_enough,
    news_are_for_customers_who_are_signed_in,
    a_page_whose_session_has_ended_stops_listening_in_silence,
);

/// A server at an address, until it is dropped.
pub struct Served {
    pub app: TestApp,
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    pub async fn start(app: TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router(app.state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { app, address, server }
    }

    /// A page of this customer listens.
    pub async fn page_of(&self, customer: &Visitor) -> Page {
        let cookie = format!("session={}", customer.cookies["session"]);
        let url = format!("http://{}/settings/events", self.address);
        let asked = reqwest::Client::new().get(url).header("cookie", cookie).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::OK);
        assert_eq!(asked.headers()["content-type"], "text/event-stream");
        assert_eq!(asked.headers()["cache-control"], "no-store");
        Page { stream: asked, read: String::new() }
    }
}

/// A page that listens.
pub struct Page {
    stream: reqwest::Response,
    read: String,
}

impl Page {
    /// The next event and its data; none at the end.
    async fn event(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let value = event.lines().find_map(|line| line.strip_prefix(name));
                    value.unwrap_or_default().to_owned()
                };
                let (name, data) = (field("event: "), field("data: "));
                self.read = rest.to_owned();
                if !name.is_empty() {
                    return Some((name, data));
                }
                continue;
            }
            let chunk = self.stream.chunk().await.ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// How far the account is, once that is told, and how many milliseconds ago it came there.
    pub async fn news(&mut self) -> (String, i64) {
        let (event, data) = timeout(SOON, self.event()).await.expect("nothing was told").unwrap();
        assert_eq!(event, "news");
        let (version, age) = data.split_once(' ').unwrap();
        (version.to_owned(), age.parse().unwrap())
    }

    /// Nothing is told for so long that two looks were taken.
    async fn stays_silent(&mut self) {
        let told = timeout(Duration::from_secs(1), self.event()).await;
        assert!(told.is_err(), "{told:?}");
    }

    /// Reads to the end: half an hour before it would have come anyway.
    async fn ends(mut self) {
        let rest = async { while self.event().await.is_some() {} };
        timeout(SOON, rest).await.expect("the news go on");
    }
}

/// Gives credits, or spends them.
pub async fn change(app: &TestApp, account: &AccountId, whole: i64) {
    let credits = |whole| Credits::try_from_whole(whole).unwrap();
    let note = Note::default();
    let command = if whole > 0 {
        let (amount, validity) = (credits(whole), Validity::OneYear);
        Command::Grant { source: Source::Promotion, amount, validity, purchase: None, note }
    } else {
        Command::Spend { operation: Operation::Backtest, amount: credits(-whole), note }
    };
    let key = uuid::Uuid::new_v4().to_string();
    app.state.ledger.execute(account, &key, command).await.unwrap();
}

async fn a_page_learns_how_far_the_account_is_and_then_each_change(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    change(&app, &account, 100).await;
    app.clock.advance(TimeDelta::minutes(1));
    let mut page = server.page_of(&customer).await;
    let (first, age) = page.news().await;
    assert!(age >= 60_000, "{age}");
    page.stays_silent().await;
    change(&app, &account, -30).await;
    let (second, age) = page.news().await;
    assert!(second != first && age < 10_000, "{first} {second} {age}");
    page.stays_silent().await;
}

async fn a_change_through_another_server_is_told_within_a_second(app: TestApp) {
    let (one, two) =
        (Served::start(app.clone()).await, Served::start(app.with_settings(&[]).await).await);
    let customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let (mut here, mut there) = (one.page_of(&customer).await, two.page_of(&customer).await);
    assert_eq!(here.news().await.0, there.news().await.0);
    for server in [&one, &two] {
        change(&server.app, &account, 10).await;
        let changed_at = Instant::now();
        let told = (here.news().await.0, there.news().await.0);
        let passed = changed_at.elapsed();
        assert_eq!(told.0, told.1);
        assert!(passed < Duration::from_secs(1), "{passed:?}");
    }
}

async fn a_new_notice_and_a_read_one_are_told(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let mut page = server.page_of(&customer).await;
    let (before, _) = page.news().await;
    let event = format!(
        "INSERT INTO events (id, account_id, kind, cause, data, at)
         VALUES ('evt_1', '{account}', 'credits.low', 'test', '{{}}', 0)"
    );
    let notice = format!(
        "INSERT INTO notices (id, account_id, event_id, at) VALUES ('ntc_1', '{account}', 'evt_1', 5)"
    );
    app.home.tamper(&event).await;
    app.home.tamper(&notice).await;
    let (unread, _) = page.news().await;
    app.home.tamper("UPDATE notices SET read_at = 6").await;
    let (read, _) = page.news().await;
    assert!(before != unread && unread != read);
}

async fn what_happens_to_others_is_not_told(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let (customer, other) = (app.customer().await, app.customer().await);
    let mut page = server.page_of(&customer).await;
    page.news().await;
    change(&app, &other.account.unwrap(), 10).await;
    page.stays_silent().await;
}

async fn news_end_when_their_reader_has_signed_out(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let mut customer = app.customer().await;
    let mut elsewhere = app.visitor();
    elsewhere.email.clone_from(&customer.email);
    elsewhere.sign_in().await;
    let (mut ending, mut staying) =
        (server.page_of(&customer).await, server.page_of(&elsewhere).await);
    ending.news().await;
    staying.news().await;
    let before = Instant::now();
    customer.sign_out().await;
    ending.ends().await;
    let passed = before.elapsed();
    assert!(passed < Duration::from_secs(5), "they went on for {passed:?}");
    change(&app, &customer.account.unwrap(), 10).await;
    // Another session goes on.
    staying.news().await;
}

async fn news_end_when_the_session_of_their_reader_has_expired(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let mut page = server.page_of(&customer).await;
    page.news().await;
    app.clock.advance(TimeDelta::days(8));
    page.ends().await;
}

async fn news_end_when_the_program_ends(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let mut page = server.page_of(&customer).await;
    page.news().await;
    app.state.shutdown.cancel();
    page.ends().await;
    // And those that come too late end at once.
    server.page_of(&customer).await.ends().await;
    assert_eq!(app.state.news.listening(), 0);
}

async fn a_page_that_goes_away_is_forgotten(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let mut staying = server.page_of(&customer).await;
    for _ in 0..2 {
        let mut leaving = server.page_of(&customer).await;
        leaving.news().await;
        assert_eq!(app.state.news.listening(), 2);
        drop(leaving);
        let forgotten = async {
            while app.state.news.listening() != 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, forgotten).await.expect("it is still listening");
    }
    staying.news().await;
    change(&app, &customer.account.unwrap(), 10).await;
    staying.news().await;
}

async fn the_oldest_of_too_many_pages_of_a_session_is_told_that_it_is_enough(app: TestApp) {
    let server = Served::start(app.clone()).await;
    let customer = app.customer().await;
    let mut oldest = server.page_of(&customer).await;
    oldest.news().await;
    let mut others = Vec::new();
    for _ in 0..MOST {
        let mut page = server.page_of(&customer).await;
        page.news().await;
        others.push(page);
    }
    let told = timeout(SOON, oldest.event()).await.unwrap();
    assert_eq!(told.map(|told| told.0).as_deref(), Some("enough"));
    oldest.ends().await;
    assert_eq!(app.state.news.listening(), MOST);
}

async fn news_are_for_customers_who_are_signed_in(app: TestApp) {
    let asked = app.visitor().get("/settings/events").await;
    asked.redirects_to("/sign-in?next=%2Fsettings%2Fevents");
    let asked = app.staff().await.get("/settings/events").await;
    asked.redirects_to("/support");
}

async fn a_page_whose_session_has_ended_stops_listening_in_silence(app: TestApp) {
    let (mut customer, mut expiring) = (app.customer().await, app.customer().await);
    let cookies = customer.cookies.clone();
    customer.sign_out().await;
    customer.cookies = cookies;
    app.clock.advance(TimeDelta::days(8));
    // Somebody of the staff may have signed in there meanwhile.
    for reader in [&mut customer, &mut expiring, &mut app.visitor(), &mut app.staff().await] {
        let asked = Request::get("/settings/events").header("accept", "text/event-stream");
        let answer = reader.send(asked.body(Body::empty()).unwrap()).await;
        let said = (answer.status, answer.header("location"), answer.body.as_str());
        assert_eq!(said, (StatusCode::NO_CONTENT, "", ""));
    }
}

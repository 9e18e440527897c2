//! Mail, in a real conversation with a mail server: each arrives, once, whatever becomes of the
//! server meanwhile.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Event, Topic},
    server::{entity::outbox, events, notices::Delivered},
};
use sea_orm::EntityTrait;

use crate::{
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    logging::Logged,
    mailbox::{self, Does, Mail, MailServer},
};

on_both_databases!(
    without_a_mail_server_every_mail_is_a_file,
    a_wrong_mail_server_is_said_once_and_everything_else_goes_on,
    while_the_server_is_down_mail_waits_and_comes_once_it_is_back,
    what_the_server_does_not_take_now_is_tried_again,
    who_is_refused_for_good_gets_nothing_and_holds_up_nobody,
    an_answer_that_is_lost_leads_to_the_same_message_again,
    whom_the_server_hangs_up_on_holds_up_nobody_else,
    a_server_that_says_nothing_is_not_waited_for,
    after_three_days_nobody_waits_for_a_mail,
    who_unsubscribes_while_a_mail_waits_does_not_get_it,
    two_processes_send_each_mail_once,
);

pub const FROM: &str = "--mail-from=Recharge <credits@recharge.test>";

/// Mail about something that always matters, waiting in the outbox.
pub async fn waiting(app: &TestApp, account: &AccountId, cause: &str) {
    let event = Event::AutoRechargePaused { reason: format!("Because of {cause}.") };
    let (database, now) = (&app.database, app.clock.now());
    events::record(database.writer(), account, cause, &event, now).await.unwrap();
    app.state.notices.tell(now).await.unwrap();
}

pub async fn send(app: &TestApp) -> Delivered {
    app.state.notices.send_mail(app.clock.now()).await.unwrap()
}

/// The app with this server, and somebody who gets mail.
pub async fn with_server(app: &TestApp, server: &MailServer) -> (TestApp, AccountId) {
    let app = app.with_settings(&[&server.setting(), FROM]).await;
    let account = app.customer().await.account.unwrap();
    (app, account)
}

pub async fn stored(app: &TestApp) -> Vec<outbox::Model> {
    outbox::Entity::find().all(app.database.reader()).await.unwrap()
}

pub fn ids(mails: &[Mail]) -> BTreeSet<String> {
    mails.iter().map(|mail| mail.headers["message-id"].clone()).collect()
}

async fn without_a_mail_server_every_mail_is_a_file(app: TestApp) {
    let folder = tempfile::TempDir::new().unwrap();
    let inner = folder.path().join("not/yet/there");
    let app = app.with_settings(&[&format!("--mail-folder={}", inner.display())]).await;
    let account = app.customer().await.account.unwrap();
    waiting(&app, &account, "one").await;
    waiting(&app, &account, "two").await;
    assert_eq!(send(&app).await, Delivered { sent: 2, ..Delivered::default() });
    assert_eq!(send(&app).await, Delivered::default());
    let mut texts = Vec::new();
    for file in std::fs::read_dir(inner).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(path.extension().unwrap(), "eml");
        let content = std::fs::read_to_string(path).unwrap();
        texts.push(mailbox::read(&content, String::new(), String::new()).text);
    }
    for cause in ["one", "two"] {
        let told = texts.iter().filter(|text| text.contains(&format!("Because of {cause}.")));
        assert_eq!(told.count(), 1);
    }
}

async fn a_wrong_mail_server_is_said_once_and_everything_else_goes_on(app: TestApp) {
    let logged = Logged::new();
    // Nobody takes mail there.
    let app = app.with_settings(&["--smtp-url=smtp://127.0.0.1:1?timeout=1", FROM]).await;
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    for cause in ["a", "b", "c"] {
        waiting(&app, &account, cause).await;
        assert_eq!(send(&app).await.sent, 0);
        app.clock.advance(TimeDelta::minutes(20));
    }
    assert_eq!(stored(&app).await.iter().filter(|row| row.state == "waiting").count(), 3);
    for path in ["/settings/credits", "/settings/notices", "/readyz"] {
        assert_eq!(customer.get(path).await.status, StatusCode::OK, "{path}");
    }
    let told = customer.get("/metrics").await.body;
    assert!(told.contains("recharge_mail_server_away 1"), "{told}");
    let log = logged.text();
    assert_eq!(log.matches("mail can't be sent").count(), 1, "{log}");
}

async fn while_the_server_is_down_mail_waits_and_comes_once_it_is_back(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let address = server.address;
    drop(server);
    for cause in ["a", "b", "c"] {
        waiting(&app, &account, cause).await;
    }
    assert_eq!(send(&app).await, Delivered { waiting: 3, ..Delivered::default() });
    assert!(app.state.notices.counters().is_away());
    let mut visitor = app.visitor();
    assert_eq!(visitor.get("/readyz").await.status, StatusCode::OK);
    let told = visitor.get("/metrics").await.body;
    assert!(told.contains("recharge_mail_server_away 1"), "{told}");
    assert_eq!(send(&app).await, Delivered::default(), "nothing is due at once");

    let server = loop {
        // The system may still have the old connection.
        if let Ok(listener) = tokio::net::TcpListener::bind(address).await {
            drop(listener);
            break MailServer::start_at(address).await;
        }
        tokio::task::yield_now().await;
    };
    app.clock.advance(TimeDelta::seconds(20));
    assert_eq!(send(&app).await, Delivered { sent: 3, ..Delivered::default() });
    assert!(!app.state.notices.counters().is_away());
    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(send(&app).await, Delivered::default());
    assert_eq!((server.mails().len(), ids(&server.mails()).len()), (3, 3));
}

async fn what_the_server_does_not_take_now_is_tried_again(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    server.will(&[Does::AnswerRecipient("450 try later"), Does::AnswerContent("451 full")]);
    for cause in ["a", "b", "c"] {
        waiting(&app, &account, cause).await;
    }
    assert_eq!(send(&app).await, Delivered { sent: 1, waiting: 2, given_up: 0 });
    assert!(!app.state.notices.counters().is_away(), "the server can be used");
    let errors: Vec<_> = stored(&app).await.into_iter().map(|row| row.last_error).collect();
    assert!(errors.iter().any(|error| error.contains("450")), "{errors:?}");
    assert_eq!(server.connections(), 1, "one conversation for all");
    app.clock.advance(TimeDelta::seconds(15));
    assert_eq!(send(&app).await.sent, 2);
    assert_eq!((server.mails().len(), ids(&server.mails()).len()), (3, 3));
}

async fn who_is_refused_for_good_gets_nothing_and_holds_up_nobody(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    server.will(&[Does::AnswerRecipient("550 5.1.1 nobody here"), Does::AnswerContent("554 spam")]);
    for cause in ["a", "b", "c"] {
        waiting(&app, &account, cause).await;
    }
    assert_eq!(send(&app).await, Delivered { sent: 1, waiting: 0, given_up: 2 });
    let rows = stored(&app).await;
    let given_up: Vec<_> = rows.iter().filter(|row| row.state == "given_up").collect();
    assert!(given_up.iter().any(|row| row.last_error.contains("nobody here")), "{given_up:?}");
    assert_eq!(app.state.notices.counters().given_up(), 2);
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(send(&app).await, Delivered::default());
}

async fn an_answer_that_is_lost_leads_to_the_same_message_again(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    server.will(&[Does::TakeAndVanish]);
    waiting(&app, &account, "a").await;
    waiting(&app, &account, "b").await;
    assert_eq!(send(&app).await, Delivered { sent: 1, waiting: 1, given_up: 0 });
    app.clock.advance(TimeDelta::seconds(40));
    assert_eq!(send(&app).await.sent, 1);
    let mails = server.mails();
    assert_eq!((mails.len(), ids(&mails).len()), (3, 2), "the copy has the id of the first");
}

async fn whom_the_server_hangs_up_on_holds_up_nobody_else(app: TestApp) {
    let server = MailServer::start().await;
    let (app, first) = with_server(&app, &server).await;
    let mut accounts = vec![first];
    for _ in 0..6 {
        accounts.push(app.customer().await.account.unwrap());
    }
    for account in &accounts {
        waiting(&app, account, "a").await;
    }
    let mut to: Vec<_> = stored(&app).await;
    to.sort_by(|one, other| one.id.cmp(&other.id));
    let to: Vec<_> = to.into_iter().map(|row| row.target).collect();
    // One alone is passed by.
    server.hangs_up_on(&to[..1]);
    assert_eq!(send(&app).await, Delivered { sent: 6, waiting: 1, given_up: 0 });
    assert!(!app.state.notices.counters().is_away(), "the server can be used");
    // After two in a row nobody knows; the next time those who wait for them come first.
    server.hangs_up_on(&to[..2]);
    for account in &accounts[1..] {
        waiting(&app, account, "b").await;
    }
    assert_eq!(send(&app).await, Delivered { sent: 5, waiting: 1, given_up: 0 });
    app.clock.advance(TimeDelta::minutes(5));
    for account in &accounts[2..] {
        waiting(&app, account, "c").await;
    }
    assert_eq!(send(&app).await, Delivered { sent: 0, waiting: 7, given_up: 0 });
    assert!(app.state.notices.counters().is_away());
    app.clock.advance(TimeDelta::seconds(15));
    assert_eq!(send(&app).await, Delivered { sent: 5, ..Delivered::default() });
    assert!(!app.state.notices.counters().is_away());
    server.hangs_up_on(&[]);
    app.clock.advance(TimeDelta::minutes(15));
    assert_eq!(send(&app).await, Delivered { sent: 2, ..Delivered::default() });
}

async fn a_server_that_says_nothing_is_not_waited_for(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    server.will(&[Does::TakeAndSayNothing]);
    waiting(&app, &account, "a").await;
    let started = std::time::Instant::now();
    assert_eq!(send(&app).await.waiting, 1);
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
    assert!(app.state.notices.counters().is_away());
    app.clock.advance(TimeDelta::seconds(40));
    assert_eq!(send(&app).await.sent, 1);
    assert_eq!((server.mails().len(), ids(&server.mails()).len()), (2, 1));
    assert_eq!(server.connections(), 2, "the one that said nothing is not used again");
}

async fn after_three_days_nobody_waits_for_a_mail(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    server.will(&[Does::AnswerSender("550 we don't know you"); 3]);
    waiting(&app, &account, "a").await;
    assert_eq!(send(&app).await.waiting, 1, "that we may not send is no fault of the mail");
    app.clock.advance(TimeDelta::days(2));
    assert_eq!(send(&app).await.waiting, 1);
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(send(&app).await, Delivered { given_up: 1, ..Delivered::default() });
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(send(&app).await, Delivered::default());
    assert_eq!(server.mails().len(), 0);
}

async fn who_unsubscribes_while_a_mail_waits_does_not_get_it(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let (now, database) = (app.clock.now(), &app.database);
    let event = Event::PriceChanged {
        version: "v2".to_owned(),
        effective_from: now,
        before: credits(1),
        after: credits(2),
        known: 1,
        operations: 1,
    };
    events::record(database.writer(), &account, "v2", &event, now).await.unwrap();
    app.state.notices.tell(now).await.unwrap();
    assert_eq!(stored(&app).await.len(), 1);
    app.state.notices.send_no_more(&account, Topic::Prices).await.unwrap();
    assert_eq!(send(&app).await, Delivered { given_up: 1, ..Delivered::default() });
    assert_eq!(server.mails().len(), 0);
}

async fn two_processes_send_each_mail_once(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let other = app.with_settings(&[&server.setting(), FROM]).await;
    for number in 0..25 {
        waiting(&app, &account, &number.to_string()).await;
    }
    let (one, two) = tokio::join!(send(&app), send(&other));
    assert_eq!(one.sent + two.sent, 25, "{one:?} {two:?}");
    assert_eq!((server.mails().len(), ids(&server.mails()).len()), (25, 25));
}

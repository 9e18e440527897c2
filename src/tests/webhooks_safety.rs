//! Messages go where they may, and secrets nowhere.

use std::{sync::Arc, time::Duration};

use axum::response::IntoResponse;
use recharge::{
    credits::Event,
    server::{
        entity::webhook_endpoint,
        webhooks::{AddError, Kinds, Settings, UrlProblem, Webhooks},
    },
};
use rustls::RootCertStore;
use sea_orm::EntityTrait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    api::account_with,
    app::TestApp,
    certificates::Certified,
    databases::on_both_databases,
    webhooks_hearing::{
        Hearing, Names, at_home, attempts, happens, listen, messages, process, webhooks_of,
    },
};

on_both_databases!(
    an_endpoint_at_a_private_address_is_not_added,
    a_name_that_leads_to_a_neighbour_later_is_not_followed_there,
    the_address_that_was_looked_at_is_the_one_that_is_connected_to,
    an_endpoint_that_was_added_when_more_was_allowed_is_not_told,
    only_a_server_with_a_certificate_for_its_name_is_told,
    no_secret_is_shown_again_or_written_into_the_log,
    there_are_only_so_many_endpoints,
    an_answer_that_is_no_http_or_too_long_is_none,
);

/// Settings of the public web, where names lead to these addresses.
fn public(names: &Arc<Names>) -> Settings {
    let timeout = Duration::from_millis(300);
    Settings { resolver: Arc::clone(names) as _, timeout, ..Settings::new(false) }
}

async fn an_endpoint_at_a_private_address_is_not_added(app: TestApp) {
    let add = async |settings: Settings, url: &str| {
        let webhooks = process(&app.database, &app.clock, settings);
        webhooks.add(url, Kinds::default(), None).await.map(|_| ()).unwrap_err()
    };
    for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "::1", "fd00::1"] {
        // One that is public beside it helps nothing.
        for list in [vec![address], vec!["1.1.1.1", address]] {
            let names = public(&Names::new(&[&list]));
            let refused = add(names, "https://hooks.example/").await;
            assert!(matches!(refused, AddError::NotPublic(_)), "{list:?}: {refused}");
        }
    }
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:10.0.0.1]"] {
        let url = format!("https://{host}:8443/");
        let refused = add(public(&Names::new(&[&["1.1.1.1"]])), &url).await;
        assert!(matches!(refused, AddError::NotPublic(_)), "{host}: {refused}");
    }
    let refused = add(Settings::new(false), "https://localhost/").await;
    assert!(matches!(refused, AddError::NotPublic(_)), "{refused}");
    for url in ["http://1.1.1.1/", "ftp://1.1.1.1/", "file:///etc/passwd"] {
        let refused = add(Settings::new(false), url).await;
        assert!(matches!(refused, AddError::Url(UrlProblem::NotHttps)), "{url}: {refused}");
    }
    assert!(webhooks_of(&app).list().await.unwrap().is_empty());
}

/// Something happens, and is to be told to an endpoint that was added with these settings; what
/// came of it.
async fn told(app: &TestApp, webhooks: &Webhooks, url: &str) -> String {
    webhooks.add(url, Kinds::default(), None).await.unwrap();
    let account = account_with(app, 0).await;
    happens(app, &account, &Event::Depleted).await;
    webhooks.deliver().await.unwrap();
    attempts(app).await.pop().unwrap().note
}

async fn a_name_that_leads_to_a_neighbour_later_is_not_followed_there(app: TestApp) {
    let hearing = Hearing::start().await;
    let names = Names::new(&[&["1.1.1.1"], &["127.0.0.1"]]);
    let webhooks = process(&app.database, &app.clock, public(&names));
    let url = format!("https://hooks.example:{}/", hearing.address.port());
    assert_eq!(told(&app, &webhooks, &url).await, "127.0.0.1 is no public address");
    assert!(hearing.heard().is_empty());
    assert_eq!(messages(&app).await[0].state, "waiting", "tomorrow it may lead elsewhere");
}

async fn the_address_that_was_looked_at_is_the_one_that_is_connected_to(app: TestApp) {
    let hearing = Hearing::start().await;
    // To be added, to be looked at; whoever asked once more would get here.
    let names = Names::new(&[&["240.0.0.1"], &["1.1.1.1"], &["127.0.0.1"]]);
    let allowed = Settings { allow_private: true, ..public(&names) };
    let url = format!("https://hooks.example:{}/", hearing.address.port());
    let added = process(&app.database, &app.clock, allowed);
    added.add(&url, Kinds::default(), None).await.unwrap();
    let account = account_with(&app, 0).await;
    happens(&app, &account, &Event::Depleted).await;
    assert_eq!(names.asked(), 1);
    process(&app.database, &app.clock, public(&names)).deliver().await.unwrap();
    assert_eq!(names.asked(), 2, "once for each attempt");
    let attempt = attempts(&app).await.remove(0);
    assert_eq!(attempt.status, None, "{attempt:?}");
    assert!(hearing.heard().is_empty() && !attempt.note.contains("127.0.0.1"), "{attempt:?}");
}

async fn an_endpoint_that_was_added_when_more_was_allowed_is_not_told(app: TestApp) {
    let hearing = Hearing::start().await;
    listen(&webhooks_of(&app), &hearing).await;
    let account = account_with(&app, 0).await;
    happens(&app, &account, &Event::Depleted).await;
    let careful = process(&app.database, &app.clock, Settings::new(false));
    assert_eq!(careful.deliver().await.unwrap().failed, 1);
    assert!(hearing.heard().is_empty());
}

/// A server with a certificate for `hooks.example` that nobody has vouched for but itself.
async fn secure_server() -> (u16, RootCertStore) {
    let Certified { acceptor, certificate } = Certified::new("hooks.example");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nheard").await;
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    (port, roots)
}

async fn only_a_server_with_a_certificate_for_its_name_is_told(app: TestApp) {
    let (port, roots) = secure_server().await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let with = |roots: RootCertStore| {
        let settings = Settings { resolver: Arc::clone(&names) as _, roots, ..at_home() };
        process(&app.database, &app.clock, settings)
    };
    let (known, unknown) = (with(roots), with(Settings::new(true).roots));
    for (webhooks, host, expected) in [
        (&known, "hooks.example", "heard"),
        (&known, "other.example", "certificate"),
        (&unknown, "hooks.example", "certificate"),
    ] {
        let url = format!("https://{host}:{port}/");
        let note = told(&app, webhooks, &url).await;
        assert!(note.contains(expected), "{host}: {note}");
        for endpoint in webhooks.list().await.unwrap() {
            webhooks.remove(&endpoint.id).await.unwrap();
        }
        webhooks.deliver().await.unwrap();
    }
}

async fn no_secret_is_shown_again_or_written_into_the_log(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    let added = listen(&webhooks, &hearing).await;
    let bare = added.secret.reveal().strip_prefix("whsec_").unwrap().to_owned();
    let answer = format!("no message signed with {}\0 came", added.secret.reveal());
    hearing.answers_by(Box::new(move |_| {
        let answer = answer.clone();
        Box::pin(async move { (axum::http::StatusCode::BAD_REQUEST, answer).into_response() })
    }));
    let account = account_with(&app, 0).await;
    happens(&app, &account, &Event::Depleted).await;
    webhooks.deliver().await.unwrap();
    let deliveries = webhooks.deliveries(&added.endpoint.id, None).await.unwrap().unwrap();
    assert_eq!(deliveries.deliveries[0].tries[0].note, "no message signed with whsec_…  came");
    let rows = webhook_endpoint::Entity::find().all(app.database.reader()).await.unwrap();
    let shown = format!(
        "{added:?} {deliveries:?} {:?} {rows:?} {webhooks:?} {:?} {:?}",
        webhooks.list().await.unwrap(),
        messages(&app).await,
        attempts(&app).await,
    );
    assert!(!shown.contains(&bare), "{shown}");
}

async fn there_are_only_so_many_endpoints(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    for _ in 0..recharge::server::webhooks::MOST_ENDPOINTS {
        listen(&webhooks, &hearing).await;
    }
    let refused = webhooks.add(&hearing.url(), Kinds::default(), None).await;
    assert!(matches!(refused, Err(AddError::TooMany)));
    let first = webhooks.list().await.unwrap().remove(0);
    assert!(webhooks.remove(&first.id).await.unwrap());
    listen(&webhooks, &hearing).await;
}

async fn an_answer_that_is_no_http_or_too_long_is_none(app: TestApp) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
        let answers = ["SSH-2.0-OpenSSH_9.2\r\n".to_owned(), long, String::new()];
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let webhooks = webhooks_of(&app);
    let url = format!("http://127.0.0.1:{port}/");
    webhooks.add(&url, Kinds::default(), None).await.unwrap();
    let account = account_with(&app, 0).await;
    for _ in 0..3 {
        happens(&app, &account, &Event::Depleted).await;
    }
    assert_eq!(webhooks.deliver().await.unwrap().failed, 3);
    for attempt in attempts(&app).await {
        assert_eq!(attempt.status, None, "{attempt:?}");
        assert!(attempt.note.starts_with("no answer: "), "{attempt:?}");
    }
}

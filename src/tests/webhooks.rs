//! The platform is told what happened: signed, once, and in order.

use std::{collections::BTreeSet, sync::Arc};

use axum::response::IntoResponse;
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Currency, Event, Money},
    server::{
        identity::{self, Bring},
        jobs::Jobs,
        requests::Request,
        webhooks::Kinds,
    },
};
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    api::account_with,
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    webhooks_hearing::{
        Hearing, at_home, happens, listen, messages, process, states, tell, webhooks_of,
    },
};

on_both_databases!(
    what_happened_is_told_once_and_signed_as_the_standard_has_it,
    the_events_of_an_account_come_in_their_order,
    an_endpoint_is_told_what_it_asked_for_and_no_more,
    what_is_not_sent_is_told_to_nobody,
    the_platform_reads_its_own_name_for_the_account,
    many_processes_send_each_message_once,
    a_slow_endpoint_holds_up_no_other,
    while_a_secret_is_replaced_both_sign,
    the_job_sends_what_is_due,
    the_same_request_adds_one_endpoint,
);

async fn somebody(app: &TestApp) -> AccountId {
    account_with(app, 0).await
}

async fn what_happened_is_told_once_and_signed_as_the_standard_has_it(app: TestApp) {
    let (webhooks, hearing, account) =
        (webhooks_of(&app), Hearing::start().await, somebody(&app).await);
    let added = listen(&webhooks, &hearing).await;
    assert!(added.secret.reveal().starts_with("whsec_"));
    let happened = Event::Low { balance: credits(99), low_at: credits(100) };
    let at = app.clock.now();
    happens(&app, &account, &happened).await;
    app.clock.advance(TimeDelta::seconds(30));
    for taken in [1, 0] {
        assert_eq!(webhooks.deliver().await.unwrap().taken, taken);
    }
    let [heard] = hearing.heard().try_into().unwrap();
    assert!(heard.is_signed_with(added.secret.reveal()));
    assert!(!heard.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert_eq!(heard.path, "/hooks?from=recharge");
    assert_eq!(heard.header("content-type"), "application/json");
    assert!(heard.header("user-agent").starts_with("Recharge-Webhooks/"));
    assert_eq!(heard.header("host"), hearing.address.to_string());
    let message = messages(&app).await.remove(0);
    assert_eq!((heard.id(), message.state.as_str()), (message.id.as_str(), "sent"));
    let sent_at: i64 = heard.header("webhook-timestamp").parse().unwrap();
    assert!((30..60).contains(&(sent_at - at.timestamp())), "when it was sent, not when it was");
    let told = heard.json();
    assert_eq!(told["type"], "credits.low");
    let timestamp = told["timestamp"].as_str().unwrap();
    let timestamp = chrono::DateTime::parse_from_rfc3339(timestamp).unwrap();
    assert!((timestamp.to_utc() - at).num_seconds() < 30, "when it was, not when it was sent");
    let data = json!({"account": account.0, "balance": "99", "threshold": "100"});
    assert_eq!(told["data"], data);
}

async fn the_events_of_an_account_come_in_their_order(app: TestApp) {
    let (webhooks, hearing, account) =
        (webhooks_of(&app), Hearing::start().await, somebody(&app).await);
    listen(&webhooks, &hearing).await;
    for balance in 1..=20 {
        happens(&app, &account, &Event::Recovered { balance: credits(balance), low_at: None })
            .await;
    }
    assert_eq!(webhooks.deliver().await.unwrap().taken, 20);
    let heard = hearing.heard();
    let told = heard.iter().map(|heard| heard.json()["data"]["balance"].clone());
    let expected = (1..=20).map(|balance| json!(balance.to_string()));
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

async fn an_endpoint_is_told_what_it_asked_for_and_no_more(app: TestApp) {
    let (webhooks, account) = (webhooks_of(&app), somebody(&app).await);
    let [some, all, late] =
        [Hearing::start().await, Hearing::start().await, Hearing::start().await];
    let kinds = Kinds::named(["credits.depleted", "purchase.failed"]).unwrap();
    webhooks.add(&some.url(), kinds, None).await.unwrap();
    listen(&webhooks, &all).await;
    happens(&app, &account, &Event::Depleted).await;
    happens(&app, &account, &Event::Recovered { balance: credits(5), low_at: None }).await;
    listen(&webhooks, &late).await;
    webhooks.deliver().await.unwrap();
    let kinds = |hearing: &Hearing| {
        let heard = hearing.heard();
        heard.iter().map(|it| it.json()["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&some), ["credits.depleted"]);
    assert_eq!(kinds(&all), ["credits.depleted", "credits.recovered"]);
    assert!(late.heard().is_empty(), "nobody is told of what was before them");
    let ids: BTreeSet<_> = some.ids().into_iter().chain(all.ids()).collect();
    assert_eq!(ids.len(), 3, "each endpoint has messages of its own");
}

async fn what_is_not_sent_is_told_to_nobody(app: TestApp) {
    let (webhooks, hearing, account) =
        (webhooks_of(&app), Hearing::start().await, somebody(&app).await);
    listen(&webhooks, &hearing).await;
    let (purchase, total) = ("pur_1".to_owned(), Money::new(900, Currency::Usd));
    let made = Event::AutoRechargeMade { purchase, credits: credits(5), total };
    happens(&app, &account, &made).await;
    assert!(messages(&app).await.is_empty());
}

async fn the_platform_reads_its_own_name_for_the_account(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    listen(&webhooks, &hearing).await;
    let user = Bring {
        external_id: "user-17".to_owned(),
        email: "mira@platform.test".to_owned(),
        name: "Mira".to_owned(),
        zone: "UTC".to_owned(),
    };
    let theirs =
        identity::bring(&app.database, &user, None, app.clock.now()).await.unwrap().account;
    let other = somebody(&app).await;
    for account in [&theirs, &other] {
        happens(&app, account, &Event::Depleted).await;
    }
    webhooks.deliver().await.unwrap();
    let mut told: Vec<_> =
        hearing.heard().iter().map(|heard| heard.json()["data"].clone()).collect();
    told.sort_by_key(|data| data["external_id"].is_null());
    assert_eq!(told[0], json!({"account": theirs.0, "external_id": "user-17"}));
    assert_eq!(told[1], json!({"account": other.0}));
}

async fn many_processes_send_each_message_once(app: TestApp) {
    let hearing = Hearing::start().await;
    listen(&webhooks_of(&app), &hearing).await;
    for _ in 0..6 {
        let account = somebody(&app).await;
        for _ in 0..10 {
            happens(&app, &account, &Event::Depleted).await;
        }
    }
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let database = app.home.another_process().await;
        let webhooks = process(&database, &app.clock, at_home());
        sending.spawn(async move {
            webhooks.deliver().await.unwrap();
            webhooks.close().await;
        });
    }
    sending.join_all().await;
    let left = webhooks_of(&app);
    left.deliver().await.unwrap();
    left.close().await;
    let ids = hearing.ids();
    assert_eq!(ids.len(), 60);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 60);
    assert_eq!(states(&app).await, BTreeSet::from(["sent".to_owned()]));
}

async fn a_slow_endpoint_holds_up_no_other(app: TestApp) {
    let (webhooks, account) = (webhooks_of(&app), somebody(&app).await);
    let [slow, quick] = [Hearing::start().await, Hearing::start().await];
    let released = Arc::new(Notify::new());
    let waiting = Arc::clone(&released);
    slow.answers_by(Box::new(move |_| {
        let waiting = Arc::clone(&waiting);
        Box::pin(async move {
            waiting.notified().await;
            "at last".into_response()
        })
    }));
    listen(&webhooks, &slow).await;
    listen(&webhooks, &quick).await;
    happens(&app, &account, &Event::Depleted).await;
    let (first, ()) = tokio::join!(webhooks.deliver(), quick.has_heard(1));
    assert_eq!(first.unwrap().taken, 1, "the run does not wait for the slow one");
    happens(&app, &account, &Event::Depleted).await;
    assert_eq!(webhooks.deliver().await.unwrap().taken, 1);
    assert_eq!((quick.heard().len(), slow.heard().len()), (2, 1), "one is at the slow one");
    slow.answers(200);
    released.notify_waiters();
    slow.has_heard(2).await;
    webhooks.close().await;
    assert_eq!(states(&app).await, BTreeSet::from(["sent".to_owned()]));
    assert_eq!(slow.ids().iter().collect::<BTreeSet<_>>().len(), 2);
}

async fn while_a_secret_is_replaced_both_sign(app: TestApp) {
    let (webhooks, hearing, account) =
        (webhooks_of(&app), Hearing::start().await, somebody(&app).await);
    let old = listen(&webhooks, &hearing).await;
    let new = webhooks.rotate(&old.endpoint.id).await.unwrap().unwrap();
    for _ in 0..2 {
        happens(&app, &account, &Event::Depleted).await;
        webhooks.deliver().await.unwrap();
        app.clock.advance(TimeDelta::hours(24));
    }
    let heard = hearing.heard();
    assert!(heard.iter().all(|it| it.is_signed_with(new.secret.reveal())));
    let by_old: Vec<_> = heard.iter().map(|it| it.is_signed_with(old.secret.reveal())).collect();
    assert_eq!(by_old, [true, false], "for a day");
}

async fn the_job_sends_what_is_due(app: TestApp) {
    let app = app.with_settings(&["--webhook-allow-private=true"]).await;
    let (hearing, account) = (Hearing::start().await, somebody(&app).await);
    listen(&app.state.webhooks, &hearing).await;
    happens(&app, &account, &Event::Depleted).await;
    let jobs = Jobs::of(&app.state);
    assert_eq!(jobs.run("webhooks").await.unwrap().0, 1);
    assert_eq!(jobs.run("webhooks").await.unwrap().0, 0);
    assert_eq!(hearing.heard().len(), 1);
}

async fn the_same_request_adds_one_endpoint(app: TestApp) {
    let hearing = Hearing::start().await;
    let adding = (0..6).map(|_| {
        let (webhooks, url) = (webhooks_of(&app), hearing.url());
        let request = Request::new("key", &url);
        tokio::spawn(async move { webhooks.add(&url, Kinds::default(), Some(request)).await })
    });
    let added = futures::future::join_all(adding.collect::<Vec<_>>()).await;
    let added: Vec<_> = added.into_iter().map(|added| added.unwrap().unwrap()).collect();
    assert_eq!(added.iter().filter(|it| !it.replayed).count(), 1);
    assert!(added.iter().all(|it| it.endpoint == added[0].endpoint));
    assert!(added.iter().all(|it| it.secret == added[0].secret), "its answer may have been lost");
    let webhooks = webhooks_of(&app);
    assert_eq!(webhooks.list().await.unwrap().len(), 1);
    let other = Request::new("key", "https://elsewhere.example/");
    let reused = webhooks.add("https://1.1.1.1/", Kinds::default(), Some(other)).await;
    assert!(reused.unwrap_err().to_string().contains("used for something else"));
    // Nothing is told twice, whoever tells it.
    let account = somebody(&app).await;
    tell(&app, &account, "cause", &Event::Depleted).await;
    webhooks.deliver().await.unwrap();
    assert_eq!(hearing.heard().len(), 1);
}

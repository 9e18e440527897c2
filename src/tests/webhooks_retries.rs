//! What is not taken is tried again for three days, then given up; an operator can send it again.

use std::collections::{BTreeMap, BTreeSet};

use axum::{http::header, response::IntoResponse};
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Event},
    server::{
        requests::Request,
        webhooks::{DeliveryState, ResendError, Webhooks},
    },
};

use crate::{
    api::account_with,
    app::TestApp,
    databases::{Given, TestDatabase, on_both_databases},
    webhooks_hearing::{
        Hearing, at_home, attempts, happens, listen, messages, process, states, webhooks_of,
    },
};

on_both_databases!(
    what_fails_is_tried_again_after_growing_pauses,
    an_endpoint_that_was_away_for_two_days_is_told_each_thing_once,
    after_three_days_a_message_is_given_up_and_can_be_sent_again,
    who_says_that_they_are_gone_is_told_nothing_more,
    what_an_endpoint_redirects_is_not_followed,
    what_waits_for_an_endpoint_that_was_removed_is_given_up,
    a_message_that_waits_is_sent_again_at_the_latest_when_nobody_can_be_sending_it,
    what_was_sent_when_a_process_died_comes_again_under_the_same_id,
    who_answers_at_once_but_never_ends_has_taken_it,
);

/// An endpoint that is told everything, and an account that things happen to.
pub async fn given(app: &TestApp) -> (Webhooks, Hearing, AccountId) {
    let (webhooks, hearing) = (webhooks_of(app), Hearing::start().await);
    listen(&webhooks, &hearing).await;
    (webhooks, hearing, account_with(app, 0).await)
}

/// Sends all that is due, also where none of it is taken.
pub async fn deliver_all(webhooks: &Webhooks, hearing: &Hearing) {
    loop {
        let before = hearing.heard().len();
        webhooks.deliver().await.unwrap();
        if hearing.heard().len() == before {
            return;
        }
    }
}

async fn what_fails_is_tried_again_after_growing_pauses(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    happens(&app, &account, &Event::Depleted).await;
    for (tried, pause_s) in [(1, 5), (2, 300), (3, 1_800), (4, 7_200)] {
        deliver_all(&webhooks, &hearing).await;
        assert_eq!(hearing.heard().len(), tried);
        app.clock.advance(TimeDelta::seconds(pause_s - 2));
        deliver_all(&webhooks, &hearing).await;
        assert_eq!(hearing.heard().len(), tried, "not before its time");
        // A tenth more, by chance, and what it took.
        app.clock.advance(TimeDelta::seconds(pause_s / 10 + 10));
    }
    hearing.answers(204);
    deliver_all(&webhooks, &hearing).await;
    app.clock.advance(TimeDelta::days(4));
    deliver_all(&webhooks, &hearing).await;
    let heard = hearing.heard();
    assert_eq!(heard.len(), 5, "it was taken, and is not sent again");
    assert!(heard.iter().all(|it| it.id() == heard[0].id() && it.body == heard[0].body));
    let signed: BTreeSet<_> = heard.iter().map(|it| it.header("webhook-signature")).collect();
    assert_eq!(signed.len(), 5, "each attempt is signed for its own time");
    let log = attempts(&app).await.into_iter().map(|it| it.status);
    assert_eq!(log.collect::<Vec<_>>(), [500, 500, 500, 500, 204].map(Some));
}

async fn an_endpoint_that_was_away_for_two_days_is_told_each_thing_once(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    let other = account_with(&app, 0).await;
    hearing.answers(503);
    for number in 0..20 {
        happens(&app, if number % 2 == 0 { &account } else { &other }, &Event::Depleted).await;
    }
    for _ in 0..16 {
        deliver_all(&webhooks, &hearing).await;
        app.clock.advance(TimeDelta::hours(3));
    }
    assert_eq!(states(&app).await, BTreeSet::from(["waiting".to_owned()]));
    let away = hearing.heard().len();
    hearing.answers(200);
    for _ in 0..16 {
        deliver_all(&webhooks, &hearing).await;
        app.clock.advance(TimeDelta::hours(3));
    }
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for id in hearing.ids().split_off(away) {
        *taken.entry(id).or_default() += 1;
    }
    assert_eq!(taken.len(), 20);
    assert!(taken.values().all(|count| *count == 1), "{taken:?}");
    assert_eq!(states(&app).await, BTreeSet::from(["sent".to_owned()]));
}

async fn after_three_days_a_message_is_given_up_and_can_be_sent_again(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    happens(&app, &account, &Event::Depleted).await;
    for hours in 0..100 {
        deliver_all(&webhooks, &hearing).await;
        let state = messages(&app).await.remove(0).state;
        assert!(hours >= 72 || state == "waiting", "given up after {hours} hours");
        app.clock.advance(TimeDelta::hours(1));
    }
    assert_eq!(states(&app).await, BTreeSet::from(["given_up".to_owned()]));
    assert_eq!(hearing.heard().len(), 10);
    app.clock.advance(TimeDelta::days(30));
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 10, "it is not tried any more");

    let message = messages(&app).await.remove(0);
    assert_eq!(message.last_error, "answered 500");
    hearing.answers(200);
    let request = || Some(Request::new("key", &message.id));
    assert!(!webhooks.resend(&message.id, request()).await.unwrap().replayed);
    deliver_all(&webhooks, &hearing).await;
    assert!(webhooks.resend(&message.id, request()).await.unwrap().replayed);
    deliver_all(&webhooks, &hearing).await;
    let ids = hearing.ids();
    assert_eq!((ids.len(), ids.last()), (11, Some(&message.id)), "the request counts once");
    // What was taken can be sent again too: who took it may have lost it.
    webhooks.resend(&message.id, None).await.unwrap();
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.ids().len(), 12);
    assert_eq!(states(&app).await, BTreeSet::from(["sent".to_owned()]));
    let unknown = webhooks.resend("msg_unknown", None).await;
    assert!(matches!(unknown, Err(ResendError::Unknown)));
    let other = Some(Request::new("key", "msg_other"));
    let reused = webhooks.resend(&message.id, other).await;
    assert!(matches!(reused, Err(ResendError::KeyReused)));
}

async fn who_says_that_they_are_gone_is_told_nothing_more(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(410);
    happens(&app, &account, &Event::Depleted).await;
    webhooks.deliver().await.unwrap();
    let endpoint = webhooks.list().await.unwrap().remove(0);
    assert!(endpoint.disabled_at.is_some());
    let message = messages(&app).await.remove(0);
    assert_eq!((message.state.as_str(), message.attempts), ("given_up", 1));
    happens(&app, &account, &Event::Depleted).await;
    assert_eq!(messages(&app).await.len(), 1, "no more messages are made");
    let refused = webhooks.resend(&message.id, None).await;
    assert!(matches!(refused, Err(ResendError::Disabled)));
    hearing.answers(200);
    assert!(webhooks.switch(&endpoint.id, true).await.unwrap());
    webhooks.resend(&message.id, None).await.unwrap();
    webhooks.deliver().await.unwrap();
    assert_eq!(hearing.ids(), [message.id.clone(), message.id]);
}

async fn what_an_endpoint_redirects_is_not_followed(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    let elsewhere = Hearing::start().await;
    let location = elsewhere.url();
    hearing.answers_by(Box::new(move |_| {
        let answer = (axum::http::StatusCode::FOUND, [(header::LOCATION, location.clone())]);
        Box::pin(async move { answer.into_response() })
    }));
    happens(&app, &account, &Event::Depleted).await;
    assert_eq!(webhooks.deliver().await.unwrap().failed, 1);
    assert!(elsewhere.heard().is_empty());
    let message = messages(&app).await.remove(0);
    assert_eq!(message.last_error, "answered 302; redirects are not followed");
    assert_eq!(message.state, "waiting");
}

async fn what_waits_for_an_endpoint_that_was_removed_is_given_up(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    for _ in 0..3 {
        happens(&app, &account, &Event::Depleted).await;
    }
    webhooks.deliver().await.unwrap();
    let endpoint = webhooks.list().await.unwrap().remove(0);
    assert!(webhooks.remove(&endpoint.id).await.unwrap());
    assert!(!webhooks.remove(&endpoint.id).await.unwrap(), "it is gone");
    assert!(webhooks.list().await.unwrap().is_empty());
    app.clock.advance(TimeDelta::hours(1));
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 3);
    assert_eq!(states(&app).await, BTreeSet::from(["given_up".to_owned()]));
    let refused = webhooks.resend(&messages(&app).await[0].id, None).await;
    assert!(matches!(refused, Err(ResendError::Unknown)));
    assert_eq!(webhooks.deliveries(&endpoint.id, None).await.unwrap(), None);
}

async fn a_message_that_waits_is_sent_again_at_the_latest_when_nobody_can_be_sending_it(
    app: TestApp,
) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    happens(&app, &account, &Event::Depleted).await;
    for _ in 0..4 {
        deliver_all(&webhooks, &hearing).await;
        app.clock.advance(TimeDelta::minutes(40));
    }
    let (tried, id) = (hearing.heard().len(), messages(&app).await[0].id.clone());
    let due_at = webhooks.resend(&id, None).await.unwrap().due_at;
    assert!((due_at - app.clock.now()).num_seconds() <= 120);
    webhooks.deliver().await.unwrap();
    assert_eq!(hearing.heard().len(), tried);
    app.clock.advance(TimeDelta::minutes(2));
    hearing.answers(200);
    webhooks.deliver().await.unwrap();
    assert_eq!(hearing.heard().len(), tried + 1, "hours before it was due");
    let endpoint = webhooks.list().await.unwrap().remove(0);
    let delivery = webhooks.deliveries(&endpoint.id, None).await.unwrap().unwrap().deliveries;
    assert_eq!(delivery[0].state, DeliveryState::Sent);
    assert_eq!(delivery[0].tries.len(), tried + 1);
}

async fn what_was_sent_when_a_process_died_comes_again_under_the_same_id(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers_by(Box::new(|_| Box::pin(std::future::pending())));
    happens(&app, &account, &Event::Depleted).await;
    let (url, clock) = (app.home.url.clone(), app.clock.clone());
    let dying = tokio::task::spawn_blocking(|| tokio::runtime::Runtime::new().unwrap());
    let dying = dying.await.unwrap();
    dying.spawn(async move {
        let database = recharge::server::database::Database::connect(&url).await.unwrap();
        process(&database, &clock, at_home()).deliver().await
    });
    hearing.has_heard(1).await;
    dying.shutdown_background();

    hearing.answers(200);
    webhooks.deliver().await.unwrap();
    assert_eq!(hearing.heard().len(), 1, "nobody knows yet that it died");
    app.clock.advance(TimeDelta::minutes(2));
    webhooks.deliver().await.unwrap();
    let heard = hearing.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].id(), heard[1].id());
    assert_eq!(heard[0].body, heard[1].body);
    assert_eq!(states(&app).await, BTreeSet::from(["sent".to_owned()]));
}

async fn who_answers_at_once_but_never_ends_has_taken_it(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers_by(Box::new(|_| {
        Box::pin(async {
            let first = futures::stream::iter([Ok::<_, std::io::Error>("taken")]);
            let never = futures::stream::pending();
            axum::body::Body::from_stream(futures::StreamExt::chain(first, never)).into_response()
        })
    }));
    happens(&app, &account, &Event::Depleted).await;
    assert_eq!(webhooks.deliver().await.unwrap().taken, 1);
    assert_eq!(attempts(&app).await[0].note, "taken");
}

/// Only PostgreSQL can go away and come back without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_could_not_be_written_down_is_sent_again() {
    let app = TestApp::given(TestDatabase::postgres().await).await;
    let (webhooks, hearing, account) = given(&app).await;
    happens(&app, &account, &Event::Depleted).await;
    let home = std::sync::Arc::clone(&app.home);
    hearing.answers_by(Box::new(move |_| {
        let home = std::sync::Arc::clone(&home);
        Box::pin(async move {
            home.refuse_connections(true).await;
            "taken".into_response()
        })
    }));
    webhooks.deliver().await.unwrap_err();
    app.home.refuse_connections(false).await;
    hearing.answers(200);
    app.clock.advance(TimeDelta::minutes(2));
    assert_eq!(webhooks.deliver().await.unwrap().taken, 1);
    let ids = hearing.ids();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
}

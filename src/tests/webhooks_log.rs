//! The log of webhooks is kept for a month after their end, and what waits for as long as it waits.

use chrono::TimeDelta;
use recharge::{
    credits::Event,
    server::{entity::platform_request, jobs::Jobs, requests::Request, webhooks::ResendError},
};
use sea_orm::EntityTrait;

use crate::{
    app::TestApp,
    databases::on_both_databases,
    webhooks_hearing::{attempts, happens, messages, states},
    webhooks_retries::{deliver_all, given},
};

on_both_databases!(
    what_was_taken_is_kept_for_thirty_days_and_then_forgotten,
    what_was_given_up_is_kept_for_thirty_days_from_then_on,
    what_is_still_to_be_sent_is_kept_however_old_it_is,
    a_long_log_is_forgotten_to_its_end,
    mail_is_not_forgotten_with_it,
);

async fn tidy(app: &TestApp) -> u64 {
    Jobs::of(&app.state).run("tidy").await.unwrap().0
}

async fn what_was_taken_is_kept_for_thirty_days_and_then_forgotten(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    happens(&app, &account, &Event::Depleted).await;
    deliver_all(&webhooks, &hearing).await;
    let id = messages(&app).await.remove(0).id;
    let again = || Some(Request::new("again", &id));
    webhooks.resend(&id, again()).await.unwrap();
    deliver_all(&webhooks, &hearing).await;
    let endpoint = webhooks.list().await.unwrap().remove(0).id;
    app.clock.advance(TimeDelta::days(30) - TimeDelta::minutes(1));
    assert_eq!(tidy(&app).await, 0);
    let kept = webhooks.deliveries(&endpoint, None).await.unwrap().unwrap().deliveries;
    assert_eq!((kept.len(), kept[0].tries.len()), (1, 2));
    assert!(webhooks.resend(&id, again()).await.unwrap().replayed);

    app.clock.advance(TimeDelta::minutes(2));
    assert_eq!((tidy(&app).await, tidy(&app).await), (2, 0), "the message and the request");
    assert!(messages(&app).await.is_empty() && attempts(&app).await.is_empty());
    let requests = platform_request::Entity::find().all(app.database.reader()).await.unwrap();
    assert!(requests.is_empty(), "{requests:?}");
    let log = webhooks.deliveries(&endpoint, None).await.unwrap().unwrap();
    assert!(log.deliveries.is_empty());
    let gone = webhooks.resend(&id, None).await;
    assert!(matches!(gone, Err(ResendError::Unknown)));
    assert_eq!(hearing.heard().len(), 2, "nothing is told anew");
}

async fn what_was_given_up_is_kept_for_thirty_days_from_then_on(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    happens(&app, &account, &Event::Depleted).await;
    for _ in 0..20 {
        deliver_all(&webhooks, &hearing).await;
        app.clock.advance(TimeDelta::days(1));
    }
    let message = messages(&app).await.remove(0);
    assert_eq!(message.state, "given_up");
    app.clock.advance(TimeDelta::days(12));
    assert_eq!(tidy(&app).await, 0, "it is older, but was given up later");
    assert_eq!(attempts(&app).await.len(), 10);
    app.clock.advance(TimeDelta::days(20));
    assert_eq!((tidy(&app).await, attempts(&app).await.len()), (1, 0));
}

async fn what_is_still_to_be_sent_is_kept_however_old_it_is(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    hearing.answers(500);
    for _ in 0..2 {
        happens(&app, &account, &Event::Depleted).await;
    }
    deliver_all(&webhooks, &hearing).await;
    // One of them was taken long ago and is to be sent again.
    let first = messages(&app).await.remove(0).id;
    app.home.tamper("UPDATE outbox SET state = 'sent', finished_at = 1").await;
    for message in messages(&app).await {
        webhooks.resend(&message.id, None).await.unwrap();
    }
    app.clock.advance(TimeDelta::days(400));
    assert_eq!(tidy(&app).await, 0);
    assert_eq!(attempts(&app).await.len(), 2, "with what was tried before");
    hearing.answers(200);
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 4);
    assert!(hearing.ids()[2..].contains(&first));
    assert_eq!(tidy(&app).await, 0, "its month begins now");
}

async fn a_long_log_is_forgotten_to_its_end(app: TestApp) {
    let (_, _, account) = given(&app).await;
    for _ in 0..601 {
        happens(&app, &account, &Event::Depleted).await;
    }
    app.home.tamper("UPDATE outbox SET state = 'sent', finished_at = created_at").await;
    let young = messages(&app).await.pop().unwrap().id;
    let now = app.clock.now().timestamp_millis();
    let later = now + 20 * 86_400_000;
    let stays = format!("UPDATE outbox SET finished_at = {later} WHERE id = '{young}'");
    app.home.tamper(&stays).await;
    app.clock.advance(TimeDelta::days(31));
    assert_eq!((tidy(&app).await, tidy(&app).await), (600, 0));
    assert_eq!(messages(&app).await.remove(0).id, young);
}

async fn mail_is_not_forgotten_with_it(app: TestApp) {
    let (webhooks, hearing, account) = given(&app).await;
    happens(&app, &account, &Event::Depleted).await;
    deliver_all(&webhooks, &hearing).await;
    app.home.tamper("DELETE FROM webhook_attempts").await;
    app.home.tamper("UPDATE outbox SET channel = 'mail', target = 'ada@platform.test'").await;
    app.clock.advance(TimeDelta::days(400));
    tidy(&app).await;
    app.home.tamper("UPDATE outbox SET channel = 'webhook'").await;
    assert_eq!(states(&app).await.len(), 1, "what was mailed stays for support to see");
}

//! An endpoint that is busy says when it wants to be asked again, and is not asked before.

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Event},
    server::webhooks::Webhooks,
};

use crate::{
    app::TestApp,
    databases::on_both_databases,
    webhooks_hearing::{Hearing, happens, messages},
    webhooks_retries::{deliver_all, given},
};

on_both_databases!(
    a_busy_endpoint_is_asked_again_after_the_seconds_that_it_says,
    a_busy_endpoint_is_asked_again_at_the_date_that_it_says,
    nobody_is_asked_sooner_than_usual_nor_later_than_in_a_day,
    other_answers_and_words_that_nobody_can_read_change_nothing,
);

/// An endpoint that answers so from now on, and an account to which something happened: it was told
/// of it just now.
async fn busy(app: &TestApp, status: u16, retry_after: &str) -> (Webhooks, Hearing, AccountId) {
    let (webhooks, hearing, account) = given(app).await;
    says(&hearing, status, retry_after);
    happens(app, &account, &Event::Depleted).await;
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 1);
    (webhooks, hearing, account)
}

fn says(hearing: &Hearing, status: u16, retry_after: &str) {
    let (status, text) = (StatusCode::from_u16(status).unwrap(), retry_after.to_owned());
    hearing.answers_by(Box::new(move |_| {
        let answer = (status, [(header::RETRY_AFTER, text.clone())]).into_response();
        Box::pin(async move { answer })
    }));
}

/// What was tried just now is not tried before so many seconds, but soon after.
async fn is_tried_after(app: &TestApp, webhooks: &Webhooks, hearing: &Hearing, seconds: i64) {
    let tried = hearing.heard().len();
    app.clock.advance(TimeDelta::seconds(seconds - 2));
    deliver_all(webhooks, hearing).await;
    assert_eq!(hearing.heard().len(), tried, "not before {seconds} s");
    // A tenth more, by chance, and what it took.
    app.clock.advance(TimeDelta::seconds(seconds / 10 + 10));
    deliver_all(webhooks, hearing).await;
    assert_eq!(hearing.heard().len(), tried + 1, "soon after {seconds} s");
}

async fn a_busy_endpoint_is_asked_again_after_the_seconds_that_it_says(app: TestApp) {
    for status in [429, 503] {
        let (webhooks, hearing, _) = busy(&app, status, "1200").await;
        is_tried_after(&app, &webhooks, &hearing, 1_200).await;
        hearing.answers(200);
        app.clock.advance(TimeDelta::hours(1));
        deliver_all(&webhooks, &hearing).await;
        assert!(messages(&app).await.iter().all(|message| message.state == "sent"));
        let endpoint = webhooks.list().await.unwrap().remove(0);
        webhooks.remove(&endpoint.id).await.unwrap();
    }
}

async fn a_busy_endpoint_is_asked_again_at_the_date_that_it_says(app: TestApp) {
    let at = app.clock.now() + TimeDelta::hours(2);
    let date = at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let (webhooks, hearing, _) = busy(&app, 503, &date).await;
    app.clock.advance(at - app.clock.now() - TimeDelta::seconds(5));
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 1, "not before its date");
    app.clock.advance(TimeDelta::seconds(6));
    deliver_all(&webhooks, &hearing).await;
    assert_eq!(hearing.heard().len(), 2);
}

async fn nobody_is_asked_sooner_than_usual_nor_later_than_in_a_day(app: TestApp) {
    let (webhooks, hearing, account) = busy(&app, 429, "0").await;
    is_tried_after(&app, &webhooks, &hearing, 5).await;
    is_tried_after(&app, &webhooks, &hearing, 300).await;
    hearing.answers(200);
    app.clock.advance(TimeDelta::days(1));
    deliver_all(&webhooks, &hearing).await;
    says(&hearing, 503, "99999999999");
    happens(&app, &account, &Event::Depleted).await;
    deliver_all(&webhooks, &hearing).await;
    is_tried_after(&app, &webhooks, &hearing, 24 * 3_600).await;
    assert_eq!(messages(&app).await.pop().unwrap().attempts, 2);
}

async fn other_answers_and_words_that_nobody_can_read_change_nothing(app: TestApp) {
    for (status, text) in [(500, "1200"), (503, "soon"), (429, "-1200"), (503, "")] {
        let (webhooks, hearing, _) = busy(&app, status, text).await;
        is_tried_after(&app, &webhooks, &hearing, 5).await;
        let endpoint = webhooks.list().await.unwrap().remove(0);
        webhooks.remove(&endpoint.id).await.unwrap();
        deliver_all(&webhooks, &hearing).await;
    }
}

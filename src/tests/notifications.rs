//! Settings → Notifications: what one hears of, below which balance, and how one ends a mail.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Event, Topic, Ways},
    server::{
        entity::{event, notice, outbox},
        events,
        notices::{LowBalance, Preferences},
    },
};
use sea_orm::EntityTrait;

use crate::{
    app::TestApp,
    commands::{credits, grant, spend},
    databases::on_both_databases,
    mailbox,
};

on_both_databases!(
    a_customer_chooses_what_they_hear_of_and_it_is_so,
    what_is_out_of_range_is_said_at_its_field_and_changes_nothing,
    a_threshold_in_days_follows_the_pace_and_warns,
    a_pace_that_was_read_before_does_not_take_the_place_of_what_is_chosen,
    one_click_ends_a_kind_of_mail_without_a_cookie,
    a_forged_or_old_link_changes_nothing,
    notifications_are_for_customers_who_are_signed_in,
);

const PAGE: &str = "/settings/notifications";

async fn chosen(app: &TestApp, account: &AccountId) -> Preferences {
    app.state.notices.preferences(account).await.unwrap().unwrap()
}

/// How many notices and mails there are.
async fn told(app: &TestApp) -> (usize, usize) {
    app.state.notices.tell(app.clock.now()).await.unwrap();
    let reader = app.database.reader();
    let notices = notice::Entity::find().all(reader).await.unwrap().len();
    (notices, outbox::Entity::find().all(reader).await.unwrap().len())
}

fn price_change(version: &str, app: &TestApp) -> Event {
    Event::PriceChanged {
        version: version.to_owned(),
        effective_from: app.clock.now(),
        before: credits(10),
        after: credits(11),
        known: 1,
        operations: 1,
    }
}

async fn a_customer_chooses_what_they_hear_of_and_it_is_so(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    assert_eq!(chosen(&app, &account).await.low_balance, LowBalance::Days(7));
    let form =
        [("warning", "amount"), ("amount", "1,000"), ("inbox-prices", "on"), ("mail-expiry", "on")];
    customer.post(PAGE, &form).await.redirects_to("/settings/notifications?saved=1");
    let page = customer.get("/settings/notifications?saved=1").await.body;
    assert!(page.contains("Your choice is saved.") && page.contains("value=\"1000\""), "{page}");

    let is = chosen(&app, &account).await;
    assert_eq!(
        (is.low_balance, is.low_at),
        (LowBalance::Below(credits(1_000)), Some(credits(1_000)))
    );
    assert_eq!(is.ways[&Topic::Prices], Ways { inbox: true, mail: false });
    assert_eq!(is.ways[&Topic::Expiry], Ways { inbox: false, mail: true });
    assert_eq!(is.ways[&Topic::SpendCaps], Ways { inbox: false, mail: false });
    assert_eq!(
        is.ways[&Topic::Purchases],
        Ways { inbox: true, mail: true },
        "receipts always come"
    );

    let writer = app.database.writer();
    let events = [
        price_change("v2", &app),
        Event::PurchaseCredited {
            purchase: "pur_1".to_owned(),
            credits: credits(5_000),
            expires_at: app.clock.now() + TimeDelta::days(365),
        },
    ];
    for event in events {
        let cause = event.kind().id();
        events::record(writer, &account, cause, &event, app.clock.now()).await.unwrap();
    }
    assert_eq!(told(&app).await, (2, 1), "two notices, and the receipt by mail");
}

async fn what_is_out_of_range_is_said_at_its_field_and_changes_nothing(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let before = chosen(&app, &account).await;
    for (field, wrong) in [
        ("days", ""),
        ("days", "0"),
        ("days", "91"),
        ("days", "1.5"),
        ("days", "a week"),
        ("amount", ""),
        ("amount", "0"),
        ("amount", "-5"),
        ("amount", "0.5"),
        ("amount", "100000001"),
        ("amount", "12.3456"),
        ("amount", "12,5"),
    ] {
        let answer = customer.post(PAGE, &[("warning", field), (field, wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={wrong}");
        let error = format!("id=\"{field}-error\"");
        assert!(answer.body.contains(&error), "{field}={wrong}: {}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{wrong}\"")), "{field}={wrong}");
    }
    assert_eq!(chosen(&app, &account).await, before);
}

async fn a_threshold_in_days_follows_the_pace_and_warns(app: TestApp) {
    let customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let (ledger, notices) = (&app.state.ledger, &app.state.notices);
    ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
    assert_eq!(notices.follow_paces(app.clock.now()).await.unwrap(), 0, "there is no pace yet");
    for day in 0..28 {
        ledger.execute(&account, &format!("day {day}"), spend(10)).await.unwrap();
        app.clock.advance(TimeDelta::days(1));
    }
    assert_eq!(notices.follow_paces(app.clock.now()).await.unwrap(), 1);
    assert_eq!(chosen(&app, &account).await.low_at, Some(credits(70)), "7 days of 10 credits");
    assert_eq!(notices.follow_paces(app.clock.now()).await.unwrap(), 0, "nothing new");
    assert_eq!(told(&app).await, (0, 0), "720 credits last for long");

    ledger.execute(&account, "much", spend(560)).await.unwrap();
    assert_eq!(told(&app).await, (0, 0), "160 credits are more than 70");
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(notices.follow_paces(app.clock.now()).await.unwrap(), 1);
    assert_eq!(told(&app).await, (1, 1), "but they last less than a week at the new pace");
    notices.follow_paces(app.clock.now()).await.unwrap();
    assert_eq!(told(&app).await, (1, 1));
}

async fn a_pace_that_was_read_before_does_not_take_the_place_of_what_is_chosen(app: TestApp) {
    let account = app.customer().await.account.clone().unwrap();
    let (ledger, notices, now) = (&app.state.ledger, &app.state.notices, app.clock.now());
    ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
    for (low_balance, read, low_at) in [
        // None has chosen yet, as the pace was read; then seven days.
        (LowBalance::Below(credits(500)), None, Some(credits(500))),
        (LowBalance::Never, Some(7), None),
        (LowBalance::Days(3), Some(7), None),
        (LowBalance::Days(7), Some(7), Some(credits(70))),
    ] {
        notices.prefer(&account, &[].into(), low_balance, now).await.unwrap();
        ledger.warn_at_pace(&account, credits(70), read, now).await.unwrap();
        assert_eq!(chosen(&app, &account).await.low_at, low_at, "{low_balance:?}");
    }
}

/// The path of the link in the mail that waits.
async fn unsubscribe_path(app: &TestApp, account: &AccountId, version: &str) -> String {
    let event = price_change(version, app);
    let now = app.clock.now();
    events::record(app.database.writer(), account, version, &event, now).await.unwrap();
    app.state.notices.tell(now).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let setting = format!("--mail-folder={}", folder.path().display());
    let sender = app.with_settings(&[&setting]).await;
    assert_eq!(sender.state.notices.send_mail(now).await.unwrap().sent, 1);
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let content = std::fs::read_to_string(file).unwrap();
    let mail = mailbox::read(&content, String::new(), String::new());
    let link = mail.headers["list-unsubscribe"].trim_matches(['<', '>']).to_owned();
    link.strip_prefix("http://127.0.0.1:3000").unwrap().to_owned()
}

async fn one_click_ends_a_kind_of_mail_without_a_cookie(app: TestApp) {
    let account = app.customer().await.account.unwrap();
    let path = unsubscribe_path(&app, &account, "v2").await;
    let mut stranger = app.visitor();
    let page = stranger.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("Price changes") && page.body.contains(">Unsubscribe<"),
        "{}",
        page.body
    );
    assert!(chosen(&app, &account).await.ways[&Topic::Prices].mail, "looking changes nothing");

    // As mail programs do it: from anywhere, with no cookie and no page around it.
    for origin in [None, Some("https://mail.example.com")] {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin).header("sec-fetch-site", "cross-site");
        }
        let request = request.body(Body::from("List-Unsubscribe=One-Click")).unwrap();
        let answer = app.visitor().send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{origin:?}: {}", answer.body);
        assert!(answer.body.contains("You are unsubscribed"), "{}", answer.body);
    }
    let ways = chosen(&app, &account).await.ways;
    assert_eq!(ways[&Topic::Prices], Ways { inbox: true, mail: false });
    let others: BTreeMap<_, _> = Topic::ALL.map(|topic| (topic, topic.usual())).into();
    for topic in Topic::ALL.into_iter().filter(|topic| *topic != Topic::Prices) {
        assert_eq!(ways[&topic], others[&topic], "only this kind has ended");
    }
    let before = told(&app).await;
    let event = price_change("v3", &app);
    events::record(app.database.writer(), &account, "v3", &event, app.clock.now()).await.unwrap();
    assert_eq!(told(&app).await, (before.0 + 1, before.1), "a notice, no mail");
}

async fn a_forged_or_old_link_changes_nothing(app: TestApp) {
    let account = app.customer().await.account.unwrap();
    let other = app.customer().await.account.unwrap();
    let path = unsubscribe_path(&app, &account, "v2").await;
    let mut visitor = app.visitor();
    let forged = [
        path.replace(&account.0, &other.0),
        path.replace(".prices.", ".expiry."),
        path.replace(".prices.", ".purchases."),
        path[..path.len() - 2].to_owned(),
        format!("{path}00"),
        "/unsubscribe/x".to_owned(),
        "/unsubscribe/%FF.%00x".to_owned(),
    ];
    for path in forged {
        for answer in [visitor.get(&path).await, visitor.post(&path, &[]).await] {
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
            assert!(!answer.body.contains("unsubscribed"), "{path}: {}", answer.body);
        }
    }
    let page = visitor.get(&path.replace(".prices.", ".expiry.")).await;
    assert!(page.body.contains("This link does not work"), "{}", page.body);
    app.clock.advance(TimeDelta::days(181));
    let old = visitor.post(&path, &[]).await;
    assert_eq!(old.status, StatusCode::NOT_FOUND);
    assert!(old.body.contains("works for half a year"), "{}", old.body);
    for account in [account, other] {
        for topic in Topic::ALL {
            assert_eq!(chosen(&app, &account).await.ways[&topic], topic.usual());
        }
    }
}

async fn notifications_are_for_customers_who_are_signed_in(app: TestApp) {
    let mut stranger = app.visitor();
    for path in [PAGE, "/settings/notices"] {
        let answer = stranger.get(path).await;
        assert!(answer.header("location").starts_with("/sign-in"), "{answer:?}");
    }
    let mut staff = app.staff().await;
    assert_eq!(staff.post(PAGE, &[("warning", "never")]).await.status, StatusCode::NOT_FOUND);
    let read = staff.post("/settings/notices/read", &[("newest", "z")]).await;
    assert_eq!(read.status, StatusCode::NOT_FOUND);
    let mut customer = app.customer().await;
    for path in [PAGE, "/settings/notices/read"] {
        let foreign = customer.post_from("cross-site", path, &[("warning", "never")]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    }
    assert!(event::Entity::find().all(app.database.reader()).await.unwrap().is_empty());
}

//! What mail says of each kind of event, as text and as HTML.

use chrono::{DateTime, TimeDelta, Utc};
use recharge::{
    credits::{AccountId, Currency, Event, EventKind, Money, Operation, Topic, Ways},
    server::{events, notices::LowBalance},
};

use crate::{
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    mail::{ids, send, with_server},
    mailbox::MailServer,
};

on_both_databases!(every_kind_of_event_is_written_as_text_and_as_html);

fn dollars(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

/// One of each, with what others wrote in it.
fn one_of_each(now: DateTime<Utc>) -> Vec<Event> {
    let (purchase, reason) = ("pur_1".to_owned(), "<b>Declined</b> & gone".to_owned());
    let (later, total) = (now + TimeDelta::days(365), dollars(23_000));
    vec![
        Event::Low { balance: credits(99), low_at: credits(100) },
        Event::Depleted,
        Event::Recovered { balance: credits(500), low_at: None },
        Event::Expiring { amount: credits(1_240), expires_at: now + TimeDelta::days(30), days: 30 },
        Event::CapReached {
            operation: Some(Operation::Backtest),
            cap: credits(100),
            used: credits(80),
            percent: 80,
            until: (now + TimeDelta::days(9)).date_naive(),
        },
        Event::PurchaseCredited {
            purchase: purchase.clone(),
            credits: credits(5_000),
            expires_at: later,
        },
        Event::PurchaseFailed {
            purchase: purchase.clone(),
            credits: credits(5_000),
            total,
            reason: reason.clone(),
        },
        Event::AutoRechargeMade { purchase: purchase.clone(), credits: credits(5_000), total },
        Event::AutoRechargeFailed {
            purchase,
            credits: credits(5_000),
            total,
            reason: reason.clone(),
        },
        Event::AutoRechargePaused { reason },
        Event::PriceChanged {
            version: "v2".to_owned(),
            effective_from: later,
            before: credits(1_000),
            after: credits(1_060),
            known: 40,
            operations: 50,
        },
    ]
}

/// Changes the rows so that an event is still true when it is told.
async fn make_it_so(app: &TestApp, account: &AccountId, event: &Event) {
    let set = |what: &str| format!("UPDATE accounts SET {what} WHERE id = '{account}'");
    let sql = match event {
        Event::Low { .. } => set("level = 'low'"),
        Event::Depleted => set("level = 'empty'"),
        Event::Recovered { .. } => set("level = 'fine'"),
        Event::CapReached { .. } => set("cap_backtest = 100000"),
        Event::Expiring { expires_at, .. } => format!(
            "INSERT INTO lots (account_id, number, source, granted, remaining, held, expires_at, is_open)
             VALUES ('{account}', 1, 'promotion', 5000, 5000, 0, {}, TRUE)",
            expires_at.timestamp_millis()
        ),
        Event::PurchaseFailed { purchase, .. } => format!(
            "INSERT INTO purchases (id, account_id, user_id, intent, credits, total, currency,
                 catalogue_version, terms, terms_accepted_at, state, reason, idempotency_key,
                 livemode, created_at, updated_at)
             SELECT '{purchase}', '{account}', id, 'i', 5000000, 23000, 'usd', 'v', 't', 0, 'failed',
                 '', 'k', FALSE, 0, 0 FROM users WHERE account_id = '{account}'"
        ),
        _ => return,
    };
    assert_eq!(app.home.tamper(&sql).await, 1);
}

async fn every_kind_of_event_is_written_as_text_and_as_html(app: TestApp) {
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let now = app.clock.now();
    let every = Ways { inbox: true, mail: true };
    let ways = Topic::ALL.map(|topic| (topic, every)).into();
    let low = LowBalance::Never;
    app.state.notices.prefer(&account, &ways, low, now).await.unwrap();
    for event in one_of_each(now) {
        make_it_so(&app, &account, &event).await;
        let cause = event.kind().id();
        events::record(app.database.writer(), &account, cause, &event, now).await.unwrap();
        app.state.notices.tell(app.clock.now()).await.unwrap();
        assert_eq!(send(&app).await.sent, 1, "{event:?}");
    }
    let mails = server.mails();
    assert_eq!(ids(&mails).len(), 11);
    for (mail, kind) in mails.iter().zip(EventKind::ALL) {
        let topic = Topic::of(kind);
        let subject = &mail.headers["subject"];
        assert!(!subject.is_empty() && mail.from == "credits@recharge.test", "{mail:?}");
        assert!(mail.to.starts_with("customer-"), "{}", mail.to);
        assert!(mail.headers["message-id"].ends_with("@recharge.test>"));
        for part in [&mail.text, &mail.html] {
            assert!(part.contains("http://127.0.0.1:3000/settings/"), "{part}");
            assert!(part.contains(topic.name()), "{part}");
            assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
        }
        assert!(!mail.html.contains("<b>Declined"), "what others wrote is escaped");
        let link = mail.headers.get("list-unsubscribe");
        assert_eq!(link.is_some(), topic.is_optional(), "{}", kind.id());
        if let Some(link) = link {
            let link = link.trim_matches(['<', '>']);
            assert!(mail.text.contains(link) && mail.html.contains(link));
            assert_eq!(mail.headers["list-unsubscribe-post"], "List-Unsubscribe=One-Click");
        }
    }
    let failed = mails.iter().find(|mail| mail.headers["subject"].contains("$230.00 failed"));
    assert!(failed.unwrap().text.contains("<b>Declined</b> & gone."));
    let prices = mails.last().unwrap();
    assert!(prices.text.contains("40 of 50 operations"), "{}", prices.text);
    assert!(prices.text.contains("1,060"), "{}", prices.text);
}

//! Endpoints through the API and the command line, and what they are told as it is documented.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use recharge::{
    credits::{Currency, Event, EventKind, Money},
    server::webhooks::payload::SENT,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::{Program, account_with, text},
    api_contract::DESCRIPTION,
    api_schema::misfit,
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    program::{fails_with, recharge, run, text as text_of},
    webhooks_hearing::{Hearing, happens, listen, messages, said_to_platform, webhooks_of},
};

on_both_databases!(
    a_service_adds_an_endpoint_and_reads_its_secret_once,
    what_is_wrong_with_an_endpoint_is_named_by_its_field,
    deliveries_are_paged_and_tell_every_attempt,
    a_service_has_a_message_sent_again,
    every_event_is_as_documented,
    what_is_told_to_customers_is_told_to_the_platform,
);

async fn a_service_adds_an_endpoint_and_reads_its_secret_once(app: TestApp) {
    let service = Program::service(&app).await;
    let asked = json!({"url": "https://1.1.1.1/hooks", "events": ["credits.low"]});
    let added = service.post("/webhook-endpoints", "key", &asked).await.is(201);
    let secret = text(&added, "secret");
    assert!(secret.starts_with("whsec_") && added["replayed"] == false);
    let again = service.post("/webhook-endpoints", "key", &asked).await.is(201);
    assert_eq!((&again["id"], &again["replayed"]), (&added["id"], &json!(true)));
    let other = json!({"url": "https://1.1.1.1/other"});
    let told = service.post("/webhook-endpoints", "key", &other).await;
    told.refused(422, "idempotency_key_reused");
    let added_too = service.post_new("/webhook-endpoints", &other).await.is(201);
    assert_eq!(added_too["events"].as_array().unwrap().len(), SENT.len());

    let list = service.get("/webhook-endpoints").await.is(200);
    let shown = list.to_string();
    assert!(!shown.contains(secret.strip_prefix("whsec_").unwrap()), "{shown}");
    assert_eq!(list["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(list["endpoints"][0]["events"], json!(["credits.low"]));
    let path = format!("/webhook-endpoints/{}", text(&added, "id"));
    service.delete(&path).await.is(204);
    service.delete(&path).await.refused(404, "not_found");
    let list = service.get("/webhook-endpoints").await.is(200);
    assert_eq!(list["endpoints"][0]["id"], added_too["id"]);
}

async fn what_is_wrong_with_an_endpoint_is_named_by_its_field(app: TestApp) {
    let service = Program::service(&app).await;
    let long = format!("https://1.1.1.1/{}", "x".repeat(2_000));
    for (asked, field) in [
        (json!({"url": "http://1.1.1.1/"}), "url"),
        (json!({"url": "here"}), "url"),
        (json!({"url": ""}), "url"),
        (json!({"url": long}), "url"),
        (json!({"url": "https://me:secret@1.1.1.1/"}), "url"),
        (json!({"url": "https://127.0.0.1/"}), "url"),
        (json!({"url": "https://[fd00::1]/"}), "url"),
        (json!({"url": "https://169.254.169.254/latest/meta-data"}), "url"),
        (json!({"url": "https://localhost/"}), "url"),
        (json!({"url": "https://a\0b/"}), "url"),
        (json!({"url": "https://1.1.1.1/", "events": ["price.changed"]}), "events"),
        (json!({"url": "https://1.1.1.1/", "events": ["credits.low", "\0"]}), "events"),
    ] {
        let told = service.post_new("/webhook-endpoints", &asked).await;
        assert_eq!(told.refused(422, "invalid_field")["field"], field, "{asked}");
    }
    let list = service.get("/webhook-endpoints").await.is(200);
    assert_eq!(list["endpoints"], json!([]));
    for path in ["/webhook-endpoints/%00/deliveries", "/webhook-endpoints/whe_x/deliveries"] {
        service.get(path).await.refused(404, "not_found");
    }
    for path in ["/webhook-deliveries/%00/resend", "/webhook-deliveries/msg_x/resend"] {
        service.post_new(path, &json!({})).await.refused(404, "not_found");
    }
    service.delete("/webhook-endpoints/%00").await.refused(404, "not_found");
}

async fn deliveries_are_paged_and_tell_every_attempt(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    let added = listen(&webhooks, &hearing).await;
    let (service, account) = (Program::service(&app).await, account_with(&app, 0).await);
    hearing.answers(500);
    for _ in 0..30 {
        happens(&app, &account, &Event::Depleted).await;
    }
    webhooks.deliver().await.unwrap();
    let path = format!("/webhook-endpoints/{}/deliveries", added.endpoint.id);
    let first = service.get(&path).await.is(200);
    let next = format!("{path}?before={}", text(&first, "next"));
    let second = service.get(&next).await.is(200);
    let ids = |page: &Value| {
        let deliveries = page["deliveries"].as_array().unwrap().iter();
        deliveries.map(|it| text(it, "id")).collect::<Vec<_>>()
    };
    assert_eq!((ids(&first).len(), ids(&second).len()), (25, 5));
    assert_eq!(second["next"], Value::Null);
    let mut newest_first: Vec<_> = messages(&app).await.into_iter().map(|it| it.id).collect();
    newest_first.reverse();
    assert_eq!([ids(&first), ids(&second)].concat(), newest_first);
    let oldest = &second["deliveries"][4];
    assert_eq!(
        (&oldest["state"], &oldest["event"]),
        (&json!("waiting"), &json!("credits.depleted"))
    );
    assert_eq!(oldest["attempts"][0]["status"], 500);
    assert!(oldest["next_attempt_at"].is_string() && oldest["account"] == account.0);
    assert_eq!(first["deliveries"][0]["attempts"], json!([]), "it is tried in a moment");
    for query in ["?before=%00", "?after=msg_1"] {
        service.get(&format!("{path}{query}")).await.refused(400, "invalid_query");
    }
}

async fn a_service_has_a_message_sent_again(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    listen(&webhooks, &hearing).await;
    let (service, account) = (Program::service(&app).await, account_with(&app, 0).await);
    happens(&app, &account, &Event::Depleted).await;
    webhooks.deliver().await.unwrap();
    let path = format!("/webhook-deliveries/{}/resend", messages(&app).await[0].id);
    for replayed in [false, true] {
        let told = service.post(&path, "key", &json!({})).await.is(202);
        assert_eq!(told["replayed"], replayed);
        webhooks.deliver().await.unwrap();
    }
    assert_eq!(hearing.ids().len(), 2);
    assert_eq!(hearing.ids()[0], hearing.ids()[1]);
    // The same key for another message is not the same request.
    let (_, other) = said_to_platform(&app, &account).await;
    let told =
        service.post(&format!("/webhook-deliveries/{other}/resend"), "key", &json!({})).await;
    told.refused(422, "idempotency_key_reused");
}

/// One of each kind that is sent.
fn one_of_each(at: DateTime<Utc>) -> Vec<Event> {
    let (purchase, reason) = (|| "pur_1".to_owned(), || "The card was declined.".to_owned());
    let (total, some) = (Money::new(900, Currency::Usd), credits(100));
    vec![
        Event::Low { balance: "99.5".parse().unwrap(), low_at: some },
        Event::Depleted,
        Event::Recovered { balance: some, low_at: None },
        Event::Expiring { amount: some, expires_at: at, days: 30 },
        Event::PurchaseCredited { purchase: purchase(), credits: some, expires_at: at },
        Event::PurchaseFailed { purchase: purchase(), credits: some, total, reason: reason() },
        Event::AutoRechargePaused { reason: reason() },
    ]
}

async fn every_event_is_as_documented(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    listen(&webhooks, &hearing).await;
    let account = account_with(&app, 0).await;
    let happened = one_of_each(app.clock.now());
    for event in &happened {
        happens(&app, &account, event).await;
    }
    webhooks.deliver().await.unwrap();
    let heard = hearing.heard();
    let kinds: Vec<_> = happened.iter().map(|event| event.kind().id()).collect();
    let told: Vec<_> = heard.iter().map(|it| text(&it.json(), "type")).collect();
    assert_eq!(told, kinds);
    let sent: BTreeSet<_> = SENT.map(EventKind::id).into();
    assert_eq!(kinds.into_iter().collect::<BTreeSet<_>>(), sent);
    let documented = DESCRIPTION["webhooks"].as_object().unwrap();
    assert_eq!(documented.keys().map(String::as_str).collect::<BTreeSet<_>>(), sent);
    for heard in &heard {
        let (told, operation) = (heard.json(), &documented[heard.json()["type"].as_str().unwrap()]);
        let operation = &operation["post"];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(misfit(schema, &told), None, "{told}");
        assert!(operation["summary"].as_str().is_some_and(|it| !it.is_empty()), "{operation}");
        for header in operation["parameters"].as_array().unwrap() {
            assert!(!heard.header(header["name"].as_str().unwrap()).is_empty());
        }
        let mut wrong = told.clone();
        wrong["data"]["more"] = json!(1);
        assert!(misfit(schema, &wrong).is_some(), "the schema says something");
    }
    assert_eq!(heard[0].json()["data"]["balance"], "99.5");
    let failed = &heard[5].json()["data"];
    assert_eq!((&failed["total_minor"], &failed["currency"]), (&json!(900), &json!("usd")));
}

async fn what_is_told_to_customers_is_told_to_the_platform(app: TestApp) {
    let (webhooks, hearing) = (webhooks_of(&app), Hearing::start().await);
    listen(&webhooks, &hearing).await;
    let customer = app.customer().await.account.unwrap();
    crate::api::give(&app, &customer, 10).await;
    let service = Program::service(&app).await;
    let all = json!({"account": customer.0, "operation": "backtest", "amount": "10"});
    service.post_new("/usage", &all).await.is(200);
    for told in [1, 0] {
        app.state.notices.tell(app.clock.now()).await.unwrap();
        assert_eq!(webhooks.deliver().await.unwrap().taken, told);
    }
    let heard = hearing.heard().remove(0).json();
    assert_eq!(
        (&heard["type"], &heard["data"]["account"]),
        (&json!("credits.depleted"), &json!(customer.0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operators_add_try_list_and_remove_endpoints() {
    let (folder, hearing) = (TempDir::new().unwrap(), Hearing::start().await);
    let ask = |arguments: &[&str]| {
        let mut command = recharge(folder.path());
        command.arg("webhook").args(arguments).env("WEBHOOK_ALLOW_PRIVATE", "true");
        tokio::task::block_in_place(|| command.output().unwrap())
    };
    fails_with(&run(folder.path(), &["webhook", "add", &hearing.url()]), "must begin with https");
    fails_with(&run(folder.path(), &["webhook", "add", "https://127.0.0.1/"]), "is not public");
    fails_with(&ask(&["add", &hearing.url(), "--events", "credits.lost"]), "\"credits.lost\"");
    let added = ask(&["add", &hearing.url(), "--events", "credits.low,purchase.failed"]);
    let said = text_of(&added.stdout);
    let (id, secret) = said.trim().split_once(' ').unwrap();
    assert!(id.starts_with("whe_") && secret.starts_with("whsec_"), "{said}");
    let listed = ask(&["list"]);
    let list = text_of(&listed.stdout);
    assert!(
        list.contains(&hearing.url()) && list.contains("credits.low,purchase.failed"),
        "{list}"
    );
    for output in [&added, &listed] {
        assert!(!text_of(&output.stderr).contains("whsec_"), "no secret is in the log");
    }
    assert!(!list.contains("whsec_"), "{list}");

    assert!(text_of(&ask(&["test", id]).stdout).contains("answered 200"));
    let heard = hearing.heard().remove(0);
    assert!(heard.is_signed_with(secret) && heard.json()["type"] == "webhook.test");
    let new = text_of(&ask(&["rotate", id]).stdout);
    hearing.answers(500);
    fails_with(&ask(&["test", id]), "it answered 500");
    let heard = hearing.heard().remove(1);
    assert!(heard.is_signed_with(secret) && heard.is_signed_with(new.trim()));

    assert!(text_of(&ask(&["deliveries", id]).stdout).contains("Nothing was sent"));
    fails_with(&ask(&["resend", "msg_unknown"]), "there is no such delivery");
    assert!(ask(&["enable", id]).status.success() && ask(&["remove", id]).status.success());
    for command in ["remove", "enable", "test", "rotate", "deliveries"] {
        fails_with(&ask(&[command, id]), "There is no endpoint whe_");
    }
    assert!(text_of(&ask(&["list"]).stdout).contains("There is no endpoint."));
}

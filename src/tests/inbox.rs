//! The inbox: what a customer was told, and what of it they have read.

use axum::http::StatusCode;
use chrono::Utc;
use recharge::{
    credits::Event,
    server::{entity::notice, events, notices::LowBalance},
};
use sea_orm::EntityTrait;

use crate::{
    app::TestApp,
    commands::{credits, grant, spend},
    databases::on_both_databases,
    notices::Warned,
};

on_both_databases!(
    the_inbox_shows_what_was_told_and_marks_it_read,
    the_inbox_is_paged_and_other_peoples_notices_are_not_in_it,
    the_inbox_costs_no_page_another_query,
);

const INBOX: &str = "/settings/notices";

async fn the_inbox_shows_what_was_told_and_marks_it_read(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    let empty = customer.visitor.get(INBOX).await;
    assert_eq!(empty.status, StatusCode::OK);
    assert!(empty.body.contains("Nothing yet"), "{}", empty.body);
    customer.does(grant(120)).await;
    customer.does(spend(40)).await;
    customer.is_told().await;
    let page = customer.visitor.get(INBOX).await.body;
    for words in
        ["Your balance is below 100 credits", "80 credits were left", "/settings/credits/buy"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("Inbox, 1 unread") && page.contains("Mark all as read"));
    let elsewhere = customer.visitor.get("/settings/credits").await.body;
    assert!(elsewhere.contains("Inbox, 1 unread"), "the header says it on every page");

    let newest = page.split("name=\"newest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    customer.does(spend(80)).await;
    customer.is_told().await;
    let read = customer.visitor.post("/settings/notices/read", &[("newest", newest)]).await;
    read.redirects_to(INBOX);
    let page = customer.visitor.get(INBOX).await.body;
    assert!(page.contains("Inbox, 1 unread"), "what came meanwhile was not seen yet");
    let newest = page.split("name=\"newest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    customer.visitor.post("/settings/notices/read", &[("newest", newest)]).await;
    let page = customer.visitor.get(INBOX).await.body;
    assert!(!page.contains(", 1 unread") && !page.contains("Mark all as read"), "{page}");
    assert!(page.contains("Your credits are used up"));
}

async fn the_inbox_is_paged_and_other_peoples_notices_are_not_in_it(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    let other = Warned::of(&app).await;
    let writer = app.database.writer();
    for number in 0..45 {
        let reason = format!("Reason {number}.");
        let paused = Event::AutoRechargePaused { reason };
        let cause = number.to_string();
        let now = Utc::now();
        events::record(writer, &customer.account, &cause, &paused, now).await.unwrap();
    }
    let theirs = Event::AutoRechargePaused { reason: "Not yours.".to_owned() };
    events::record(writer, &other.account, "theirs", &theirs, Utc::now()).await.unwrap();
    customer.is_told().await;
    let mut seen = Vec::new();
    let mut next = Some(INBOX.to_owned());
    let mut last = String::new();
    while let Some(path) = next {
        let page = customer.visitor.get(&path).await.body;
        assert!(!page.contains("Not yours."));
        let reasons = page
            .split("Reason ")
            .skip(1)
            .map(|rest| rest.split('.').next().unwrap().parse::<u32>().unwrap());
        seen.extend(reasons);
        next = link(&page, "next");
        last = page;
    }
    assert_eq!(seen, (0..45).rev().collect::<Vec<_>>());
    let newer = customer.visitor.get(&link(&last, "prev").unwrap()).await.body;
    assert!(
        newer.contains("Reason 5.") && newer.contains("Reason 24.") && !newer.contains("Reason 4.")
    );

    let theirs = notice::Entity::find().all(app.database.reader()).await.unwrap();
    let theirs = theirs.iter().find(|row| row.account_id == other.account.0).unwrap();
    customer.visitor.post("/settings/notices/read", &[("newest", "z")]).await;
    let after = notice::Entity::find_by_id(&theirs.id).one(app.database.reader()).await.unwrap();
    assert_eq!(after.unwrap().read_at, None);
}

/// Where the link with this relation leads.
fn link(page: &str, relation: &str) -> Option<String> {
    let relation = format!("rel=\"{relation}\"");
    let anchor =
        page.split("<a ").find(|anchor| anchor.split('>').next().unwrap().contains(&relation))?;
    let href = anchor.split("href=\"").nth(1)?.split('"').next()?;
    Some(href.replace("&amp;", "&"))
}

async fn the_inbox_costs_no_page_another_query(app: TestApp) {
    let (app, queries) = app.counting().await;
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let paused = Event::AutoRechargePaused { reason: "Declined.".to_owned() };
    events::record(app.database.writer(), &account, "card", &paused, Utc::now()).await.unwrap();
    app.state.notices.tell(app.clock.now()).await.unwrap();
    let low = LowBalance::Below(credits(100));
    app.state.notices.prefer(&account, &[].into(), low, app.clock.now()).await.unwrap();
    for path in ["/settings/credits", INBOX, "/settings/notifications"] {
        queries.lock().unwrap().clear();
        assert!(customer.get(path).await.body.contains("Inbox, 1 unread"), "{path}");
        let queries = std::mem::take(&mut *queries.lock().unwrap());
        assert!((1..=5).contains(&queries.len()), "{path}: {queries:#?}");
    }
}

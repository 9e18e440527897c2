//! The demo data: realistic, deterministic, and written once.

use chrono::TimeDelta;
use futures::TryStreamExt;
use recharge::{
    credits::{AccountId, EntryKind, EventKind, HistoryFilter, Row},
    server::{
        entity::{event, outbox},
        jobs::Jobs,
        seed::{self, Seeded},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    app::TestApp,
    databases::{Given, TestDatabase, on_both_databases},
};

on_both_databases!(
    a_year_and_a_half_of_operations_adds_up_and_is_written_once,
    the_same_number_makes_the_same_history,
    everybody_of_the_demo_can_sign_in,
    what_happened_in_the_past_was_told_then_and_read,
);

/// Fills the database with the demo of this number.
pub async fn seeded(app: &TestApp, number: u64) -> Seeded {
    let state = &app.state;
    let (database, clock) = (&state.database, &state.clock);
    seed::run(database, clock, &state.ledger, &state.catalogues.current(), number).await.unwrap()
}

/// The account of a customer of the demo.
pub async fn account_of(app: &TestApp, email: &str) -> AccountId {
    use recharge::server::entity::user;
    let users = user::Entity::find().all(app.database.reader()).await.unwrap();
    let user = users.into_iter().find(|user| user.email == email).unwrap();
    AccountId(user.account_id.unwrap())
}

async fn a_year_and_a_half_of_operations_adds_up_and_is_written_once(app: TestApp) {
    let Seeded::New { operations } = seeded(&app, 7).await else { panic!("nothing was written") };
    assert!((4_500..6_500).contains(&operations), "{operations} operations");
    let verified = app.state.ledger.verify().await.unwrap();
    assert_eq!(seeded(&app, 7).await, Seeded::Before);
    assert_eq!(app.state.ledger.verify().await.unwrap(), verified);

    let demo = account_of(&app, "demo@recharge.test").await;
    let ledger = &app.state.ledger;
    let rows: Vec<_> = ledger.export(&demo, HistoryFilter::default()).try_collect().await.unwrap();
    let (newest, oldest) = (rows.first().unwrap(), rows.last().unwrap());
    assert!((newest.at - oldest.at).num_days() > 500);
    assert!(rows.iter().any(|row| row.kind == EntryKind::Expired), "something was forfeited");
    let sum = rows.iter().map(|row| row.amount).sum();
    let overview = ledger.overview(&demo, None).await.unwrap();
    assert_eq!(overview.balance(), sum, "the balance is the sum of the rows");
    assert!(overview.pace.is_some() && overview.next_expiry().is_some());
}

async fn what_happened_in_the_past_was_told_then_and_read(app: TestApp) {
    seeded(&app, 1).await;
    let now = app.clock.now();
    let (events, notices) = (&app.database, &app.state.notices);
    let untold = event::Entity::find().filter(event::Column::ToldAt.is_null());
    assert_eq!(untold.all(events.reader()).await.unwrap(), [], "nobody is told of it now");
    notices.tell(now).await.unwrap();
    notices.send_mail(now).await.unwrap();
    let messages = outbox::Entity::find().all(app.database.reader()).await.unwrap();
    assert_eq!(messages, [], "nor by mail or webhook");
    let demo = account_of(&app, "demo@recharge.test").await;
    let inbox = notices.inbox(&demo, None).await.unwrap().notices;
    assert!(inbox.iter().filter(|it| it.kind == EventKind::PurchaseCredited).count() >= 4);
    assert!(inbox.iter().all(|it| it.is_read && it.at < now - TimeDelta::days(6)), "{inbox:?}");
    assert!(inbox.is_sorted_by(|newer, older| newer.at >= older.at), "the newest stands first");

    // What is to be told now is: the customer's credits end in six days.
    Jobs::of(&app.state).run("reminders").await.unwrap();
    notices.tell(now).await.unwrap();
    let expiring = account_of(&app, "expiring@recharge.test").await;
    let inbox = notices.inbox(&expiring, None).await.unwrap().notices;
    let unread: Vec<_> = inbox.iter().filter(|it| !it.is_read).map(|it| it.kind).collect();
    assert_eq!(unread.first(), Some(&EventKind::Expiring), "{inbox:?}");
    assert!(unread.iter().all(|kind| *kind == EventKind::Expiring), "{unread:?}");
}

/// What the demo's customer did, oldest first, as far as it doesn't hang on when it is written.
async fn history_of(app: &TestApp, number: u64) -> Vec<String> {
    seeded(app, number).await;
    let demo = account_of(app, "demo@recharge.test").await;
    let rows = app.state.ledger.export(&demo, HistoryFilter::default());
    let mut rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.reverse();
    let line = |row: Row| {
        let Row { seq, kind, operation, amount, balance_after, note, .. } = row;
        // A purchase is named by its id, which no seed makes twice.
        let reference = if kind == EntryKind::Granted { String::new() } else { note.reference };
        let (description, detail) = (note.description, note.detail);
        format!(
            "{seq} {kind:?} {operation:?} {amount} {balance_after} {description} {detail} \
             {reference}"
        )
    };
    rows.into_iter().map(line).collect()
}

async fn the_same_number_makes_the_same_history(app: TestApp) {
    let begun = app.clock.now();
    let first = history_of(&app, 7).await;
    assert!(first.len() > 4_500);
    for (number, is_same) in [(7, true), (8, false)] {
        let another = if app.database.is_sqlite() {
            TestDatabase::sqlite().await
        } else {
            TestDatabase::postgres().await
        };
        let another = TestApp::given(another).await;
        // A history is counted back from when it is written.
        another.clock.advance(begun - another.clock.now());
        assert!((history_of(&another, number).await == first) == is_same, "seed {number}");
    }
}

async fn everybody_of_the_demo_can_sign_in(app: TestApp) {
    seeded(&app, 1).await;
    for (name, place) in [
        ("demo", "/settings/credits"),
        ("new", "/settings/credits"),
        ("expiring", "/settings/credits"),
        ("support", "/support"),
    ] {
        let mut visitor = app.visitor();
        let email = format!("{name}@recharge.test");
        visitor.sign_in_as(&email, seed::PASSWORD, "").await.redirects_to(place);
        assert_eq!(visitor.get(place).await.status, 200, "{name}");
    }
}

//! What the ledger writes down to be told: once for each cause, in the transaction of its cause.

use recharge::{
    credits::{AccountId, Caps, Command, Credits, Event, HoldTime, Note, Operation},
    server::{clock::Clock, database::Database, entity::event, events, ledger::Ledger},
};
use sea_orm::{EntityTrait, QueryOrder};

use crate::{
    app::TestApp,
    commands::{credits, grant, spend},
    databases::on_both_databases,
};

on_both_databases!(
    a_falling_balance_is_written_down_when_it_crosses_the_threshold_and_at_nothing,
    a_hold_that_is_given_back_is_no_news_of_the_balance,
    who_sets_a_threshold_above_the_balance_is_not_told_of_it,
    a_cap_is_written_down_once_in_a_cycle_and_when_it_refuses,
    work_that_is_too_large_for_a_cap_does_not_use_up_its_warning,
    a_cap_that_is_raised_is_told_of_anew,
    the_same_cause_is_written_down_once,
);

async fn written(database: &Database) -> Vec<Event> {
    let rows = event::Entity::find().order_by_asc(event::Column::Id).all(database.reader());
    rows.await.unwrap().iter().map(|row| events::read(row).unwrap()).collect()
}

async fn account_of(app: &TestApp) -> (AccountId, Ledger) {
    (app.customer().await.account.clone().unwrap(), app.state.ledger.clone())
}

async fn a_falling_balance_is_written_down_when_it_crosses_the_threshold_and_at_nothing(
    app: TestApp,
) {
    let (account, ledger) = account_of(&app).await;
    ledger.warn_below(&account, Some(credits(100))).await.unwrap();
    ledger.execute(&account, "grant", grant(300)).await.unwrap();
    for (key, amount) in [("a", 200), ("b", 1), ("c", 9), ("d", 90)] {
        ledger.execute(&account, key, spend(amount)).await.unwrap();
    }
    ledger.execute(&account, "d", spend(90)).await.unwrap();
    ledger.execute(&account, "again", grant(500)).await.unwrap();
    let expected = [
        Event::Low { balance: credits(99), low_at: credits(100) },
        Event::Depleted,
        Event::Recovered { balance: credits(500), low_at: None },
    ];
    assert_eq!(written(&app.state.database).await, expected);
}

async fn a_hold_that_is_given_back_is_no_news_of_the_balance(app: TestApp) {
    let (account, ledger) = account_of(&app).await;
    ledger.warn_below(&account, Some(credits(100))).await.unwrap();
    ledger.execute(&account, "grant", grant(120)).await.unwrap();
    let (operation, lasts) = (Operation::Backtest, HoldTime::DEFAULT);
    let hold = Command::Hold { operation, amount: credits(120), lasts, note: Note::default() };
    ledger.execute(&account, "hold", hold).await.unwrap();
    assert_eq!(written(&app.state.database).await, []);
}

async fn who_sets_a_threshold_above_the_balance_is_not_told_of_it(app: TestApp) {
    let (account, ledger) = account_of(&app).await;
    ledger.execute(&account, "grant", grant(120)).await.unwrap();
    ledger.warn_below(&account, Some(credits(200))).await.unwrap();
    ledger.execute(&account, "a", spend(20)).await.unwrap();
    assert_eq!(written(&app.state.database).await, []);
    ledger.execute(&account, "b", spend(100)).await.unwrap();
    assert_eq!(written(&app.state.database).await, [Event::Depleted]);
}

/// Somebody with credits and this cap.
async fn capped(app: &TestApp, cap: i64) -> (AccountId, Ledger) {
    let (account, ledger) = account_of(app).await;
    ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
    cap_at(&ledger, &account, cap).await;
    (account, ledger)
}

async fn cap_at(ledger: &Ledger, account: &AccountId, cap: i64) {
    let caps = Caps { all: Some(credits(cap)), ..Caps::default() };
    ledger.set_caps(account, caps).await.unwrap();
}

/// What was used and at how many percent, of all caps that were told of.
async fn levels(app: &TestApp) -> Vec<(Credits, u8)> {
    let told = written(&app.state.database).await;
    let level = |event: &Event| match event {
        Event::CapReached { operation: None, used, percent, .. } => (*used, *percent),
        other => panic!("{other:?}"),
    };
    told.iter().map(level).collect()
}

async fn work_that_is_too_large_for_a_cap_does_not_use_up_its_warning(app: TestApp) {
    let (account, ledger) = capped(&app, 100).await;
    for (key, amount) in [("a", 625), ("b", 101)] {
        ledger.execute(&account, key, spend(amount)).await.unwrap_err();
    }
    assert_eq!(levels(&app).await, []);
    ledger.execute(&account, "c", spend(80)).await.unwrap();
    ledger.execute(&account, "d", spend(20)).await.unwrap();
    assert_eq!(levels(&app).await, [(credits(80), 80), (credits(100), 100)]);
    // Who wants nothing to be spent is not told that it isn't.
    cap_at(&ledger, &account, 0).await;
    ledger.execute(&account, "e", spend(1)).await.unwrap_err();
    assert_eq!(levels(&app).await.len(), 2);
}

async fn a_cap_that_is_raised_is_told_of_anew(app: TestApp) {
    let (account, ledger) = capped(&app, 100).await;
    ledger.execute(&account, "a", spend(100)).await.unwrap();
    cap_at(&ledger, &account, 150).await;
    ledger.execute(&account, "b", spend(50)).await.unwrap();
    // Lowered again it is an old story.
    cap_at(&ledger, &account, 100).await;
    ledger.execute(&account, "c", spend(1)).await.unwrap_err();
    assert_eq!(levels(&app).await, [(credits(100), 100), (credits(150), 100)]);
}

async fn a_cap_is_written_down_once_in_a_cycle_and_when_it_refuses(app: TestApp) {
    let (account, ledger) = capped(&app, 100).await;
    for (key, amount) in [("a", 79), ("b", 1), ("c", 15)] {
        ledger.execute(&account, key, spend(amount)).await.unwrap();
    }
    for key in ["d", "e"] {
        ledger.execute(&account, key, spend(6)).await.unwrap_err();
    }
    assert_eq!(levels(&app).await, [(credits(80), 80), (credits(95), 100)]);
}

async fn the_same_cause_is_written_down_once(app: TestApp) {
    let (account, _) = account_of(&app).await;
    let (database, now) = (&app.state.database, Clock::default().now());
    for is_new in [true, false] {
        let event = Event::AutoRechargePaused { reason: "The card was declined.".to_owned() };
        let written = events::record(database.writer(), &account, "card", &event, now).await;
        assert_eq!(written.unwrap(), is_new);
    }
    assert_eq!(written(database).await.len(), 1);
}

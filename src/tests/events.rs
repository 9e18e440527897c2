//! What the ledger writes down to be told: once for each cause, in the transaction of its cause.

use recharge::{
    credits::{AccountId, Caps, Command, Event, HoldTime, Note, Operation},
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
        Event::Recovered { balance: credits(500) },
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

async fn a_cap_is_written_down_once_in_a_cycle_and_when_it_refuses(app: TestApp) {
    let (account, ledger) = account_of(&app).await;
    ledger.execute(&account, "grant", grant(1_000)).await.unwrap();
    ledger.set_caps(&account, Caps { all: Some(credits(100)), ..Caps::default() }).await.unwrap();
    for (key, amount) in [("a", 79), ("b", 1), ("c", 15)] {
        ledger.execute(&account, key, spend(amount)).await.unwrap();
    }
    for key in ["d", "e"] {
        ledger.execute(&account, key, spend(6)).await.unwrap_err();
    }
    let told = written(&app.state.database).await;
    let levels = told.iter().map(|event| match event {
        Event::CapReached { operation: None, used, percent, .. } => (*used, *percent),
        other => panic!("{other:?}"),
    });
    assert_eq!(levels.collect::<Vec<_>>(), [(credits(80), 80), (credits(95), 100)]);
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

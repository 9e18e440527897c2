//! The sweep writes down what time has done, and nothing else.

use chrono::TimeDelta;
use chrono_tz::Tz;
use recharge::{
    credits::{EntryKind, HistoryFilter, Operation, Quantities, Quantity, Validity},
    server::jobs::Jobs,
};

use crate::{
    app::TestApp,
    commands::grant_valid,
    databases::on_both_databases,
    expiry::{account, do_at, hold, sweep},
};

on_both_databases!(
    a_sweep_writes_what_was_true_and_nothing_else,
    a_sweep_goes_on_page_by_page_and_again_finds_nothing,
    a_hold_of_nothing_lapses_too,
    quotes_that_ended_long_ago_are_deleted,
);

async fn a_sweep_writes_what_was_true_and_nothing_else(app: TestApp) {
    let (ledger, now) = (&app.state.ledger, app.clock.now());
    let one = account(&app, Tz::UTC, now).await;
    let soon = Validity::Until(now + TimeDelta::days(3));
    let late = Validity::Until(now + TimeDelta::days(9));
    do_at(ledger, &one, grant_valid(10, soon), now).await;
    do_at(ledger, &one, grant_valid(20, late), now).await;
    do_at(ledger, &one, hold(4, 3_600), now).await;
    let other = account(&app, Tz::UTC, now).await;
    do_at(ledger, &other, grant_valid(7, late), now).await;
    let untouched = ledger.history(&other, HistoryFilter::default(), None, None).await.unwrap();
    app.clock.advance(TimeDelta::days(4));
    let before = ledger.overview(&one, None).await.unwrap();
    assert_eq!(sweep(&app.state).await, 1, "one account had something to write");
    let after = ledger.overview(&one, None).await.unwrap();
    assert_eq!(before.history.rows, after.history.rows);
    assert_eq!((before.available, before.lots), (after.available, after.lots));
    assert_eq!(sweep(&app.state).await, 0, "twice is once");
    let page = ledger.history(&other, HistoryFilter::default(), None, None).await.unwrap();
    assert_eq!(page.rows, untouched.rows);
    ledger.verify().await.unwrap();
}

async fn a_sweep_goes_on_page_by_page_and_again_finds_nothing(app: TestApp) {
    let (ledger, now) = (&app.state.ledger, app.clock.now());
    let mut grants = tokio::task::JoinSet::new();
    for number in 0..600 {
        let (account, ledger) = (account(&app, Tz::UTC, now).await, ledger.clone());
        // Many at one instant, so that pages end in the middle of it.
        let expiry = now + TimeDelta::hours(1 + number % 2);
        let grant = grant_valid(3, Validity::Until(expiry));
        grants.spawn(async move { do_at(&ledger, &account, grant, now).await });
    }
    assert!(grants.join_all().await.into_iter().all(|made| made));
    app.clock.advance(TimeDelta::days(5));
    assert_eq!(sweep(&app.state).await, 600);
    assert_eq!(sweep(&app.state).await, 0);
    let verified = ledger.verify().await.unwrap();
    assert_eq!(verified.accounts, 600);
}

async fn a_hold_of_nothing_lapses_too(app: TestApp) {
    let (ledger, now) = (&app.state.ledger, app.clock.now());
    let account = account(&app, Tz::UTC, now).await;
    do_at(ledger, &account, hold(0, 60), now).await;
    app.clock.advance(TimeDelta::seconds(30));
    assert_eq!(sweep(&app.state).await, 0);
    app.clock.advance(TimeDelta::seconds(30));
    assert_eq!(sweep(&app.state).await, 1);
    assert_eq!(sweep(&app.state).await, 0);
    let released = HistoryFilter { kind: Some(EntryKind::Released), ..HistoryFilter::default() };
    let rows = ledger.history(&account, released, None, None).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].note.detail, "hold expired, 0 credits (0 released)");
    assert_eq!(rows[0].at.to_utc(), now + TimeDelta::seconds(60));
    ledger.verify().await.unwrap();
}

async fn quotes_that_ended_long_ago_are_deleted(app: TestApp) {
    let account = account(&app, Tz::UTC, app.clock.now()).await;
    let make = async |key: &str| {
        let (model, count) = (Quantity::new("standard"), Quantity::new("8"));
        let quantities =
            Quantities::from([("model".to_owned(), model), ("iterations".to_owned(), count)]);
        let quote = app.state.quotes.make(&account, key, Operation::Strategy, &quantities);
        quote.await.unwrap()
    };
    let old = make("old").await;
    app.clock.advance(TimeDelta::days(20));
    let young = make("young").await;
    let tidy = async || Jobs::of(&app.state).run("tidy").await.unwrap().0;
    assert_eq!(tidy().await, 0);
    app.clock.advance(TimeDelta::days(11));
    assert_eq!((tidy().await, tidy().await), (1, 0));
    let find = async |id: &str| app.state.quotes.find(&account, id).await.unwrap().is_some();
    assert_eq!((find(&old.id).await, find(&young.id).await), (false, true));
}

//! R20: by a clock that is off nothing expires, lapses or runs, and its process is not ready;
//! others go on. A rehearsal's clock runs ahead on purpose, and marks its database.

use std::time::Duration;

use chrono::TimeDelta;
use recharge::{
    credits::{
        AccountId, Caps, Credits, EntryKind, HistoryFilter, PurchaseState, Refusal, Validity,
    },
    server::{
        clock::Clock,
        clock_watch::ClockWatch,
        ledger::{Ledger, LedgerError, open_account},
        readiness::{Readiness, Trouble},
    },
};
use serde_json::json;
use stripe_simulator::WebhookPolicy;

use crate::{
    api::{Program, account_with},
    api_load::Worker,
    app::TestApp,
    beside::Beside,
    commands::{credits, grant_valid, spend},
    databases::{TestDatabase, on_both_databases},
    expiry::{expired, hold},
    logging::Logged,
    payments_shop::Shop,
    program::{fails_with, run, text},
};

on_both_databases!(
    after_a_step_of_the_clock_nothing_expires_and_commands_wait_until_it_is_right,
    a_process_whose_clock_is_off_is_not_ready_and_others_go_on,
    a_clock_that_ran_ahead_and_went_back_leaves_its_account_a_today,
    entries_of_the_future_are_found,
    the_database_of_a_rehearsal_is_refused_to_others,
    in_a_rehearsal_purchases_work,
);

/// An account with a lot that ends in half an hour, and a hold that lapses in ten minutes.
pub async fn account_about_to_expire(database: &TestDatabase) -> (Ledger, AccountId) {
    let clock = Clock::default();
    let ledger = Ledger::start(database.database.clone(), clock.clone());
    let (writer, now) = (database.database.writer(), clock.now());
    let account = open_account(writer, chrono_tz::UTC, 1, now).await.unwrap();
    let soon = grant_valid(10, Validity::Until(now + TimeDelta::minutes(30)));
    ledger.execute(&account, "lot", soon).await.unwrap();
    ledger.execute(&account, "hold", hold(4, 600)).await.unwrap();
    (ledger, account)
}

/// Holds that time has done nothing to it.
pub async fn is_untouched(ledger: &Ledger, account: &AccountId) {
    assert!(expired(ledger, account).await.is_empty());
    let rows = ledger.history(account, HistoryFilter::default(), None, None).await.unwrap().rows;
    assert!(rows.iter().all(|row| row.kind != EntryKind::Released), "{rows:#?}");
    assert_eq!(ledger.balance(account).await.unwrap(), (credits(6), credits(4)));
}

async fn after_a_step_of_the_clock_nothing_expires_and_commands_wait_until_it_is_right(
    app: TestApp,
) {
    let (other, account) = account_about_to_expire(&app.home).await;
    let (clock, readiness) = (app.clock.clone(), app.state.readiness.clone());
    let mut watch = ClockWatch::begin(app.database.clone(), clock.clone(), readiness).await;
    let ready = |status: u16| {
        let mut visitor = app.visitor();
        async move { assert_eq!(visitor.get("/readyz").await.status, status) }
    };
    for step in [TimeDelta::hours(1), -TimeDelta::hours(1), TimeDelta::days(1)] {
        ready(200).await;
        let before = clock.now();
        clock.shift_machine(step);
        // The first who asks for the time notices, long before anybody compares.
        assert!((clock.now() - before).abs() < TimeDelta::seconds(5));
        assert_eq!(app.state.ledger.advance(&account).await, Err(LedgerError::Unavailable));
        let logged = Logged::new();
        watch.compare().await;
        let alert = match (app.database.is_sqlite(), step > TimeDelta::zero()) {
            (true, _) => ["has stepped by ", " s: set it right"],
            (false, true) => ["is ", " s ahead of the database's: "],
            (false, false) => ["is ", " s behind the database's: "],
        };
        let [begin, end] = alert;
        let (said, begin) = (logged.text(), format!("ALERT: The clock of this machine {begin}"));
        assert!(said.contains(&begin) && said.contains(end), "{said}");
        ready(503).await;
        let key = step.to_string();
        let refused = app.state.ledger.execute(&account, &key, spend(1)).await.unwrap_err();
        assert_eq!(refused, LedgerError::Unavailable);
        let program = Program::of(&app, &account).await;
        let charge = json!({"account": account.0, "operation": "backtest", "amount": "1"});
        program.post_new("/usage", &charge).await.refused(503, "unavailable");
        is_untouched(&other, &account).await;
        clock.shift_machine(-step);
        watch.compare().await;
        app.state.ledger.advance(&account).await.unwrap();
        is_untouched(&other, &account).await;
    }
    ready(200).await;
}

async fn a_process_whose_clock_is_off_is_not_ready_and_others_go_on(database: TestDatabase) {
    let (ledger, account) = account_about_to_expire(&database).await;
    let healthy = Beside::start(&database.url, &[]).await;
    let worker = Worker::new(&database, &healthy.address).await;
    let hour_ms: i64 = 3_600_000;
    for off_ms in [hour_ms, -hour_ms, 24 * hour_ms, -24 * hour_ms] {
        // SQLite has the clock of its machine: that one is right is known only after a step.
        if database.database.is_sqlite() && off_ms > 0 {
            continue;
        }
        let shift = off_ms.to_string();
        let off = Beside::start(&database.url, &[("RECHARGE_MACHINE_CLOCK_MS", &shift)]).await;
        let (status, words) = off.asked("/readyz").await.unwrap();
        assert_eq!(status, 503, "{words}");
        assert!(words.starts_with("The clock of this machine is "), "{words}");
        assert!(off.log().contains("ALERT: The clock of this machine"), "{}", off.log());
        assert_eq!(off.asked("/healthz").await.unwrap().0, 200);
        assert_eq!(charge(&off.address, &worker, &shift).await, 503);
        assert_eq!(charge(&healthy.address, &worker, &shift).await, 200);
        assert_eq!(healthy.asked("/readyz").await.unwrap().0, 200);
        is_untouched(&ledger, &account).await;
    }
    ledger.verify().await.unwrap();
}

async fn charge(address: &str, worker: &Worker, key: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"account": worker.account.0, "operation": "backtest", "amount": "1"});
    let request = client.post(format!("http://{address}/api/v1/usage")).json(&body);
    let request = request.header("authorization", &worker.key).header("idempotency-key", key);
    request.send().await.unwrap().status().as_u16()
}

async fn a_clock_that_ran_ahead_and_went_back_leaves_its_account_a_today(app: TestApp) {
    let account = account_with(&app, 100).await;
    let caps = Caps { all: Some(credits(10)), ..Caps::default() };
    let ledger = &app.state.ledger;
    ledger.set_caps(&account, caps).await.unwrap();
    app.clock.advance(TimeDelta::days(40));
    ledger.execute(&account, "ahead", spend(3)).await.unwrap();
    app.clock.advance(-TimeDelta::days(40));
    ledger.execute(&account, "back", spend(4)).await.unwrap();
    let overview = ledger.overview(&account, None).await.unwrap();
    assert_eq!(overview.consumed, credits(7), "what was spent today is in this cycle");
    let today = overview.usage.days.last().unwrap();
    assert_eq!(today.day, overview.now.date_naive());
    assert_eq!(today.credits.iter().copied().sum::<Credits>(), credits(7));
    let spent = ledger.spend_caps(&account).await.unwrap();
    assert_eq!(spent.caps.used.iter().copied().sum::<Credits>(), credits(7));
    let refused = ledger.execute(&account, "above", spend(4)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::SpendCap { .. })), "{refused:?}");
    let ends = ledger.cycle_end(&account).await.unwrap();
    assert!(ends > app.clock.now() + TimeDelta::days(40), "the cycle in which it is spent");
}

async fn entries_of_the_future_are_found(app: TestApp) {
    let account = account_with(&app, 100).await;
    let ledger = &app.state.ledger;
    app.clock.advance(TimeDelta::minutes(1));
    ledger.execute(&account, "ahead", spend(3)).await.unwrap();
    ledger.verify().await.unwrap();
    app.clock.advance(-TimeDelta::minutes(1));
    let found = ledger.verify().await.unwrap_err().to_string();
    assert!(found.contains(&format!("{account}/2")), "{found}");
    assert!(found.contains("it is dated in the future"), "{found}");
}

async fn the_database_of_a_rehearsal_is_refused_to_others(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("--database-url={}", app.home.url);
    let ahead = ["--clock-ahead-days=12", "--stripe-api-base=http://127.0.0.1:9"];
    let rehearsing = app.with_settings(&ahead).await;
    let account = account_with(&rehearsing, 100).await;
    rehearsing.clock.advance(TimeDelta::days(12));
    rehearsing.state.ledger.execute(&account, "ahead", spend(3)).await.unwrap();
    let quietly = [&url, "--site-addr=127.0.0.1:0", "--log=off", "serve"];
    let refused = run(folder.path(), &quietly);
    fails_with(&refused, "set CLOCK_AHEAD_DAYS=12 to go on with it, or name another database.");
    app.with_settings(&ahead).await;
    // What it wrote is of the future only for others: the mark says so.
    let verified = run(folder.path(), &[&url, "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

async fn in_a_rehearsal_purchases_work(database: TestDatabase) {
    let shop = Shop::open_at(database, Clock::ahead_by(TimeDelta::days(12))).await;
    let buyer = shop.customer().await;
    let told_of = shop.order(&buyer).await;
    shop.pay(&told_of);
    shop.hears_all().await;
    assert_eq!(shop.look(&told_of).await.state, PurchaseState::Credited);
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let found = shop.order(&buyer).await;
    shop.pay(&found);
    let report = shop.reconcile().await;
    assert_eq!(report.credited, [found.id.as_str()]);
    assert!(report.missed_events > 0, "{report}: events are asked for by Stripe's clock");
    assert_eq!(shop.available(&buyer).await, credits(10_000));
    shop.books_agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite_a_clock_behind_the_latest_row_is_believed_when_its_owner_says_so() {
    let database = TestDatabase::sqlite().await;
    let living = Beside::start(&database.url, &[]).await;
    // It is ready before it has given the first sign of life.
    while database.tamper("UPDATE jobs SET seen_at = seen_at WHERE seen_at > 0").await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(living);
    database.tamper("UPDATE jobs SET seen_at = seen_at + 86400000").await;
    let (clock, readiness) = (Clock::default(), Readiness::default());
    ClockWatch::begin(database.database.clone(), clock.clone(), readiness.clone()).await;
    let said = readiness.all().remove(&Trouble::Clock).unwrap();
    assert!(said.contains("recharge accept-clock") && !clock.is_trusted(), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("--database-url={}", database.url);
    assert!(run(folder.path(), &[&url, "accept-clock"]).status.success());
    ClockWatch::begin(database.database.clone(), clock.clone(), readiness.clone()).await;
    assert!(readiness.all().is_empty() && clock.is_trusted());
}

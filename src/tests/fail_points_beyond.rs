//! The same failures at what is no command of the ledger: an order, the charge of a saved card, and
//! the sweep. Whatever fails, and however often it is done again, it happens once.

use std::{sync::Arc, time::Instant};

use chrono::TimeDelta;
use chrono_tz::UTC;
use recharge::{
    credits::{EntryKind, HistoryFilter, PurchaseState, Validity},
    server::{jobs::Jobs, payments::Choice},
};
use stripe_simulator::WebhookPolicy;
use uuid::Uuid;

use crate::{
    app::TestApp,
    commands::{credits, grant_valid},
    databases::on_both_databases,
    expiry::{account, do_at, expired, hold},
    fail_points::{AtWrite, PATIENCE, connect, failing, is_long, points},
    payments_shop::Shop,
    prices::agreed,
    recharge_shop::GOOD,
};

on_both_databases!(
    an_order_that_meets_a_failure_anywhere_is_one_purchase_when_it_is_sent_again,
    a_recharge_that_meets_a_failure_anywhere_charges_once,
    a_sweep_that_meets_a_failure_anywhere_lets_nothing_expire_twice,
);

async fn an_order_that_meets_a_failure_anywhere_is_one_purchase_when_it_is_sent_again(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let (choice, mut tried) = (Choice::Package("trader".to_owned()), 0);
    for (at, is_before, fault) in points(&shop.test.database) {
        let fates = AtWrite::new(at, is_before, fault);
        let ((payments, ledger), buyer) = (failing(&shop, &fates).await, shop.customer().await);
        let intent = Uuid::new_v4().to_string();
        fates.arm();
        let begun = Instant::now();
        let order = loop {
            match payments.checkout(&buyer, &choice, &intent, &agreed()).await {
                Ok(purchase) if purchase.state == PurchaseState::Open => break purchase,
                other => assert!(begun.elapsed() < PATIENCE, "{fault:?} at {at}: {other:?}"),
            }
        };
        let orders = shop.payments.purchases(&buyer.account).await.unwrap();
        assert_eq!(orders, std::slice::from_ref(&order), "{fault:?} at {at}");
        let sessions = shop.stripe.sessions();
        let its = sessions.iter().filter(|it| it["client_reference_id"] == order.id).count();
        assert_eq!(its, 1, "{fault:?} at {at}");
        ledger.close().await;
        if !fates.has_failed() {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 2, "only {tried} writes failed");
    shop.books_agree().await;
}

async fn a_recharge_that_meets_a_failure_anywhere_charges_once(shop: Shop) {
    let mut tried = 0;
    // A recharge takes many writes, and a customer with a card takes long.
    let every = if is_long() { 1 } else { 4 };
    for (at, is_before, fault) in points(&shop.test.database).step_by(every) {
        let fates = AtWrite::new(at, is_before, fault);
        let (payments, ledger) = failing(&shop, &fates).await;
        shop.stripe.webhooks(WebhookPolicy::default());
        let (buyer, charges) = (shop.low_customer(GOOD).await, shop.charges().len());
        shop.hears_all().await;
        shop.stripe.webhooks(WebhookPolicy::drop_all());
        fates.arm();
        let begun = Instant::now();
        while shop.available(&buyer).await != credits(5_499) {
            payments.recharge_due(shop.clock.now()).await.ok();
            payments.reconcile(TimeDelta::zero()).await.ok();
            assert!(begun.elapsed() < PATIENCE, "{fault:?} at {at}: it is not recharged");
        }
        payments.recharge_due(shop.clock.now()).await.ok();
        assert_eq!(shop.charges().len(), charges + 1, "{fault:?} at {at}");
        let recharges = shop.payments.purchases(&buyer.account).await.unwrap();
        assert_eq!(recharges.len(), 1, "{fault:?} at {at}: {recharges:?}");
        ledger.close().await;
        if !fates.has_failed() {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 4, "only {tried} writes failed");
    shop.charges_agree().await;
}

async fn a_sweep_that_meets_a_failure_anywhere_lets_nothing_expire_twice(app: TestApp) {
    let (books, mut tried) = (&app.state.ledger, 0);
    let lapsed = HistoryFilter { kind: Some(EntryKind::Released), ..HistoryFilter::default() };
    for (at, is_before, fault) in points(&app.database) {
        let (fates, now) = (AtWrite::new(at, is_before, fault), app.clock.now());
        let account = account(&app, UTC, now).await;
        let soon = Validity::Until(now + TimeDelta::hours(2));
        assert!(do_at(books, &account, grant_valid(10, soon), now).await);
        assert!(do_at(books, &account, hold(4, 3_600), now).await);
        app.clock.advance(TimeDelta::hours(3));
        let database = connect(&app.home, &fates).await;
        let other = TestApp::start(Arc::clone(&app.home), database, app.clock.clone(), &[]).await;
        let jobs = Jobs::of(&other.state);
        fates.arm();
        let begun = Instant::now();
        while let Err(error) = jobs.run("sweep").await {
            assert!(begun.elapsed() < PATIENCE, "{fault:?} at {at}: {error}");
        }
        assert_eq!(expired(books, &account).await.len(), 1, "{fault:?} at {at}");
        let released = books.history(&account, lapsed.clone(), None, None).await.unwrap().rows;
        assert_eq!(released.len(), 1, "{fault:?} at {at}");
        let balance = books.balance(&account).await.unwrap();
        assert_eq!(balance, (credits(0), credits(0)), "{fault:?} at {at}");
        other.state.ledger.close().await;
        if !fates.has_failed() {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 2, "only {tried} writes failed");
    books.verify().await.unwrap();
}

//! kill −9 while a card is being charged: a process of its own runs the job and dies; another one
//! completes what it began.

use std::time::Duration;

use chrono::TimeDelta;
use recharge::{
    credits::PurchaseState,
    server::{
        jobs::{Done, Job, Jobs},
        payments::Buyer,
    },
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use stripe_simulator::{Fault, WebhookPolicy};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::credits,
    databases::{TestDatabase, on_both_databases},
    leases::{TAKEN_OVER, reconciling, watchful},
    payments_crash::{Fragile, noticed, somebody_waits_for},
    payments_shop::SOON,
    recharge_shop::{CHARGE, GOOD},
};

on_both_databases!(
    killed_before_stripe_charged_another_process_asks_under_the_same_key,
    killed_after_stripe_charged_before_the_answer_there_is_one_charge,
    killed_at_recharging_another_process_charges_each_customer_once_within_a_lease,
);

/// A customer whose balance is too low, in a shop whose process can be killed.
async fn low(test: TestDatabase) -> (Fragile, Buyer) {
    let fragile = Fragile::open(test).await;
    let buyer = fragile.shop.low_customer(GOOD).await;
    (fragile, buyer)
}

/// Until the process has asked Stripe for the money.
async fn is_asked(fragile: &Fragile) {
    let end = Instant::now() + SOON;
    while fragile.shop.stripe.requests_to("POST", CHARGE).is_empty() {
        assert!(Instant::now() < end, "nobody asks");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Until Stripe has done what the process asked it for: its answer comes later.
async fn is_charged(fragile: &Fragile) {
    let end = Instant::now() + SOON;
    while fragile.shop.paid_charges() == 0 {
        assert!(Instant::now() < end, "nothing is charged");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One charge under one key, one lot, whoever completes it.
async fn is_whole(fragile: &Fragile, buyer: &Buyer) {
    let shop = &fragile.shop;
    shop.reconcile().await;
    shop.recharges().await;
    assert_eq!((shop.charges().len(), shop.paid_charges()), (1, 1));
    assert_eq!(shop.available(buyer).await, credits(5_499));
    let keys = shop.stripe.requests_to("POST", CHARGE);
    assert!(keys.iter().all(|it| it.idempotency_key == keys[0].idempotency_key));
    assert_eq!(shop.told(buyer).await, ["auto_recharge.made"]);
    shop.charges_agree().await;
}

async fn killed_before_stripe_charged_another_process_asks_under_the_same_key(test: TestDatabase) {
    let (mut fragile, buyer) = low(test).await;
    fragile.shop.stripe.fault(Fault::on("POST", CHARGE).status(503));
    fragile.start().await;
    is_asked(&fragile).await;
    fragile.kill();
    assert_eq!(fragile.shop.recharge_rows().await[0].state, PurchaseState::Started.id());
    assert!(fragile.shop.charges().is_empty());
    fragile.shop.stripe.clear_faults();
    is_whole(&fragile, &buyer).await;
}

async fn killed_after_stripe_charged_before_the_answer_there_is_one_charge(test: TestDatabase) {
    let (mut fragile, buyer) = low(test).await;
    let slow = Fault::on("POST", CHARGE).after_doing().delay(Duration::from_millis(1_500));
    fragile.shop.stripe.fault(slow);
    fragile.start().await;
    is_charged(&fragile).await;
    fragile.kill();
    fragile.shop.stripe.clear_faults();
    assert_eq!(fragile.shop.available(&buyer).await, credits(499));
    is_whole(&fragile, &buyer).await;
}

/// The first customer was about to be charged, the second one was not looked at yet.
async fn killed_at_recharging_another_process_charges_each_customer_once_within_a_lease(
    test: TestDatabase,
) {
    let (mut fragile, first) = low(test).await;
    let second = fragile.shop.low_customer(GOOD).await;
    fragile.shop.stripe.webhooks(WebhookPolicy::drop_all());
    let silent = Fault::on("POST", CHARGE).status(503).delay(Duration::from_mins(2));
    fragile.shop.stripe.fault(silent);
    fragile.start().await;
    is_asked(&fragile).await;
    fragile.kill();
    let shop = &fragile.shop;
    shop.stripe.clear_faults();
    assert_eq!((shop.recharge_rows().await.len(), shop.charges().len()), (1, 0));
    // Stripe sends no news of a charge that it never made; the server asks after 20 s.
    shop.clock.advance(TimeDelta::seconds(20));
    let (killed_at, ending) = (Instant::now(), CancellationToken::new());
    let every = Duration::from_secs(15);
    let recharging =
        Job::new("recharge", every, shop.payments.clone(), |payments, now| async move {
            Ok(Done(payments.recharge_due(now).await?.credited))
        });
    let jobs = vec![recharging, reconciling(shop)];
    let other = Jobs::on(&shop.test.database, &shop.clock, jobs);
    let other = other.at_pace(watchful(&shop.test.database)).start(ending.clone());
    for buyer in [&first, &second] {
        while shop.available(buyer).await != credits(5_499) {
            assert!(killed_at.elapsed() < TAKEN_OVER, "a customer is not recharged");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    ending.cancel();
    other.await.unwrap();
    shop.reconcile().await;
    shop.recharges().await;
    assert_eq!((shop.charges().len(), shop.paid_charges()), (2, 2));
    for buyer in [&first, &second] {
        assert_eq!(shop.available(buyer).await, credits(5_499));
        assert_eq!(shop.told(buyer).await, ["auto_recharge.made"]);
    }
    shop.charges_agree().await;
}

/// Only PostgreSQL has locks that show the moment: the payment is written down, and the ledger
/// waits for the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_between_the_payment_and_the_lot_another_process_credits() {
    let test = TestDatabase::postgres().await;
    let connection = sea_orm::Database::connect(&test.url).await.unwrap();
    let (mut fragile, buyer) = low(test).await;
    fragile.shop.stripe.webhooks(WebhookPolicy::drop_all());
    let lock = connection.begin().await.unwrap();
    let row = format!("SELECT 1 FROM accounts WHERE id = '{}' FOR NO KEY UPDATE", buyer.account);
    lock.execute_unprepared(&row).await.unwrap();
    fragile.start().await;
    is_asked(&fragile).await;
    somebody_waits_for(&connection, &lock).await;
    fragile.kill();
    noticed(&connection).await;
    lock.rollback().await.unwrap();
    let rows = fragile.shop.recharge_rows().await;
    assert_eq!((rows[0].state.as_str(), rows[0].lot), ("processing", None));
    is_whole(&fragile, &buyer).await;
}

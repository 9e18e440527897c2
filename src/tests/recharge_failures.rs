//! Auto-recharge when something goes wrong: no credits without money, never two charges, paused at
//! the first refusal.

use std::time::Duration;

use chrono::TimeDelta;
use recharge::{
    credits::{PauseReason, PurchaseState},
    server::payments::{Away, Buyer, Recharged},
};
use serde_json::json;
use stripe_simulator::{Fault, Settlement, WebhookPolicy};

use crate::{
    commands::credits,
    databases::on_both_databases,
    payments_shop::Shop,
    recharge_shop::{ASKS, CHARGE, FAILS, GOOD, recharges},
};

on_both_databases!(
    a_refusal_pauses_at_once_and_credits_nothing,
    a_refusal_that_only_the_webhook_tells_pauses_too,
    many_workers_at_once_make_one_charge,
    a_charge_under_way_is_credited_when_it_is_paid_and_never_made_twice,
    a_charge_that_fails_later_pauses,
    an_answer_that_was_lost_after_stripe_charged_is_one_charge,
    a_trouble_before_stripe_charged_is_asked_for_again_under_the_same_key,
    whoever_reports_a_payment_it_is_credited_once,
    stripe_away_for_long_charges_nobody_for_an_old_need,
    who_switches_off_while_the_outcome_is_unknown_is_not_charged_anew,
    a_passing_refusal_is_tried_again_and_the_second_one_pauses,
    another_request_under_the_same_key_is_looked_up_not_believed,
    a_payment_of_another_amount_credits_nothing_and_nothing_more_is_charged,
    an_account_that_can_not_be_charged_does_not_stop_the_others,
);

/// Without credits, paused, and not tried again.
async fn is_paused(shop: &Shop, buyer: &Buyer, reason: PauseReason) {
    assert_eq!(shop.available(buyer).await, credits(499));
    assert_eq!(shop.recharge_of(buyer).await.paused.unwrap().1, reason);
    shop.clock.advance(TimeDelta::days(2));
    assert_eq!(shop.recharges().await, Recharged::default());
    shop.reconcile().await;
    shop.hears_all().await;
    assert_eq!(shop.charges().len(), 1, "a pause ends by its owner alone");
    assert_eq!(shop.told(buyer).await, ["auto_recharge.paused"]);
    shop.charges_agree().await;
}

async fn a_refusal_pauses_at_once_and_credits_nothing(shop: Shop) {
    for (card, reason) in [(ASKS, PauseReason::Authentication), (FAILS, PauseReason::Declined)] {
        shop.stripe.reset();
        let buyer = shop.low_customer(card).await;
        assert_eq!(shop.recharges().await.refused, 1, "{card}");
        let failed = shop.recharge_of(&buyer).await.recharges.remove(0);
        assert_eq!(failed.state, PurchaseState::Failed);
        assert!(failed.reason.contains("Nothing was charged"), "{}", failed.reason);
        is_paused(&shop, &buyer, reason).await;
    }
}

async fn a_refusal_that_only_the_webhook_tells_pauses_too(shop: Shop) {
    let buyer = shop.low_customer(FAILS).await;
    shop.stripe.fault(Fault::on("POST", CHARGE).after_doing().drop_connection());
    shop.recharges().await;
    shop.hears_all().await;
    shop.stripe.clear_faults();
    is_paused(&shop, &buyer, PauseReason::Declined).await;
}

async fn many_workers_at_once_make_one_charge(shop: Shop) {
    let mut buyers = Vec::new();
    for _ in 0..3 {
        buyers.push(shop.low_customer(GOOD).await);
    }
    let mut workers = vec![shop.payments.clone(), shop.payments.clone()];
    for _ in 0..3 {
        workers.push(shop.another_process().await);
    }
    let runs = workers.iter().map(|payments| recharges(&shop, payments));
    let runs = futures::future::join_all(runs).await;
    assert_eq!(runs.iter().map(|run| run.credited).sum::<u64>(), 3, "{runs:?}");
    shop.hears_all().await;
    assert_eq!((shop.charges().len(), shop.paid_charges()), (3, 3));
    for buyer in &buyers {
        assert_eq!(shop.available(buyer).await, credits(5_499));
    }
    shop.charges_agree().await;
}

/// A customer with a bank debit, whose recharge is on its way.
async fn under_way(shop: &Shop) -> (Buyer, String) {
    let buyer = shop.low_customer_by_debit().await;
    let run = shop.recharges().await;
    assert_eq!((run.credited, run.postponed), (0, 1));
    let payment = shop.charges().pop().unwrap();
    assert_eq!(payment["status"], "processing");
    (buyer, payment["id"].as_str().unwrap().to_owned())
}

async fn a_charge_under_way_is_credited_when_it_is_paid_and_never_made_twice(shop: Shop) {
    let (buyer, payment) = under_way(&shop).await;
    for _ in 0..3 {
        shop.clock.advance(TimeDelta::days(1));
        shop.recharges().await;
        shop.reconcile().await;
    }
    assert_eq!((shop.charges().len(), shop.available(&buyer).await), (1, credits(499)));
    assert_eq!(shop.recharge_of(&buyer).await.recharges[0].state, PurchaseState::Processing);
    shop.stripe.settle(&payment, Settlement::Succeeded).unwrap();
    shop.hears_all().await;
    assert_eq!(shop.available(&buyer).await, credits(5_499));
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.made"]);
    shop.charges_agree().await;
}

async fn a_charge_that_fails_later_pauses(shop: Shop) {
    let (buyer, payment) = under_way(&shop).await;
    shop.stripe.settle(&payment, Settlement::Failed).unwrap();
    shop.hears_all().await;
    is_paused(&shop, &buyer, PauseReason::Declined).await;
}

async fn an_answer_that_was_lost_after_stripe_charged_is_one_charge(shop: Shop) {
    let lost = || Fault::on("POST", CHARGE).after_doing();
    let troubles = [
        lost().drop_connection(),
        lost().status(500),
        lost().status(200).html("<h1>Welcome to the hotel</h1>"),
        lost().delay(Duration::from_millis(2_100)),
    ];
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    for trouble in troubles {
        let buyer = shop.low_customer(GOOD).await;
        shop.stripe.fault(trouble.clone());
        assert_eq!(shop.recharges().await.postponed, 1, "{trouble:?}");
        assert_eq!(shop.available(&buyer).await, credits(499), "{trouble:?}");
        shop.stripe.clear_faults();
        shop.recharges().await;
        assert_eq!(shop.reconcile().await.credited.len(), 1, "{trouble:?}");
        assert_eq!(shop.available(&buyer).await, credits(5_499), "{trouble:?}");
        shop.charges_agree().await;
    }
    assert_eq!(shop.charges().len(), 4);
}

async fn a_trouble_before_stripe_charged_is_asked_for_again_under_the_same_key(shop: Shop) {
    for trouble in [409, 429, 500, 503] {
        let buyer = shop.low_customer(GOOD).await;
        shop.stripe.fault(Fault::on("POST", CHARGE).status(trouble));
        assert_eq!(shop.recharges().await.postponed, 1, "{trouble}");
        shop.clock.advance(TimeDelta::minutes(30));
        shop.recharges().await;
        let under_way = shop.recharge_of(&buyer).await.recharges.remove(0);
        assert_eq!(under_way.state, PurchaseState::Started, "{trouble}");
        shop.stripe.clear_faults();
        shop.reconcile().await;
        assert_eq!(shop.available(&buyer).await, credits(5_499), "{trouble}");
        let key = format!("auto:{}", under_way.id);
        let asked = shop.stripe.requests_to("POST", CHARGE);
        let asked = asked.iter().filter(|it| it.idempotency_key.as_ref() == Some(&key));
        assert!(asked.count() > 1, "{trouble}");
        assert_eq!(shop.told(&buyer).await, ["auto_recharge.made"]);
    }
    shop.hears_all().await;
    assert_eq!(shop.charges().len(), 4);
    shop.charges_agree().await;
}

async fn whoever_reports_a_payment_it_is_credited_once(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    let slow = Fault::on("GET", CHARGE).delay(Duration::from_millis(50));
    shop.stripe.fault(slow);
    shop.stripe.webhooks(WebhookPolicy { duplicates: 9, ..WebhookPolicy::default() });
    let other = shop.another_process().await;
    let (here, there, told) =
        tokio::join!(shop.recharges(), recharges(&shop, &other), shop.reconcile());
    assert!(here.credited + there.credited <= 1, "{here:?} {there:?} {told}");
    shop.hears_all().await;
    shop.reconcile().await;
    assert_eq!((shop.available(&buyer).await, shop.charges().len()), (credits(5_499), 1));
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.made"]);
    shop.charges_agree().await;
}

async fn stripe_away_for_long_charges_nobody_for_an_old_need(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.stripe.fault(Fault::on("POST", CHARGE).status(503));
    shop.recharges().await;
    shop.clock.advance(TimeDelta::minutes(61));
    shop.stripe.clear_faults();
    shop.reconcile().await;
    let ended = shop.recharge_of(&buyer).await;
    assert_eq!(ended.recharges[0].state, PurchaseState::Failed);
    assert!(ended.recharges[0].reason.contains("Nothing was charged"));
    assert_eq!((ended.paused, ended.charged_this_month), (None, 0));
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.failed"]);
    assert!(shop.charges().is_empty());
    // The need is there still: that is another recharge.
    assert_eq!(shop.recharges().await.credited, 1);
    shop.charges_agree().await;
}

async fn who_switches_off_while_the_outcome_is_unknown_is_not_charged_anew(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.stripe.fault(Fault::on("POST", CHARGE).status(503));
    shop.recharges().await;
    shop.payments.turn_recharge_off(&buyer.account).await.unwrap();
    shop.stripe.clear_faults();
    shop.reconcile().await;
    let states = async || shop.recharge_rows().await.pop().unwrap().state;
    assert_eq!(states().await, "started", "it may be on its way still");
    shop.clock.advance(TimeDelta::minutes(11));
    shop.reconcile().await;
    assert_eq!(states().await, "failed");
    assert!(shop.charges().is_empty());
    assert_eq!(shop.told(&buyer).await, ["purchase.failed"]);

    let charged = shop.low_customer(GOOD).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    shop.stripe.fault(Fault::on("POST", CHARGE).after_doing().drop_connection());
    shop.recharges().await;
    shop.payments.remove_card(&charged.account).await.unwrap();
    shop.stripe.clear_faults();
    shop.reconcile().await;
    assert_eq!(shop.available(&charged).await, credits(5_499), "paid means credited");
    shop.charges_agree().await;
}

fn refusing(code: &str) -> Fault {
    let error = json!({ "error": {
        "type": "card_error", "code": code, "message": "An error occurred while processing.",
    } });
    Fault { body: Some(error.to_string()), ..Fault::on("POST", CHARGE).status(402) }
}

async fn a_passing_refusal_is_tried_again_and_the_second_one_pauses(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.stripe.fault(refusing("processing_error"));
    assert_eq!(shop.recharges().await.refused, 1);
    assert_eq!(shop.recharge_of(&buyer).await.paused, None);
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::hours(1)).await.refused, 1);
    assert_eq!(shop.recharge_of(&buyer).await.paused.unwrap().1, PauseReason::Declined);
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.failed", "auto_recharge.paused"]);
    shop.stripe.clear_faults();
    assert!(shop.payments.resume_recharge(&buyer.account).await.unwrap());
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::hours(1)).await.credited, 1);
    shop.charges_agree().await;
}

async fn another_request_under_the_same_key_is_looked_up_not_believed(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    shop.stripe.fault(Fault::on("POST", CHARGE).after_doing().drop_connection());
    shop.recharges().await;
    shop.stripe.clear_faults();
    // As if another version of the program wrote its requests differently.
    shop.test.tamper("UPDATE auto_recharge_claims SET email = 'other@recharge.test'").await;
    assert_eq!(shop.reconcile().await.credited.len(), 1);
    assert_eq!((shop.available(&buyer).await, shop.charges().len()), (credits(5_499), 1));
    shop.charges_agree().await;
}

async fn a_payment_of_another_amount_credits_nothing_and_nothing_more_is_charged(shop: Shop) {
    let (buyer, payment) = under_way(&shop).await;
    shop.stripe.alter(&payment, json!({ "amount": 1, "currency": "eur" })).unwrap();
    shop.stripe.settle(&payment, Settlement::Succeeded).unwrap();
    shop.hears_all().await;
    let page = shop.recharge_of(&buyer).await;
    assert_eq!(page.recharges[0].state, PurchaseState::NeedsReview);
    shop.clock.advance(TimeDelta::days(3));
    assert_eq!(shop.recharges().await.credited, 0);
    assert_eq!((shop.available(&buyer).await, shop.charges().len()), (credits(499), 1));
    shop.books_agree().await;
}

async fn an_account_that_can_not_be_charged_does_not_stop_the_others(shop: Shop) {
    for _ in 0..2 {
        shop.low_customer(GOOD).await;
    }
    let other = shop.low_customer(FAILS).await;
    let good = shop.low_customer(GOOD).await;
    shop.stripe.fault(Fault::on("POST", CHARGE).status(503).times(4));
    let run = shop.recharges().await;
    assert_eq!((run.looked_at, run.postponed, run.refused, run.credited), (4, 1, 1, 2));
    assert_eq!(shop.recharge_of(&other).await.paused.unwrap().1, PauseReason::Declined);
    assert_eq!(shop.available(&good).await, credits(5_499));
    let off = crate::payments_shop::settings("http://127.0.0.1:9");
    let off = recharge::server::payments::Settings { secret_key: None, ..off };
    let off = crate::payments_shop::sell(&shop.test.database, &shop.clock, &shop.ledger, off).await;
    assert_eq!(off.recharge_due(shop.clock.now()).await, Err(Away::Off));
}

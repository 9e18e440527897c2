//! Paid means credited, once, whoever reports it first, however often it is reported.

use std::time::Duration;

use futures::future::join_all;
use recharge::{
    credits::{Credits, PurchaseState},
    server::payments::Fulfilment,
};
use serde_json::json;
use stripe_simulator::{PayOutcome, Settlement, WebhookPolicy};

use crate::databases::on_both_databases;
use crate::payments_shop::{Shop, session};

const BOUGHT: Credits = Credits::from_thousandths(5_000_000);

on_both_databases!(
    a_webhook_before_the_redirect_credits_once,
    a_redirect_before_the_webhook_credits_once,
    twenty_webhooks_and_five_landings_at_once_are_one_lot,
    two_processes_at_once_are_one_lot,
    without_webhook_and_return_the_reconciler_credits,
    the_same_event_twice_and_new_events_for_one_session_are_one_lot,
    a_delayed_payment_credits_when_it_succeeds_and_in_any_order,
    a_delayed_payment_that_fails_credits_nothing_and_says_so,
    an_expiry_reported_after_the_payment_changes_nothing,
    another_amount_currency_or_mode_needs_review_and_credits_nothing,
    a_paid_session_that_nobody_ordered_is_reported,
    two_purchases_in_two_tabs_are_both_credited,
    a_corrupted_purchase_is_found_and_named,
);

/// R13 for the purchases: what the CHECKs of the table let pass.
async fn a_corrupted_purchase_is_found_and_named(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    shop.hears_all().await;
    let waiting = shop.order(&buyer).await;
    let verify = || shop.ledger.verify();
    verify().await.unwrap();
    let credited = format!("id = '{}'", purchase.id);
    let open = format!("id = '{}'", waiting.id);
    for (row, change, undo) in [
        (&credited, "state = 'processing'", "state = 'credited'"),
        (&credited, "lot = lot + 1", "lot = lot - 1"),
        (&credited, "credits = credits + 1", "credits = credits - 1"),
        (&credited, "credited_at = credited_at + 1", "credited_at = credited_at - 1"),
        (&credited, "currency = 'xxx'", "currency = 'usd'"),
        (&open, "state = 'credited', lot = 9", "state = 'open', lot = NULL"),
        (&open, "lot = 9", "lot = NULL"),
    ] {
        assert_eq!(
            shop.test.tamper(&format!("UPDATE purchases SET {change} WHERE {row}")).await,
            1
        );
        let found = verify().await.expect_err(change).to_string();
        let account = &buyer.account.0;
        let is_named =
            [&purchase.id, &waiting.id, account].iter().any(|name| found.contains(*name));
        assert!(is_named, "{change}: {found}");
        shop.test.tamper(&format!("UPDATE purchases SET {undo} WHERE {row}")).await;
    }
    verify().await.unwrap();
}

async fn a_webhook_before_the_redirect_credits_once(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);

    let landed = shop.payments.landed(&buyer.account, &purchase.id, Some(session(&purchase)));
    let landed = landed.await.unwrap().unwrap();
    assert_eq!(landed.state, PurchaseState::Credited);
    assert!(landed.receipt_url.is_some() && landed.stripe_payment.is_some());
    assert!(landed.paid_at.is_some() && landed.credits_expire_at.is_some());
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    shop.books_agree().await;
}

async fn a_redirect_before_the_webhook_credits_once(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::delayed(Duration::from_millis(500)));
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    let landed = shop.payments.landed(&buyer.account, &purchase.id, Some(session(&purchase)));
    assert_eq!(landed.await.unwrap().unwrap().state, PurchaseState::Credited);
    shop.hears_all().await;
    assert!(shop.stripe.delivered("checkout.session.completed", Duration::ZERO).await);
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    shop.books_agree().await;
}

async fn twenty_webhooks_and_five_landings_at_once_are_one_lot(shop: Shop) {
    let only = &["checkout.session.completed"];
    shop.stripe.webhooks(WebhookPolicy::duplicated(19).only(only));
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    let landings = (0..5)
        .map(|_| shop.payments.landed(&buyer.account, &purchase.id, Some(session(&purchase))));
    for landed in join_all(landings).await {
        assert!(landed.unwrap().is_some());
    }
    shop.hears_all().await;
    let deliveries = shop.stripe.deliveries();
    let completed: Vec<_> =
        deliveries.iter().filter(|delivery| delivery.event_type == only[0]).collect();
    assert_eq!(completed.len(), 20);
    for attempt in completed.iter().flat_map(|delivery| &delivery.attempts) {
        assert_eq!(attempt.status, Some(200));
    }
    assert_eq!((shop.lots(&purchase).await, shop.all_purchases().await.len()), (1, 1));
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    shop.books_agree().await;
}

async fn two_processes_at_once_are_one_lot(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let other = shop.another_process().await;
    let buyer = shop.customer().await;
    for _ in 0..5 {
        let purchase = shop.order(&buyer).await;
        shop.pay(&purchase);
        let calls = (0..8).map(|number| {
            let payments = if number % 2 == 0 { &shop.payments } else { &other };
            payments.fulfil(session(&purchase))
        });
        let outcomes = join_all(calls).await;
        let is_new = |outcome: &&Result<_, _>| {
            matches!(outcome, Ok(Fulfilment::Credited { is_new: true, .. }))
        };
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(is_new).count(), 1, "{outcomes:?}");
        assert_eq!(shop.lots(&purchase).await, 1);
    }
    shop.books_agree().await;
}

async fn without_webhook_and_return_the_reconciler_credits(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    assert!(!shop.look(&purchase).await.state.is_final(), "nobody has told us yet");
    let report = shop.reconcile().await;
    assert_eq!(report.credited, std::slice::from_ref(&purchase.id));
    assert!(report.missed_events > 0 && report.is_clean());
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    let again = shop.reconcile().await;
    assert_eq!((again.credited.len(), again.missed_events), (0, 0));
    shop.books_agree().await;
}

async fn the_same_event_twice_and_new_events_for_one_session_are_one_lot(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    shop.hears_all().await;
    let events = shop.stripe.events();
    let completed = events.iter().find(|event| event["type"] == "checkout.session.completed");
    shop.stripe.resend(completed.unwrap()["id"].as_str().unwrap()).unwrap();
    let object = shop.stripe.object(session(&purchase)).unwrap();
    shop.stripe.send_event("checkout.session.completed", object.clone());
    shop.stripe.send_event("checkout.session.async_payment_succeeded", object);
    shop.hears_all().await;
    assert_eq!(shop.lots(&purchase).await, 1);
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    let kept = shop.events().await;
    assert!(kept.iter().all(|event| event.handled_at.is_some()), "{kept:#?}");
    shop.books_agree().await;
}

async fn a_delayed_payment_credits_when_it_succeeds_and_in_any_order(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.pay(session(&purchase), PayOutcome::Unpaid).unwrap();
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Processing);
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    let unpaid = shop.stripe.object(session(&purchase)).unwrap();
    shop.stripe.settle(session(&purchase), Settlement::Succeeded).unwrap();
    shop.hears_all().await;
    // What was true before comes late.
    shop.stripe.send_event("checkout.session.completed", unpaid);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);
    assert_eq!(shop.available(&buyer).await, BOUGHT);
    shop.books_agree().await;
}

async fn a_delayed_payment_that_fails_credits_nothing_and_says_so(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.pay(session(&purchase), PayOutcome::Unpaid).unwrap();
    shop.stripe.settle(session(&purchase), Settlement::Failed).unwrap();
    shop.hears_all().await;
    let failed = shop.look(&purchase).await;
    assert_eq!(failed.state, PurchaseState::Failed);
    assert!(failed.reason.ends_with("Nothing was charged."), "{}", failed.reason);
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    shop.books_agree().await;
}

async fn an_expiry_reported_after_the_payment_changes_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    shop.hears_all().await;
    let mut object = shop.stripe.object(session(&purchase)).unwrap();
    object["status"] = json!("expired");
    shop.stripe.send_event("checkout.session.expired", object);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);
    shop.books_agree().await;
}

async fn another_amount_currency_or_mode_needs_review_and_credits_nothing(shop: Shop) {
    let differences = [
        json!({ "amount_total": 22_999 }),
        json!({ "amount_subtotal": 1 }),
        json!({ "currency": "eur" }),
        json!({ "livemode": true }),
        json!({ "client_reference_id": "pur_somebody_elses" }),
    ];
    let buyer = shop.customer().await;
    for (number, difference) in differences.into_iter().enumerate() {
        let purchase = shop.order(&buyer).await;
        shop.stripe.alter(session(&purchase), difference.clone()).unwrap();
        shop.pay(&purchase);
        shop.hears_all().await;
        let reviewed = shop.look(&purchase).await;
        assert_eq!(reviewed.state, PurchaseState::NeedsReview, "{difference}");
        assert!(reviewed.reason.contains("your money is not lost"), "{}", reviewed.reason);
        assert_eq!(shop.payments.counters().reviews(), u64::try_from(number).unwrap() + 1);
    }
    let answers = shop.stripe.deliveries();
    let attempts = answers.iter().flat_map(|delivery| &delivery.attempts);
    assert!(attempts.clone().all(|attempt| attempt.status == Some(200)));
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    shop.books_agree().await;
}

async fn a_paid_session_that_nobody_ordered_is_reported(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    shop.pay(&purchase);
    // As if our books were older than Stripe's.
    shop.test.tamper("DELETE FROM purchases").await;
    let report = shop.reconcile().await;
    assert_eq!(report.unknown_here, [session(&purchase)]);
    assert!(!report.is_clean());
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    shop.ledger.verify().await.unwrap();
}

async fn two_purchases_in_two_tabs_are_both_credited(shop: Shop) {
    let buyer = shop.customer().await;
    let (first, second) = tokio::join!(shop.order(&buyer), shop.order(&buyer));
    assert_ne!(first.id, second.id);
    shop.pay(&second);
    shop.pay(&first);
    shop.hears_all().await;
    let purchases = shop.payments.purchases(&buyer.account).await.unwrap();
    assert_eq!(purchases.len(), 2);
    assert!(purchases.iter().all(|purchase| purchase.state == PurchaseState::Credited));
    assert_eq!(shop.available(&buyer).await, BOUGHT + BOUGHT);
    shop.books_agree().await;
}

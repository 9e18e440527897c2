//! `recharge reconcile` succeeds only where everything is in order.

use std::{process::Output, time::Duration};

use chrono::TimeDelta;
use recharge::credits::PurchaseState;
use serde_json::json;
use stripe_simulator::{Fault, WebhookPolicy};

use crate::{
    databases::on_both_databases,
    payments_shop::{SECRET_KEY, Shop, WEBHOOK_SECRET, session},
    program::{fails_with, run_on, text},
};

on_both_databases!(
    reconcile_fails_where_a_person_must_look_at_something,
    a_paid_session_that_credits_nobody_fails_until_it_is_settled,
    reconcile_fails_where_stripe_cannot_say_what_became_of_a_purchase,
    reconcile_says_for_what_it_had_no_time,
);

/// What the command answers.
fn reconcile(shop: &Shop) -> Output {
    let arguments = [
        &format!("--stripe-api-base={}", shop.stripe.base_url()),
        &format!("--stripe-secret-key={SECRET_KEY}"),
        &format!("--stripe-webhook-secret={WEBHOOK_SECRET}"),
        "--log=off",
        "reconcile",
    ];
    tokio::task::block_in_place(|| run_on(&shop.test.url, &arguments))
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

async fn reconcile_fails_where_a_person_must_look_at_something(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let right = shop.order(&buyer).await;
    shop.pay(&right);
    succeeds(&reconcile(&shop));
    let wrong = shop.order(&buyer).await;
    shop.stripe.alter(session(&wrong), json!({"amount_total": 1})).unwrap();
    shop.pay(&wrong);
    // Also the second time, when the review is an old one.
    for _ in 0..2 {
        let output = reconcile(&shop);
        let said = format!("a person must look at purchases in review: {}", wrong.id);
        fails_with(&output, &said);
        assert!(text(&output.stdout).contains("purchases and"), "the report is printed too");
    }
    assert_eq!(shop.look(&right).await.state, PurchaseState::Credited);
}

/// A webhook has reported it, so no run of the reconciler meets it.
async fn a_paid_session_that_credits_nobody_fails_until_it_is_settled(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    // As if our books were older than Stripe's.
    shop.test.tamper("DELETE FROM purchases").await;
    shop.pay(&purchase);
    // Stripe does not know these any more; only their events say what became of them.
    for (id, payment_status) in [("cs_test_gone", "paid"), ("cs_test_unpaid", "unpaid")] {
        let gone = json!({ "id": id, "mode": "payment", "status": "complete",
                           "payment_status": payment_status });
        shop.stripe.send_event("checkout.session.completed", gone);
    }
    shop.hears_all().await;
    let unknown = [session(&purchase), "cs_test_gone"];
    for _ in 0..2 {
        let output = reconcile(&shop);
        fails_with(&output, "a person must look at paid sessions that credit nobody: ");
        let said = text(&output.stderr);
        assert!(unknown.iter().all(|id| said.contains(id)), "{said}");
        assert!(!said.contains("cs_test_unpaid"), "{said}");
    }
    for id in unknown {
        // As the page about alerts has it.
        let settle = format!(
            "UPDATE stripe_events SET outcome = 'settled by hand'
             WHERE object_id = '{id}' AND handled_at IS NOT NULL"
        );
        assert!(shop.test.tamper(&settle).await > 0);
    }
    succeeds(&reconcile(&shop));
    succeeds(&tokio::task::block_in_place(|| run_on(&shop.test.url, &["verify"])));
}

async fn reconcile_fails_where_stripe_cannot_say_what_became_of_a_purchase(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let path = format!("/v1/checkout/sessions/{}", session(&purchase));
    shop.stripe.fault(Fault::on("GET", &path).status(400));
    fails_with(&reconcile(&shop), &format!("it failed at {}: run it again", purchase.id));
    shop.stripe.clear_faults();
    succeeds(&reconcile(&shop));
}

async fn reconcile_says_for_what_it_had_no_time(shop: Shop) {
    let buyer = shop.customer().await;
    for _ in 0..3 {
        shop.order(&buyer).await;
    }
    let run = shop.payments.reconcile_within(TimeDelta::zero(), Duration::ZERO).await.unwrap();
    assert_eq!((run.purchases, run.left_over), (1, 2), "{run}");
    assert!(run.is_clean(), "that is no alert");
    let said = run.open(&[], &[]).unwrap();
    assert_eq!(said, "there was no time for 2 purchases and events here: run it again");
    assert_eq!(shop.reconcile().await.open(&[], &[]), None);
}

//! What Stripe tells of a payment is kept with the purchase; and the reconciler's line moves.

use chrono::TimeDelta;
use recharge::{
    credits::{Purchase, PurchaseState},
    server::{clock::to_millis, entity::purchase, marks},
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use stripe_simulator::{Fault, PayOutcome, Settlement, WebhookPolicy};

use crate::databases::on_both_databases;
use crate::payments_shop::{Shop, sell, session, settings};
use crate::prices::agreed;

on_both_databases!(
    paid_is_when_stripe_charged_and_not_when_we_heard_of_it,
    a_delayed_payment_was_made_when_it_was_ordered,
    what_stripes_page_noted_of_the_terms_is_kept,
    a_hundred_purchases_without_a_session_do_not_stand_before_a_paid_one,
    purchases_that_can_not_be_looked_after_go_to_the_end_of_the_line,
);

/// When Stripe charged, by its own books, in milliseconds.
fn charged_at(shop: &Shop, purchase: &Purchase) -> i64 {
    let object = |id: &str| shop.stripe.object(id).unwrap();
    let intent = object(object(session(purchase))["payment_intent"].as_str().unwrap());
    let charge = object(intent["latest_charge"].as_str().unwrap());
    charge["created"].as_i64().unwrap() * 1_000
}

/// The reconciler finds no event: only looking after the purchases helps.
async fn no_events(shop: &Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let later = shop.clock.now() + TimeDelta::days(1);
    let (writer, later) = (shop.test.database.writer(), later.timestamp().to_string());
    marks::write(writer, "stripe_events", &later, shop.clock.now()).await.unwrap();
}

async fn paid_is_when_stripe_charged_and_not_when_we_heard_of_it(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    assert_eq!(purchase.charged_at, None);
    shop.pay(&purchase);
    shop.clock.advance(TimeDelta::minutes(20));
    shop.reconcile().await;
    let credited = shop.look(&purchase).await;
    let (charged, heard) = (credited.charged_at.unwrap(), credited.paid_at.unwrap());
    assert_eq!(to_millis(charged), charged_at(&shop, &purchase));
    assert!(heard - charged >= TimeDelta::minutes(19), "{charged} {heard}");
    assert_eq!(credited.stripe_consent, None, "nobody was asked");
    shop.books_agree().await;
}

async fn a_delayed_payment_was_made_when_it_was_ordered(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.pay(session(&purchase), PayOutcome::Unpaid).unwrap();
    shop.hears_all().await;
    let processing = shop.look(&purchase).await;
    assert_eq!(processing.state, PurchaseState::Processing);
    assert_eq!(to_millis(processing.charged_at.unwrap()), charged_at(&shop, &purchase));
    assert_eq!(processing.paid_at, None);
    shop.stripe.settle(session(&purchase), Settlement::Succeeded).unwrap();
    shop.hears_all().await;
    let credited = shop.look(&purchase).await;
    assert_eq!(credited.charged_at, processing.charged_at);
    assert!(credited.paid_at.is_some());
}

async fn what_stripes_page_noted_of_the_terms_is_kept(shop: Shop) {
    let buyer = shop.customer().await;
    let mut asking = settings(&shop.stripe.base_url());
    asking.terms_url = Some("https://shop.test/terms".parse().unwrap());
    let payments = sell(&shop.test.database, &shop.clock, &shop.ledger, asking).await;
    let choice = recharge::server::payments::Choice::Package("trader".to_owned());
    let intent = uuid::Uuid::new_v4().to_string();
    let purchase = payments.checkout(&buyer, &choice, &intent, &agreed()).await.unwrap();
    assert_eq!(purchase.stripe_consent, None);
    shop.pay(&purchase);
    shop.hears_all().await;
    assert_eq!(shop.look(&purchase).await.stripe_consent.as_deref(), Some("accepted"));
}

async fn a_hundred_purchases_without_a_session_do_not_stand_before_a_paid_one(shop: Shop) {
    no_events(&shop).await;
    let buyer = shop.customer().await;
    let paid = shop.order(&buyer).await;
    shop.pay(&paid);
    let like = shop.row(&paid).await;
    let started = (0..120).map(|number| {
        let row = purchase::Model {
            id: format!("pur_started_{number}"),
            intent: format!("{number:0>36}{}", &like.intent[36..]),
            idempotency_key: format!("checkout:pur_started_{number}"),
            state: PurchaseState::Started.id().to_owned(),
            stripe_session: None,
            checkout_url: None,
            updated_at: like.updated_at - 1_000,
            ..like.clone()
        };
        row.into_active_model().reset_all()
    });
    let insert = purchase::Entity::insert_many(started);
    insert.exec_without_returning(shop.test.database.writer()).await.unwrap();

    let report = shop.reconcile().await;
    assert_eq!(shop.look(&paid).await.state, PurchaseState::Credited);
    assert_eq!(report.purchases, 1, "the others are not due");
    // Once Stripe would not open a session for them any more, they end.
    shop.clock.advance(TimeDelta::minutes(45));
    assert_eq!(shop.reconcile().await.ended.len(), 120);
    assert_eq!(shop.reconcile().await.ended.len(), 0);
    shop.books_agree().await;
}

async fn purchases_that_can_not_be_looked_after_go_to_the_end_of_the_line(shop: Shop) {
    no_events(&shop).await;
    let buyer = shop.customer().await;
    for _ in 0..4 {
        let broken = shop.order(&buyer).await;
        let path = format!("/v1/checkout/sessions/{}", session(&broken));
        shop.stripe.fault(Fault::on("GET", &path).status(400));
    }
    let paid = shop.order(&buyer).await;
    shop.pay(&paid);
    // More failures in a row than count as an outage: this run gives up before the paid one.
    shop.clock.advance(TimeDelta::minutes(1));
    shop.payments.reconcile(TimeDelta::zero()).await.unwrap_err();
    assert_eq!(shop.look(&paid).await.state, PurchaseState::Open);
    shop.clock.advance(TimeDelta::minutes(1));
    shop.payments.reconcile(TimeDelta::zero()).await.ok();
    assert_eq!(shop.look(&paid).await.state, PurchaseState::Credited);
}

//! From a wish to buy to Stripe's page and back, also by those who change their minds.

use axum::http::StatusCode;
use chrono::TimeDelta;
use futures::future::join_all;
use recharge::{
    credits::{AmountError, Credits, PurchaseState},
    server::payments::{Agreed, Away, CheckoutError, Choice},
};
use stripe_simulator::{PayOutcome, WebhookPolicy};
use uuid::Uuid;

use crate::databases::on_both_databases;
use crate::payments_shop::{Shop, nobody, sell, session, settings};
use crate::prices::agreed;

on_both_databases!(
    a_purchase_keeps_its_price_and_the_accepted_terms,
    stripe_is_told_all_that_matters,
    the_same_intent_is_the_same_purchase_also_at_once,
    another_choice_with_the_same_intent_is_another_purchase,
    what_can_not_be_bought_creates_nothing,
    a_session_that_expires_ends_the_purchase,
    a_cancelled_purchase_can_not_be_paid_any_more,
    a_paid_purchase_is_never_shown_as_cancelled,
    a_purchase_of_somebody_else_is_not_found,
    somebody_elses_session_in_the_address_is_not_found_and_nothing_leaks,
    without_keys_everything_but_buying_works,
);

fn intent() -> String {
    Uuid::new_v4().to_string()
}

async fn a_purchase_keeps_its_price_and_the_accepted_terms(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let row = shop.row(&purchase).await;
    assert_eq!((row.total, row.currency.as_str()), (23_000, "usd"));
    assert_eq!((row.credits, row.package.as_deref()), (5_000_000, Some("trader")));
    assert!(row.terms.contains("non-refundable") && row.terms_accepted_at > 0);
    assert_eq!(row.catalogue_version, "2026-11");
    assert!(!row.livemode);
    assert!(purchase.checkout_url.unwrap().starts_with(&shop.stripe.base_url()));
}

async fn stripe_is_told_all_that_matters(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let requests = shop.stripe.requests_to("POST", "/v1/checkout/sessions");
    let [request] = requests.as_slice() else { panic!("{requests:#?}") };
    let params = &request.params;
    assert_eq!(params["client_reference_id"], purchase.id.as_str());
    assert_eq!(params["metadata"]["purchase"], purchase.id.as_str());
    assert_eq!(params["payment_intent_data"]["metadata"]["purchase"], purchase.id.as_str());
    assert_eq!(params["customer_email"], buyer.email.as_str());
    let page = format!("http://shop.test/settings/credits/purchases/{}", purchase.id);
    assert_eq!(params["success_url"], format!("{page}?session_id={{CHECKOUT_SESSION_ID}}"));
    assert_eq!(params["cancel_url"], format!("{page}?returned=1"));
    let text = params["custom_text"]["submit"]["message"].as_str().unwrap();
    assert!(text.contains("non-refundable") && text.contains("expire one year after"), "{text}");
    let price = &params["line_items"]["0"]["price_data"];
    assert_eq!(price["unit_amount"], "23000");
    assert_eq!(price["product_data"]["name"], "5,000 credits");
    for absent in ["payment_method_types", "ui_mode", "consent_collection"] {
        assert!(params[absent].is_null(), "{absent}");
    }
    let key = shop.row(&purchase).await.idempotency_key;
    assert_eq!(request.idempotency_key.as_deref(), Some(key.as_str()));
}

async fn the_same_intent_is_the_same_purchase_also_at_once(shop: Shop) {
    let buyer = shop.customer().await;
    let (choice, intent) = (Choice::Custom("1234".to_owned()), intent());
    let agreed = agreed();
    let clicks = (0..10).map(|_| shop.payments.checkout(&buyer, &choice, &intent, &agreed));
    let purchases: Vec<_> = join_all(clicks).await.into_iter().map(Result::unwrap).collect();
    assert!(purchases.iter().all(|purchase| purchase == &purchases[0]), "{purchases:#?}");
    assert_eq!(shop.stripe.sessions().len(), 1);
    let later = shop.payments.checkout(&buyer, &choice, &intent, &agreed).await.unwrap();
    assert_eq!(later, purchases[0]);
    assert_eq!(shop.all_purchases().await.len(), 1);
    let resumed = shop.payments.resume(&buyer, &later.id).await.unwrap().unwrap();
    assert_eq!(resumed.checkout_url, later.checkout_url);
    assert_eq!(shop.stripe.sessions().len(), 1);
}

async fn another_choice_with_the_same_intent_is_another_purchase(shop: Shop) {
    let (buyer, intent) = (shop.customer().await, intent());
    let small = Choice::Package("starter".to_owned());
    let large = Choice::Package("desk".to_owned());
    let first = shop.payments.checkout(&buyer, &small, &intent, &agreed()).await.unwrap();
    let second = shop.payments.checkout(&buyer, &large, &intent, &agreed()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(second.total.minor, 83_000);
}

async fn what_can_not_be_bought_creates_nothing(shop: Shop) {
    let buyer = shop.customer().await;
    let custom = |text: &str| Choice::Custom(text.to_owned());
    let refusals = [
        (custom(""), AmountError::Empty),
        (custom("0"), AmountError::TooFew(100)),
        (custom("-5000"), AmountError::TooFew(100)),
        (custom("12.5"), AmountError::Fraction),
        (custom("1e9"), AmountError::NotANumber),
        (custom("100001"), AmountError::TooMany(100_000)),
        (custom("5,000"), AmountError::Separators("5000".to_owned())),
    ];
    for (choice, error) in refusals {
        let refused = shop.payments.checkout(&buyer, &choice, &intent(), &agreed()).await;
        assert_eq!(refused.unwrap_err(), CheckoutError::Amount(error));
    }
    let package = Choice::Package("no_such".to_owned());
    let refused = shop.payments.checkout(&buyer, &package, &intent(), &agreed()).await;
    assert_eq!(refused.unwrap_err(), CheckoutError::UnknownPackage);
    let refused = shop
        .payments
        .checkout(&buyer, &custom("500"), &intent(), &Agreed { terms: false, ..agreed() })
        .await;
    assert_eq!(refused.unwrap_err(), CheckoutError::Terms);
    let refused = shop.payments.checkout(&buyer, &custom("500"), "not ours", &agreed()).await;
    assert_eq!(refused.unwrap_err(), CheckoutError::Intent);

    let form = [("package", "custom"), ("amount", "12.5"), ("intent", "x"), ("terms", "accepted")];
    let answer = shop.post(&buyer, "/settings/credits/buy", &form).await;
    let again = "/settings/credits/buy?package=custom&amount=12.5&problem=amount";
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, again));
    assert!(shop.all_purchases().await.is_empty() && shop.stripe.sessions().is_empty());
}

async fn a_session_that_expires_ends_the_purchase(shop: Shop) {
    let buyer = shop.customer().await;
    let (told, untold) = (shop.order(&buyer).await, shop.order(&buyer).await);
    shop.stripe.expire(session(&told)).unwrap();
    shop.hears_all().await;
    assert_eq!(shop.look(&told).await.state, PurchaseState::Expired);
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    shop.stripe.expire(session(&untold)).unwrap();
    assert_eq!(shop.reconcile().await.ended, std::slice::from_ref(&untold.id));
    let ended = shop.look(&untold).await;
    assert_eq!((ended.state, ended.checkout_url), (PurchaseState::Expired, None));
    // The old link leads to the purchase, not to a new payment.
    let page = format!("/settings/credits/purchases/{}", told.id);
    let answer = shop.post(&buyer, &format!("{page}/pay"), &[]).await;
    assert_eq!(answer.location(), page);
    assert_eq!(shop.stripe.sessions().len(), 2);
    shop.books_agree().await;
}

async fn a_cancelled_purchase_can_not_be_paid_any_more(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let path = format!("/settings/credits/purchases/{}/cancel", purchase.id);
    assert_eq!(shop.post(&buyer, &path, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(shop.look(&purchase).await.state, PurchaseState::Cancelled);
    shop.stripe.pay(session(&purchase), PayOutcome::Paid).unwrap_err();
    shop.hears_all().await;
    shop.reconcile().await;
    let cancelled = shop.look(&purchase).await;
    assert_eq!((cancelled.state, cancelled.checkout_url), (PurchaseState::Cancelled, None));
    assert_eq!(shop.available(&buyer).await, Credits::ZERO);
    shop.books_agree().await;
}

async fn a_paid_purchase_is_never_shown_as_cancelled(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let (paid, delayed) = (shop.order(&buyer).await, shop.order(&buyer).await);
    shop.pay(&paid);
    let cancelled = shop.payments.cancel(&buyer.account, &paid.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, PurchaseState::Credited);
    shop.stripe.pay(session(&delayed), PayOutcome::Unpaid).unwrap();
    let cancelled = shop.payments.cancel(&buyer.account, &delayed.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, PurchaseState::Processing);
    shop.books_agree().await;
}

async fn a_purchase_of_somebody_else_is_not_found(shop: Shop) {
    let (owner, other) = (shop.customer().await, shop.customer().await);
    let purchase = shop.order(&owner).await;
    assert_eq!(shop.payments.purchase(&other.account, &purchase.id).await, Ok(None));
    assert_eq!(shop.payments.purchase(&nobody(), "pur_nothing").await, Ok(None));
    for verb in ["pay", "cancel", "check"] {
        let path = format!("/settings/credits/purchases/{}/{verb}", purchase.id);
        let answer = shop.post(&other, &path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, ""), "{verb}");
    }
    assert_eq!(shop.look(&purchase).await, purchase);
}

async fn somebody_elses_session_in_the_address_is_not_found_and_nothing_leaks(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let (owner, other) = (shop.customer().await, shop.customer().await);
    let (theirs, own) = (shop.order(&owner).await, shop.order(&other).await);
    shop.pay(&theirs);
    let sessions = [session(&theirs), "cs_test_unknown", "../../v1/events", "", "%00\u{0}"];
    for foreign in sessions {
        let landed = shop.payments.landed(&other.account, &own.id, Some(foreign)).await;
        assert_eq!(landed, Ok(None), "{foreign}");
        let landed = shop.payments.landed(&other.account, &theirs.id, Some(foreign)).await;
        assert_eq!(landed, Ok(None), "{foreign}");
    }
    assert_eq!(shop.available(&other).await, Credits::ZERO);
    let landed = shop.payments.landed(&owner.account, &theirs.id, Some(session(&theirs))).await;
    assert_eq!(landed.unwrap().unwrap().state, PurchaseState::Credited);
    shop.books_agree().await;
}

async fn without_keys_everything_but_buying_works(shop: Shop) {
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let mut keyless = settings(&shop.stripe.base_url());
    (keyless.secret_key, keyless.webhook_secrets) = (None, Vec::new());
    let payments = sell(&shop.test.database, &shop.clock, &shop.ledger, keyless).await;
    assert!(!payments.is_on() && shop.payments.is_on());
    let choice = Choice::Package("trader".to_owned());
    let refused = payments.checkout(&buyer, &choice, &intent(), &agreed()).await;
    assert_eq!(refused.unwrap_err(), CheckoutError::Away(Away::Off));
    assert_eq!(payments.purchases(&buyer.account).await.unwrap().len(), 1);
    assert_eq!(payments.reconcile(TimeDelta::zero()).await, Err(Away::Off));
    let landed = payments.landed(&buyer.account, &purchase.id, purchase.stripe_session.as_deref());
    assert_eq!(landed.await.unwrap().unwrap().state, PurchaseState::Open);
}

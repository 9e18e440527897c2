//! The client that the application uses reads every answer and every event.
use std::collections::HashMap;

use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionConsentCollection,
    CreateCheckoutSessionConsentCollectionTermsOfService, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionLineItemsPriceData, CreateCheckoutSessionPaymentIntentData,
    ExpireCheckoutSession, ListLineItemsCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_core::event::ListEvent;
use stripe_shared::{CheckoutSessionMode, CheckoutSessionPaymentStatus, CheckoutSessionStatus};
use stripe_simulator::{PayOutcome, Settlement};
use stripe_webhook::{EventObject, Webhook};

use crate::shop::{SECRET, Shop};

fn client(shop: &Shop) -> Client {
    let base = format!("{}/", shop.simulator.base_url());
    ClientBuilder::new("sk_test_shop").url(base).build().expect("a sound key")
}

fn new_session(unit_amount: i64) -> CreateCheckoutSession {
    let product = ProductData::new("20,000 credits");
    let price = CreateCheckoutSessionLineItemsPriceData {
        product_data: Some(product),
        unit_amount: Some(unit_amount),
        ..CreateCheckoutSessionLineItemsPriceData::new(stripe_types::Currency::USD)
    };
    let item = CreateCheckoutSessionLineItems {
        price_data: Some(price),
        quantity: Some(1),
        ..CreateCheckoutSessionLineItems::new()
    };
    let metadata = HashMap::from([("purchase".to_owned(), "purchase-1".to_owned())]);
    let terms = CreateCheckoutSessionConsentCollectionTermsOfService::Required;
    CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .client_reference_id("purchase-1")
        .customer_email("mira@northgate.example")
        .success_url("http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}")
        .cancel_url("http://127.0.0.1:9/cancel")
        .line_items(vec![item])
        .metadata(metadata.clone())
        .consent_collection(CreateCheckoutSessionConsentCollection {
            terms_of_service: Some(terms),
            ..CreateCheckoutSessionConsentCollection::new()
        })
        .payment_intent_data(CreateCheckoutSessionPaymentIntentData {
            metadata: Some(metadata),
            ..CreateCheckoutSessionPaymentIntentData::new()
        })
}

#[tokio::test]
async fn it_creates_pays_and_retrieves_a_session() {
    let shop = Shop::open().await;
    let client = client(&shop);
    let key = IdempotencyKey::new("key-1").unwrap();
    let create = new_session(83_000).customize().request_strategy(RequestStrategy::Idempotent(key));
    let created = create.send(&client).await.unwrap();
    assert_eq!(created.status, Some(CheckoutSessionStatus::Open));
    assert!(created.url.is_some());
    shop.simulator.pay(created.id.as_str(), PayOutcome::Paid).unwrap();
    let expand = vec!["payment_intent.latest_charge".to_owned(), "line_items".to_owned()];
    let paid = RetrieveCheckoutSession::new(created.id.clone())
        .expand(expand)
        .send(&client)
        .await
        .unwrap();
    assert_eq!(paid.payment_status, CheckoutSessionPaymentStatus::Paid);
    assert_eq!(paid.amount_total, Some(83_000));
    let intent = paid.payment_intent.unwrap().into_object().unwrap();
    assert_eq!(intent.metadata["purchase"], "purchase-1");
    let charge = intent.latest_charge.unwrap().into_object().unwrap();
    assert!(charge.receipt_url.is_some());
    assert_eq!(paid.line_items.unwrap().data.len(), 1);
    let items = ListLineItemsCheckoutSession::new(created.id).send(&client).await.unwrap();
    assert_eq!(items.data[0].amount_total, 83_000);
    let seen = shop.simulator.requests();
    assert_eq!(seen[0].idempotency_key.as_deref(), Some("key-1"));
    assert_eq!(seen[0].stripe_version, "2026-09-30.endive");
}

#[tokio::test]
async fn it_reads_refusals_with_their_code() {
    let shop = Shop::open().await;
    let client = client(&shop);
    let Err(StripeError::Stripe(error, 400)) = new_session(10).send(&client).await else {
        panic!("too small an amount must be refused");
    };
    assert_eq!(error.code.unwrap().as_str(), "amount_too_small");
    let missing = RetrieveCheckoutSession::new("cs_test_no").send(&client).await;
    let Err(StripeError::Stripe(error, 404)) = missing else { panic!("nothing has this id") };
    assert_eq!(error.code.unwrap().as_str(), "resource_missing");
    let session = new_session(83_000).send(&client).await.unwrap();
    shop.simulator.pay(session.id.as_str(), PayOutcome::Declined).unwrap_err();
    let declined =
        RetrieveCheckoutSession::new(session.id.clone()).expand(vec!["payment_intent".into()]);
    let declined = declined.send(&client).await.unwrap();
    let intent = declined.payment_intent.unwrap().into_object().unwrap();
    assert_eq!(intent.last_payment_error.unwrap().decline_code.as_deref(), Some("generic_decline"));
    let expired = ExpireCheckoutSession::new(session.id).send(&client).await.unwrap();
    assert_eq!(expired.status, Some(CheckoutSessionStatus::Expired));
}

#[tokio::test]
async fn it_reads_every_kind_of_event() {
    let shop = Shop::open().await;
    let client = client(&shop);
    let session = async || new_session(83_000).send(&client).await.unwrap().id;
    shop.simulator.pay(session().await.as_str(), PayOutcome::Paid).unwrap();
    shop.simulator.pay(session().await.as_str(), PayOutcome::Declined).unwrap_err();
    for settlement in [Settlement::Succeeded, Settlement::Failed] {
        let id = session().await;
        shop.simulator.pay(id.as_str(), PayOutcome::Unpaid).unwrap();
        shop.simulator.settle(id.as_str(), settlement).unwrap();
    }
    shop.simulator.expire(session().await.as_str()).unwrap();
    shop.quiet().await;
    let received = shop.received();
    let mut checkouts = 0;
    for webhook in &received {
        let body = std::str::from_utf8(&webhook.body).unwrap();
        let event = Webhook::construct_event(body, webhook.signature.as_deref().unwrap(), SECRET);
        let event = event.unwrap_or_else(|error| panic!("{error}: {body}"));
        checkouts += usize::from(matches!(
            event.data.object,
            EventObject::CheckoutSessionCompleted(_)
                | EventObject::CheckoutSessionAsyncPaymentSucceeded(_)
                | EventObject::CheckoutSessionAsyncPaymentFailed(_)
                | EventObject::CheckoutSessionExpired(_)
        ));
    }
    assert_eq!(checkouts, 6);
    let listed = ListEvent::new().limit(100).send(&client).await.unwrap();
    assert_eq!(listed.data.len(), received.len());
}

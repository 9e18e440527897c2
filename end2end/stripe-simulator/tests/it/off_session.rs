//! A saved card is charged without its owner.
use serde_json::json;
use stripe_simulator::{Config, Settlement};

use crate::shop::Shop;

/// A customer who has paid on the hosted page and let the card be saved: customer and payment method.
async fn saved(shop: &Shop, form: &str) -> (String, String) {
    let more = "&customer_creation=always&payment_intent_data[setup_future_usage]=off_session";
    let session = shop.session_with(more).await;
    let page = format!("/c/pay/{session}");
    let form = format!("email=mira@northgate.example&expiry=12/34&cvc=123&{form}");
    let answer = shop.send("POST", &page, &[], &form).await;
    if answer.header("location").is_some_and(|to| to.ends_with("3d-secure")) {
        shop.send("POST", &format!("{page}/3d-secure"), &[], "result=complete").await;
    }
    let customer = shop.simulator.object(&session).expect("the session exists")["customer"]
        .as_str()
        .expect("a customer was made")
        .to_owned();
    let methods = shop.get(&format!("/v1/customers/{customer}/payment_methods")).await.json();
    let method = methods["data"][0]["id"].as_str().expect("a saved payment method").to_owned();
    (customer, method)
}

fn payment(customer: &str, method: &str) -> String {
    format!(
        "amount=5000&currency=usd&customer={customer}&payment_method={method}\
         &off_session=true&confirm=true&metadata[trigger]=t1"
    )
}

#[tokio::test]
async fn a_saved_card_pays() {
    let shop = Shop::open().await;
    let (customer, method) = saved(&shop, "method=card&card=4242424242424242").await;
    let known = shop.simulator.events().len();
    let intent = shop.post_once("t1", "/v1/payment_intents", &payment(&customer, &method)).await;
    assert_eq!(intent.status, 200, "{}", intent.text);
    let intent = intent.json();
    assert_eq!(
        (&intent["status"], &intent["amount_received"]),
        (&json!("succeeded"), &json!(5000))
    );
    assert_eq!(intent["metadata"]["trigger"], "t1");
    let kinds: Vec<_> =
        shop.simulator.events()[known..].iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]);
}

#[tokio::test]
async fn cards_refuse_in_their_own_way_and_the_refusal_is_kept() {
    for (card, code, decline_code) in [
        ("4000002500003155", "authentication_required", "authentication_required"),
        ("4000000000000341", "card_declined", "generic_decline"),
    ] {
        let shop = Shop::open().await;
        let (customer, method) = saved(&shop, &format!("method=card&card={card}")).await;
        let form = payment(&customer, &method);
        let refused = shop.post_once("t1", "/v1/payment_intents", &form).await;
        assert_eq!((refused.status, refused.error("type").as_str()), (402, "card_error"));
        assert_eq!(refused.error("code"), code);
        assert_eq!(refused.error("decline_code"), decline_code);
        assert_eq!(refused.json()["error"]["payment_intent"]["status"], "requires_payment_method");
        let again = shop.post_once("t1", "/v1/payment_intents", &form).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (402, Some("true")));
    }
}

#[tokio::test]
async fn a_saved_bank_debit_is_processing_and_settles_later() {
    let shop = Shop::open_with(Config { settle_after: None, ..Config::default() }).await;
    let (customer, method) = saved(&shop, "method=delayed-paid").await;
    let intent = shop.post("/v1/payment_intents", &payment(&customer, &method)).await.json();
    assert_eq!(intent["status"], "processing");
    let id = intent["id"].as_str().unwrap();
    let settled = shop.simulator.settle(id, Settlement::Succeeded).unwrap();
    assert_eq!(settled["status"], "succeeded");
    assert_eq!(shop.simulator.events().last().unwrap()["type"], "payment_intent.succeeded");
}

#[tokio::test]
async fn only_the_customers_own_saved_method_is_charged() {
    let shop = Shop::open().await;
    let (customer, method) = saved(&shop, "method=card&card=4242424242424242").await;
    let other = shop.post("/v1/customers", "").await.json()["id"].as_str().unwrap().to_owned();
    let foreign = shop.post("/v1/payment_intents", &payment(&other, &method)).await;
    assert_eq!((foreign.status, foreign.error("param").as_str()), (400, "payment_method"));
    let small = payment(&customer, &method).replace("5000", "49");
    assert_eq!(shop.post("/v1/payment_intents", &small).await.error("code"), "amount_too_small");
    let present = payment(&customer, &method).replace("&off_session=true", "");
    assert_eq!(shop.post("/v1/payment_intents", &present).await.error("param"), "off_session");
    let detached = shop.post(&format!("/v1/payment_methods/{method}/detach"), "").await.json();
    assert_eq!(detached["customer"], json!(null));
    assert_eq!(shop.post("/v1/payment_intents", &payment(&customer, &method)).await.status, 400);
}

#[tokio::test]
async fn a_card_is_saved_only_when_that_was_asked_for() {
    let shop = Shop::open().await;
    let session = shop.session_with("&customer_creation=always").await;
    shop.simulator.pay(&session, stripe_simulator::PayOutcome::Paid).unwrap();
    let customer =
        shop.simulator.object(&session).unwrap()["customer"].as_str().unwrap().to_owned();
    let methods = shop.get(&format!("/v1/customers/{customer}/payment_methods")).await.json();
    assert_eq!(methods["data"], json!([]));
}

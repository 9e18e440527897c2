//! A payment method is saved without buying anything.
use serde_json::{Value, json};

use crate::shop::{Shop, usual};

/// A customer, and a session that saves a payment method for them.
async fn setting_up(shop: &Shop) -> (String, String) {
    let customer = shop.post("/v1/customers", "email=mira@northgate.example").await.json();
    let customer = customer["id"].as_str().expect("an id").to_owned();
    let form = format!(
        "mode=setup&currency=usd&customer={customer}&client_reference_id=account-1\
         &success_url=http://127.0.0.1:9/done?session={{CHECKOUT_SESSION_ID}}\
         &cancel_url=http://127.0.0.1:9/cancel&setup_intent_data[metadata][account]=account-1"
    );
    let session = shop.post("/v1/checkout/sessions", &form).await;
    assert_eq!(session.status, 200, "{}", session.text);
    (customer, session.json()["id"].as_str().expect("an id").to_owned())
}

async fn methods(shop: &Shop, customer: &str) -> Value {
    shop.get(&format!("/v1/customers/{customer}/payment_methods")).await.json()["data"].clone()
}

#[tokio::test]
async fn a_saved_card_is_the_customers_and_nothing_was_charged() {
    let shop = Shop::open().await;
    let (customer, session) = setting_up(&shop).await;
    let page = shop.get(&format!("/c/pay/{session}")).await.text;
    assert!(page.contains("Save a payment method") && page.contains("Nothing is charged now"));
    let form =
        "email=mira@northgate.example&method=card&card=4242424242424242&expiry=12/34&cvc=123";
    let saved = shop.send("POST", &format!("/c/pay/{session}"), &[], form).await;
    assert_eq!(
        saved.header("location"),
        Some(&*format!("http://127.0.0.1:9/done?session={session}"))
    );
    let expand = "expand[0]=setup_intent.payment_method";
    let told = shop.get(&format!("/v1/checkout/sessions/{session}?{expand}")).await.json();
    assert_eq!((&told["status"], &told["mode"]), (&json!("complete"), &json!("setup")));
    assert_eq!((&told["amount_total"], &told["payment_intent"]), (&json!(null), &json!(null)));
    let intent = &told["setup_intent"];
    assert_eq!(
        (&intent["status"], &intent["metadata"]["account"]),
        (&json!("succeeded"), &json!("account-1"))
    );
    assert_eq!(intent["payment_method"]["card"]["last4"], "4242");
    assert_eq!(methods(&shop, &customer).await[0]["id"], intent["payment_method"]["id"]);
    let kinds: Vec<_> = shop.simulator.events().iter().map(|event| event["type"].clone()).collect();
    let expected = [
        "customer.created",
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn cards_may_ask_for_3d_secure_or_refuse_to_be_saved() {
    let shop = Shop::open().await;
    for number in ["4000000000000002", "4000000000009995"] {
        let (customer, session) = setting_up(&shop).await;
        let refused = shop.simulator.complete_with_card(&session, number).unwrap_err();
        assert_eq!((refused.status, refused.code), (402, Some("card_declined")));
        assert_eq!(methods(&shop, &customer).await, json!([]));
        let intent = shop.simulator.object(&session).unwrap()["setup_intent"].clone();
        let intent = shop.get(&format!("/v1/setup_intents/{}", intent.as_str().unwrap())).await;
        assert_eq!(intent.json()["last_setup_error"]["code"], "card_declined");
    }
    let (customer, session) = setting_up(&shop).await;
    shop.simulator.complete_with_card(&session, "4000002500003155").unwrap();
    assert_eq!(methods(&shop, &customer).await[0]["card"]["last4"], "3155");
    assert_eq!(shop.simulator.complete_with_card(&session, "1234").unwrap_err().status, 400);
}

#[tokio::test]
async fn a_failed_3d_secure_saves_nothing() {
    let shop = Shop::open().await;
    let (customer, session) = setting_up(&shop).await;
    let page = format!("/c/pay/{session}");
    let form =
        "email=mira@northgate.example&method=card&card=4000002500003155&expiry=12/34&cvc=123";
    shop.send("POST", &page, &[], form).await;
    let asked = shop.get(&format!("{page}/3d-secure")).await.text;
    assert!(asked.contains("confirm that your payment method is saved"), "{asked}");
    shop.send("POST", &format!("{page}/3d-secure"), &[], "result=fail").await;
    assert_eq!(methods(&shop, &customer).await, json!([]));
    assert_eq!(shop.simulator.object(&session).unwrap()["status"], "open");
}

#[tokio::test]
async fn what_belongs_to_the_other_mode_is_refused() {
    let shop = Shop::open().await;
    let setup = "mode=setup&currency=usd&success_url=http://127.0.0.1:9/done";
    for (more, param) in [
        ("&line_items[0][quantity]=1", "line_items"),
        ("&payment_intent_data[description]=x", "payment_intent_data"),
        ("&submit_type=pay", "submit_type"),
        ("&setup_intent_data[colour]=red", "setup_intent_data[colour]"),
    ] {
        let refused = shop.post("/v1/checkout/sessions", &format!("{setup}{more}")).await;
        assert_eq!((refused.status, refused.error("param").as_str()), (400, param));
    }
    let currency = shop.post("/v1/checkout/sessions", &setup.replace("&currency=usd", "")).await;
    assert_eq!(currency.error("param"), "currency");
    let payment = format!("{}&setup_intent_data[description]=x", usual());
    let refused = shop.post("/v1/checkout/sessions", &payment).await;
    assert_eq!(refused.error("param"), "setup_intent_data");
}

//! The hosted page, as a browser without scripts uses it.
use std::time::{Duration, Instant};

use serde_json::json;
use stripe_simulator::{Config, PayOutcome, WebhookPolicy};

use crate::shop::{Answer, SOON, Shop};

const CARD: &str = "email=mira@northgate.example&method=card&expiry=12/34&cvc=123&card=";

async fn submit(shop: &Shop, id: &str, form: &str) -> Answer {
    shop.send("POST", &format!("/c/pay/{id}"), &[], form).await
}

fn done(id: &str) -> String {
    format!("http://127.0.0.1:9/done?session={id}")
}

#[tokio::test]
async fn the_page_shows_what_is_bought_and_that_nothing_is_real() {
    let shop = Shop::open().await;
    let more = "&customer_email=mira@northgate.example&custom_text[submit][message]=Non-refundable, <b> see [terms](https://a.test/t)";
    let id = shop.session_with(more).await;
    let page = shop.get(&format!("/c/pay/{id}")).await;
    assert_eq!(page.status, 200);
    for part in [
        "Stripe simulator: no real payment",
        "20,000 credits",
        "Pay $830.00 (simulated)",
        "mira@northgate.example",
        "http://127.0.0.1:9/cancel",
        r#"Non-refundable, &lt;b&gt; see <a href="https://a.test/t""#,
    ] {
        assert!(page.text.contains(part), "{part} is missing in {}", page.text);
    }
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    assert!(!page.text.contains("name=\"terms\""), "no consent was asked for");
}

#[tokio::test]
async fn paying_waits_for_the_webhook_and_leads_to_the_success_url() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.webhooks(WebhookPolicy::delayed(Duration::from_millis(150)));
    let answer = submit(&shop, &id, &format!("{CARD}4242 4242 4242 4242")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(done(&id).as_str())));
    assert!(
        shop.received_kinds().contains(&"checkout.session.completed".to_owned()),
        "the webhook came first"
    );
    assert_eq!(
        shop.simulator.object(&id).unwrap()["customer_details"]["email"],
        "mira@northgate.example"
    );
}

#[tokio::test]
async fn the_wait_for_the_webhook_ends() {
    let config = Config { redirect_wait: Duration::from_millis(100), ..Config::default() };
    let shop = Shop::open_with(config).await;
    let id = shop.session().await;
    shop.simulator.webhooks(WebhookPolicy::delayed(SOON));
    let began = Instant::now();
    assert_eq!(submit(&shop, &id, &format!("{CARD}4242424242424242")).await.status, 303);
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(shop.received().is_empty(), "the customer was sent back before any webhook");
}

#[tokio::test]
async fn a_refused_card_says_so_and_another_one_pays() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    for (card, words) in [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "insufficient funds"),
    ] {
        let page = submit(&shop, &id, &format!("{CARD}{card}")).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains(words) && page.text.contains("Nothing was charged"),
            "{}",
            page.text
        );
    }
    assert_eq!(submit(&shop, &id, &format!("{CARD}4242424242424242")).await.status, 303);
}

#[tokio::test]
async fn a_wrong_field_is_marked_and_what_was_typed_is_kept() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let page = submit(&shop, &id, "email=mira&method=card&card=4242&expiry=1&cvc=9").await;
    assert!(page.text.contains(r#"value="mira" aria-invalid="true""#), "{}", page.text);
    let page = submit(&shop, &id, "email=a@b.test&method=card&card=1234&expiry=1&cvc=9").await;
    assert!(page.text.contains(r#"value="1234" aria-invalid="true""#), "{}", page.text);
    assert!(shop.simulator.events().is_empty(), "nothing was tried");
}

#[tokio::test]
async fn consent_is_required_when_it_was_asked_for_and_kept() {
    let shop = Shop::open().await;
    let more = "&consent_collection[terms_of_service]=required&custom_text[terms_of_service_acceptance][message]=I agree to [all](https://a.test/t).";
    let id = shop.session_with(more).await;
    let page = submit(&shop, &id, &format!("{CARD}4242424242424242")).await;
    assert!(page.text.contains("Agree to the terms to go on"), "{}", page.text);
    assert!(page.text.contains(r#"I agree to <a href="https://a.test/t""#));
    assert_eq!(shop.simulator.object(&id).unwrap()["status"], "open");
    assert_eq!(
        submit(&shop, &id, &format!("{CARD}4242424242424242&terms=accepted")).await.status,
        303
    );
    assert_eq!(shop.simulator.object(&id).unwrap()["consent"]["terms_of_service"], "accepted");
}

#[tokio::test]
async fn consent_cannot_be_asked_for_without_terms() {
    let shop = Shop::open_with(Config { terms_of_service_url: None, ..Config::default() }).await;
    let form = format!("{}&consent_collection[terms_of_service]=required", crate::shop::usual());
    let answer = shop.post("/v1/checkout/sessions", &form).await;
    assert_eq!(answer.error("param"), "consent_collection[terms_of_service]");
}

#[tokio::test]
async fn the_bank_may_ask_first() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let secure = format!("/c/pay/{id}/3d-secure");
    let answer = submit(&shop, &id, &format!("{CARD}4000002500003155")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(secure.as_str())));
    assert!(shop.get(&secure).await.text.contains("3D Secure"));
    let failed = shop.send("POST", &secure, &[], "result=fail").await;
    assert!(failed.text.contains("unable to authenticate"), "{}", failed.text);
    assert_eq!(
        shop.get(&secure).await.header("location"),
        Some(format!("/c/pay/{id}").as_str()),
        "nobody is asked any more"
    );
    submit(&shop, &id, &format!("{CARD}4000002500003155")).await;
    let passed = shop.send("POST", &secure, &[], "result=complete").await;
    assert_eq!(passed.header("location"), Some(done(&id).as_str()));
    let session = shop
        .get(&format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge"))
        .await
        .json();
    let secured = &session["payment_intent"]["latest_charge"]["payment_method_details"]["card"]["three_d_secure"];
    assert_eq!(secured["result"], "authenticated");
}

#[tokio::test]
async fn a_bank_debit_completes_unpaid() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let answer = submit(&shop, &id, "email=a@b.test&method=delayed-paid").await;
    assert_eq!(answer.status, 303);
    let session = shop.simulator.object(&id).unwrap();
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("unpaid"))
    );
}

#[tokio::test]
async fn a_bank_debit_settles_as_it_was_chosen() {
    for (method, status, kind) in [
        ("delayed-paid", "paid", "checkout.session.async_payment_succeeded"),
        ("delayed-failed", "unpaid", "checkout.session.async_payment_failed"),
    ] {
        let shop =
            Shop::open_with(Config { settle_after: Some(Duration::ZERO), ..Config::default() })
                .await;
        let id = shop.session().await;
        submit(&shop, &id, &format!("email=a@b.test&method={method}")).await;
        assert!(shop.simulator.delivered(kind, SOON).await, "{kind}");
        assert_eq!(shop.simulator.object(&id).unwrap()["payment_status"], status);
    }
}

#[tokio::test]
async fn two_clicks_pay_once_and_both_arrive() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    let form = format!("{CARD}4242424242424242");
    let (first, second) = tokio::join!(submit(&shop, &id, &form), submit(&shop, &id, &form));
    for answer in [first, second] {
        assert_eq!(answer.header("location"), Some(done(&id).as_str()));
    }
    let charges = shop.get("/v1/charges").await.json();
    assert_eq!(charges["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_is_over_has_a_page_that_says_so() {
    let shop = Shop::open().await;
    let paid = shop.session().await;
    shop.simulator.pay(&paid, PayOutcome::Paid).unwrap();
    let page = shop.get(&format!("/c/pay/{paid}")).await;
    assert!(page.text.contains("Payment complete") && page.text.contains(&done(&paid)));
    let expired = shop.session().await;
    shop.simulator.expire(&expired).unwrap();
    assert!(shop.get(&format!("/c/pay/{expired}")).await.text.contains("This page has expired"));
    let late = submit(&shop, &expired, &format!("{CARD}4242424242424242")).await;
    assert!(late.text.contains("Nothing was charged"));
    assert_eq!(shop.get("/c/pay/cs_test_no").await.status, 404);
}

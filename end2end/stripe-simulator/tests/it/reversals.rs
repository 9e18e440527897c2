//! Money that goes back: refunds, disputes, fraud warnings.
use serde_json::{Value, json};
use stripe_simulator::{PayOutcome, Verdict};
use stripe_webhook::Webhook;

use crate::shop::{SECRET, Shop};

async fn paid(shop: &Shop) -> (String, String) {
    let session = shop.session().await;
    let paid = shop.simulator.pay(&session, PayOutcome::Paid).expect("an open session is paid");
    let intent = paid["payment_intent"].as_str().expect("a paid session has an intent");
    let intent = shop.simulator.object(intent).expect("the intent exists");
    (session, intent["latest_charge"].as_str().expect("it has a charge").to_owned())
}

fn kinds_after(shop: &Shop, known: usize) -> Vec<Value> {
    shop.simulator.events()[known..].iter().map(|event| event["type"].clone()).collect()
}

#[tokio::test]
async fn partial_refunds_add_up_on_the_charge() {
    let shop = Shop::open().await;
    let (_, charge) = paid(&shop).await;
    let known = shop.simulator.events().len();
    let form = format!("charge={charge}&amount=30000&reason=requested_by_customer");
    let refund = shop.post("/v1/refunds", &form).await.json();
    assert_eq!((&refund["status"], &refund["amount"]), (&json!("succeeded"), &json!(30_000)));
    assert_eq!(kinds_after(&shop, known), ["refund.created", "charge.refunded", "refund.updated"]);
    let too_much = shop.post("/v1/refunds", &format!("charge={charge}&amount=53001")).await;
    assert_eq!((too_much.status, too_much.error("param").as_str()), (400, "amount"));
    shop.simulator.refund(&charge, None).unwrap();
    let object = shop.simulator.object(&charge).unwrap();
    assert_eq!((&object["amount_refunded"], &object["refunded"]), (&json!(83_000), &json!(true)));
    let again = shop.post("/v1/refunds", &format!("charge={charge}")).await;
    assert_eq!(again.error("code"), "charge_already_refunded");
    let list = shop.get(&format!("/v1/refunds?charge={charge}")).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refund_may_fail_later_and_the_charge_is_whole_again() {
    let shop = Shop::open().await;
    let (session, charge) = paid(&shop).await;
    let refund = shop.simulator.refund(&session, Some(100)).unwrap();
    let known = shop.simulator.events().len();
    let failed = shop.simulator.fail_refund(refund["id"].as_str().unwrap()).unwrap();
    assert_eq!(failed["status"], "failed");
    assert_eq!(shop.simulator.object(&charge).unwrap()["amount_refunded"], 0);
    assert_eq!(
        kinds_after(&shop, known),
        ["refund.updated", "charge.refund.updated", "refund.failed"]
    );
    assert!(shop.simulator.fail_refund(refund["id"].as_str().unwrap()).is_err());
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_may_be_won_or_lost() {
    for (verdict, after) in [
        (Verdict::Won, vec!["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
        (Verdict::Lost, vec!["charge.dispute.closed"]),
    ] {
        let shop = Shop::open().await;
        let (session, charge) = paid(&shop).await;
        let known = shop.simulator.events().len();
        let dispute = shop.simulator.dispute(&session, false).unwrap();
        let id = dispute["id"].as_str().unwrap();
        assert_eq!(
            kinds_after(&shop, known),
            ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
        );
        assert!(shop.simulator.dispute(&charge, false).is_err(), "one dispute a charge");
        let known = shop.simulator.events().len();
        shop.simulator.close_dispute(id, verdict).unwrap();
        assert_eq!(kinds_after(&shop, known), after);
        assert!(shop.simulator.close_dispute(id, verdict).is_err(), "it ends once");
        assert_eq!(shop.get(&format!("/v1/disputes/{id}")).await.json()["charge"], charge);
    }
}

#[tokio::test]
async fn an_inquiry_takes_no_money_and_can_only_be_closed() {
    let shop = Shop::open().await;
    let (session, _) = paid(&shop).await;
    let inquiry = shop.simulator.dispute(&session, true).unwrap();
    assert_eq!(inquiry["status"], "warning_needs_response");
    assert_eq!(inquiry["balance_transactions"], json!([]));
    let id = inquiry["id"].as_str().unwrap();
    assert!(shop.simulator.close_dispute(id, Verdict::Won).is_err());
    assert_eq!(
        shop.simulator.close_dispute(id, Verdict::WarningClosed).unwrap()["status"],
        "warning_closed"
    );
}

#[tokio::test]
async fn the_card_that_disputes_pays_first() {
    let shop = Shop::open().await;
    let session = shop.session().await;
    let form = "email=a@b.test&method=card&card=4000000000000259&expiry=12/34&cvc=123";
    assert_eq!(shop.send("POST", &format!("/c/pay/{session}"), &[], form).await.status, 303);
    let kinds = kinds_after(&shop, 0);
    let position = |kind: &str| kinds.iter().position(|found| found == kind).unwrap();
    assert!(position("checkout.session.completed") < position("charge.dispute.created"));
}

#[tokio::test]
async fn the_clients_reader_takes_every_reversal() {
    let shop = Shop::open().await;
    let (session, charge) = paid(&shop).await;
    shop.simulator.warn_of_fraud(&session).unwrap();
    let refund = shop.simulator.refund(&charge, Some(100)).unwrap();
    shop.simulator.fail_refund(refund["id"].as_str().unwrap()).unwrap();
    let dispute = shop.simulator.dispute(&charge, false).unwrap();
    shop.simulator.close_dispute(dispute["id"].as_str().unwrap(), Verdict::Won).unwrap();
    shop.quiet().await;
    let received = shop.received();
    assert_eq!(received.len(), 4 + 1 + 3 + 3 + 2 + 2);
    for webhook in received {
        let body = std::str::from_utf8(&webhook.body).unwrap();
        let event = Webhook::construct_event(body, webhook.signature.as_deref().unwrap(), SECRET);
        event.unwrap_or_else(|error| panic!("{error}: {body}"));
    }
}

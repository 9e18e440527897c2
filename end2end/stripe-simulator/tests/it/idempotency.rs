//! The same request is done once.
use std::time::Duration;

use stripe_simulator::Fault;

use crate::shop::{Shop, usual, usual_but};

const PATH: &str = "/v1/checkout/sessions";

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_makes_one_session() {
    let shop = Shop::open().await;
    let first = shop.post_once("key-1", PATH, &usual()).await;
    let second = shop.post_once("key-1", PATH, &usual()).await;
    assert_eq!(first.text, second.text);
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(second.header("original-request"), first.header("request-id"));
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_other_parameters_is_refused() {
    let shop = Shop::open().await;
    shop.post_once("key-1", PATH, &usual()).await;
    let other = shop.post_once("key-1", PATH, &usual_but("83000", "50000")).await;
    assert_eq!((other.status, other.error("type").as_str()), (400, "idempotency_error"));
    let elsewhere = shop.post_once("key-1", "/v1/customers", "").await;
    assert_eq!((elsewhere.status, elsewhere.error("type").as_str()), (400, "idempotency_error"));
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn two_requests_at_once_with_one_key_are_not_both_done() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("POST", PATH).delay(Duration::from_millis(300)).times(1));
    let form = usual();
    let later = async {
        // The second must come while the first is being carried out.
        while shop.simulator.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        shop.post_once("key-1", PATH, &form).await
    };
    let (first, second) = tokio::join!(shop.post_once("key-1", PATH, &form), later);
    assert_eq!(first.status, 200);
    assert_eq!((second.status, second.error("code").as_str()), (409, "idempotency_key_in_use"));
    let third = shop.post_once("key-1", PATH, &form).await;
    assert_eq!(third.text, first.text);
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let shop = Shop::open().await;
    assert_eq!(shop.post_once("key-1", PATH, &usual_but("83000", "1")).await.status, 400);
    assert_eq!(shop.post_once("key-1", PATH, &usual()).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("POST", PATH).after_doing().drop_connection().times(1));
    let lost = shop.try_send("POST", PATH, &[("idempotency-key", "key-1")], &usual()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(shop.simulator.sessions().len(), 1, "it was done");
    let again = shop.post_once("key-1", PATH, &usual()).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_what_it_started() {
    let shop = Shop::open().await;
    shop.simulator.fault(Fault::on("POST", PATH).delay(Duration::from_millis(100)).times(1));
    let form = usual();
    let impatient = shop.post_once("key-1", PATH, &form);
    assert!(tokio::time::timeout(Duration::from_millis(30), impatient).await.is_err());
    let answer = loop {
        let answer = shop.post_once("key-1", PATH, &form).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let shop = Shop::open().await;
    shop.post_once("key-1", PATH, &usual()).await;
    shop.simulator.advance_clock(Duration::from_secs(25 * 3600));
    assert_eq!(shop.post_once("key-1", PATH, &usual()).await.header("idempotent-replayed"), None);
    assert_eq!(shop.simulator.sessions().len(), 2);
}

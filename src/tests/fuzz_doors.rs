//! Whatever comes as a webhook of Stripe or as a form: what nobody has signed leaves nothing behind,
//! what is signed is kept once, and a form is answered in words.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
};
use proptest::prelude::*;
use serde_json::json;
use stripe_simulator::{Config, Simulator, WebhookPolicy, sign};
use tower::ServiceExt;

use crate::{
    app::TestApp,
    databases::{Given, TestDatabase},
    fuzz::{Spoiled, fuzz_async, spoiled, spoiled_json},
    payments_shop::{Shop, WEBHOOK_SECRET, session},
    prices::prices,
};

/// No event of Stripe's is longer.
const LONGEST_EVENT: usize = 256 * 1_024;

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A shop that hears of a paid purchase only by what a test sends, and all events of the payment.
async fn paid() -> (Shop, Vec<serde_json::Value>) {
    let shop = Shop::open(TestDatabase::sqlite().await).await;
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    shop.pay(&purchase);
    let mut events = shop.stripe.events();
    events.push(json!({"id": "evt_1", "type": "payment_intent.succeeded", "livemode": false,
        "data": {"object": {"id": session(&purchase), "metadata": {"auto_recharge": "pur_1"}}}}));
    (shop, events)
}

async fn sends(shop: &Shop, body: &[u8], signature: &[u8]) -> StatusCode {
    let mut request = Request::post("/webhooks/stripe").body(Body::from(body.to_vec())).unwrap();
    if let Ok(signature) = HeaderValue::from_bytes(signature) {
        request.headers_mut().insert("stripe-signature", signature);
    }
    shop.webhook_door().oneshot(request).await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_signed_is_kept_once_and_credits_only_what_was_paid() {
    let (shop, events) = paid().await;
    fuzz_async(60, &spoiled_json(events), |Spoiled(body)| {
        let shop = &shop;
        async move {
            let signature = sign(WEBHOOK_SECRET, now(), &body);
            let (is_text, before) = (std::str::from_utf8(&body).is_ok(), shop.events().await.len());
            let status = sends(shop, &body, signature.as_bytes()).await;
            let after = shop.events().await.len();
            if body.len() > LONGEST_EVENT || !is_text {
                assert!(status.is_client_error() && after == before, "{status}");
                return;
            }
            assert_eq!(status, StatusCode::OK);
            assert!(after <= before + 1);
            assert_eq!(sends(shop, &body, signature.as_bytes()).await, StatusCode::OK);
            assert_eq!(shop.events().await.len(), after, "twice is once");
        }
    });
    assert!(shop.events().await.iter().all(|event| event.handled_at.is_some()));
    // A spoiled event may have come under the id of the one that tells of the payment.
    shop.reconcile().await;
    shop.books_agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_has_signed_leaves_nothing_behind() {
    let (shop, events) = paid().await;
    let body = events[0].to_string();
    let stale = sign(WEBHOOK_SECRET, now() - 400, body.as_bytes());
    let foreign = sign("whsec_other", now(), body.as_bytes());
    let other = sign(WEBHOOK_SECRET, now(), b"{}");
    let several = format!("{foreign},v1=00,v0=ff,{}", other.split_once(',').unwrap().1);
    let good = sign(WEBHOOK_SECRET, now(), body.as_bytes());
    let digest = good.split_once("v1=").unwrap().1.to_owned();
    let signatures = [good.clone(), stale, foreign, other, several];
    fuzz_async(150, &spoiled(signatures), |Spoiled(signature)| {
        let (shop, body, digest) = (&shop, &body, &digest);
        async move {
            let before = shop.events().await.len();
            let status = sends(shop, body.as_bytes(), &signature).await;
            if status != StatusCode::OK {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                assert_eq!(shop.events().await.len(), before);
                return;
            }
            let text = String::from_utf8_lossy(&signature).to_lowercase();
            assert!(text.contains(digest), "let in without its digest: {text}");
        }
    });
    // What was refused comes again with its signature, and nothing is lost.
    for event in &events[..events.len() - 1] {
        let body = event.to_string();
        let signature = sign(WEBHOOK_SECRET, now(), body.as_bytes());
        assert_eq!(sends(&shop, body.as_bytes(), signature.as_bytes()).await, StatusCode::OK);
    }
    shop.books_agree().await;
}

/// What a customer sends in good faith, by the address of its form.
fn forms() -> Vec<(&'static str, String)> {
    let filled = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let prices = prices();
    let intent = "5f0c1f1e-8c1c-4f5e-9d7e-0a5b1c2d3e4f";
    let agreed = [("prices", prices.as_str()), ("terms", "accepted"), ("intent", intent)];
    let buy = |what: &[(&str, &str)]| filled(&[what, &agreed].concat());
    let recharge = [
        ("threshold", "500"),
        ("package", "trader"),
        ("amount", ""),
        ("target", ""),
        ("monthly_cap", "690.00"),
        ("per_day", "3"),
        ("cooldown", "1"),
        ("prices", &prices),
        ("card", ""),
        ("consent", "agreed"),
    ];
    let caps = [("all", "1,000"), ("inference", "12.5"), ("strategy", ""), ("backtest", "0")];
    let key = [("name", "Worker"), ("read", "on"), ("spend", "on"), ("ceiling", "25")];
    vec![
        ("/settings/credits/buy", buy(&[("package", "trader")])),
        ("/settings/credits/buy", buy(&[("package", "custom"), ("amount", "2500")])),
        ("/settings/auto-recharge", filled(&recharge)),
        ("/settings/spend-caps", filled(&caps)),
        ("/settings/billing-cycle", filled(&[("day", "31"), ("zone", "Europe/Stockholm")])),
        ("/settings/api-keys", filled(&[key.as_slice(), &[("intent", intent)]].concat())),
        ("/settings/notifications", filled(&[("warning", "days"), ("days", "7")])),
        ("/settings/notifications", filled(&[("warning", "amount"), ("amount", "1,500.5")])),
        ("/settings/notices/read", filled(&[("newest", "3")])),
        ("/sign-in", filled(&[("email", "a@b"), ("next", "/settings/credits?a=b")])),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_form_says_it_is_answered_in_words() {
    let app = TestApp::given(TestDatabase::sqlite().await).await;
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let address = format!("--stripe-api-base={}", stripe.base_url());
    let keys = ["--stripe-secret-key=sk_test_x", "--stripe-webhook-secret=whsec_x"];
    let app = app.with_settings(&[keys.as_slice(), &[&address]].concat()).await;
    let customer = app.customer().await;
    let forms = forms();
    let bodies: Vec<_> = forms.iter().map(|(_, body)| body.clone()).collect();
    let inputs = proptest::sample::select(forms).prop_flat_map(move |(path, good)| {
        // Mostly of this form, and sometimes of another one.
        let body = prop_oneof![4 => spoiled([good]), 1 => spoiled(bodies.clone())];
        (Just(path), body)
    });
    fuzz_async(60, &inputs, |(path, Spoiled(body))| {
        let mut customer = customer.clone();
        async move {
            let request = Request::post(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(Body::from(body))
                .unwrap();
            let answer = customer.send(request).await;
            let status = answer.status;
            assert!(!status.is_server_error(), "{path}: {status} {}", answer.body);
            let is_sent_on = status.is_redirection() && !answer.header("location").is_empty();
            assert!(
                is_sent_on || !answer.body.trim().is_empty(),
                "{path}: {status} without a word"
            );
        }
    });
    app.adds_up().await;
}

//! R12: Stripe's webhooks in a crowd, each many times, out of order, with stale and forged ones among
//! them, while answers are lost, Stripe fails and the database goes away: each purchase is credited
//! once. In short; with `TEST_WEBHOOKS=full` 500 purchases with 20 copies each.

mod webhooks;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use recharge::{
    credits::{Credits, Purchase, PurchaseState},
    server::payments::Buyer,
};
use serde_json::Value;
use stripe_simulator::{Fault, WebhookPolicy};
use tokio::net::TcpListener;

use crate::{
    databases::{TestDatabase, on_both_databases, seed},
    payments_shop::{Shop, session},
    survival::Found,
};
use webhooks::{FORGERIES, GENUINE, Webhook, send_all};

on_both_databases!(a_crowd_of_webhooks_credits_each_purchase_once);

const BOUGHT: Credits = Credits::from_thousandths(5_000_000);
/// Purchases of one customer.
const PER_CUSTOMER: usize = 4;
/// Of 1,000 answers, so many are lost, half of them before anything was done.
const LOST: u32 = 50;
/// Of 1,000 webhooks, so many more are forged or stale.
const FORGED: usize = 50;
struct Crowd {
    purchases: usize,
    copies: usize,
    /// How often the database goes away, where it can.
    outages: u32,
    /// How long 99 of 100 answers take at most for which nothing was made to fail.
    p99_ms: u64,
}

impl Crowd {
    fn of_this_run() -> Self {
        if std::env::var("TEST_WEBHOOKS").is_ok_and(|size| size == "full") {
            // By a release build, on a machine that does nothing else.
            return Self { purchases: 500, copies: 20, outages: 10, p99_ms: 200 };
        }
        Self { purchases: 60, copies: 8, outages: 2, p99_ms: 10_000 }
    }
}

async fn a_crowd_of_webhooks_credits_each_purchase_once(test: TestDatabase) {
    let crowd = Crowd::of_this_run();
    let mut random = StdRng::seed_from_u64(seed());
    let (shop, lost) = shop_behind_a_bad_line(test, random.random()).await;
    let paid = paid_purchases(&shop, crowd.purchases).await;
    let unlucky = stripe_fails_for_some(&shop, &crowd, &paid);
    let webhooks = webhooks(&shop, &crowd, &unlucky, &mut random);
    let (sent, forged) = (webhooks.len(), webhooks.iter().filter(|it| it.is_forged()).count());
    let shop = Arc::new(shop);
    let answers = tokio::join!(send_all(&shop, webhooks), outages(&shop, crowd.outages)).0;

    let p99 = percentile(&answers.took_ms, 99);
    println!(
        "{sent} webhooks: {} taken, {} refused, {} failed, {} of them lost on the way; of {} for which \
         nothing failed p50 {} ms, p99 {p99} ms",
        answers.taken,
        answers.refused,
        answers.failed,
        lost.load(Ordering::Relaxed),
        answers.took_ms.len(),
        percentile(&answers.took_ms, 50),
    );
    assert!(answers.failed > 0, "nothing failed");
    assert_eq!(answers.taken, u64::try_from(sent - forged).unwrap());
    assert_eq!(answers.refused, u64::try_from(forged).unwrap());
    assert!(p99 < crowd.p99_ms, "{p99} ms");
    let outages = if shop.test.database.is_sqlite() { 0 } else { crowd.outages };
    let faults = answers.failed + u64::from(outages);
    let found = credited_once(&shop, &paid).await;
    found.report(faults.try_into().unwrap(), Duration::ZERO);
}

/// A shop whose webhooks come over a line that loses answers, and how many it has lost.
async fn shop_behind_a_bad_line(test: TestDatabase, seed: u64) -> (Shop, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let webhook = format!("http://{address}/webhooks/stripe");
    let shop = Shop::open_with_webhooks_to(test, &webhook).await;
    let (random, lost) = (StdRng::seed_from_u64(seed), Arc::new(AtomicU64::new(0)));
    let door = losing_answers(shop.webhook_door(), random, Arc::clone(&lost));
    tokio::spawn(axum::serve(listener, door).into_future());
    (shop, lost)
}

/// The same door, which answers 500 now and then: before anything was done, or after all was.
fn losing_answers(door: Router, random: StdRng, lost: Arc<AtomicU64>) -> Router {
    let random = Arc::new(Mutex::new(random));
    door.layer(from_fn(move |request: Request, next: Next| {
        let chance = random.lock().unwrap().random_range(0..1_000);
        let lost = Arc::clone(&lost);
        async move {
            if chance >= LOST {
                return next.run(request).await;
            }
            lost.fetch_add(1, Ordering::Relaxed);
            if chance % 2 == 0 {
                next.run(request).await;
            }
            failure()
        }
    }))
}

fn failure() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Purchases that are paid at Stripe, of which no webhook has come yet.
async fn paid_purchases(shop: &Shop, count: usize) -> Vec<(Buyer, Vec<Purchase>)> {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let customers = stream::iter(0..count / PER_CUSTOMER).map(|_| async {
        let buyer = shop.customer().await;
        let mut bought = Vec::new();
        for _ in 0..PER_CUSTOMER {
            let purchase = shop.order(&buyer).await;
            shop.pay(&purchase);
            bought.push(purchase);
        }
        (buyer, bought)
    });
    customers.buffer_unordered(16).collect().await
}

/// Of each twentieth purchase, lets Stripe fail when it is asked for its session, and returns these
/// sessions. Each attempt of ours counts: four in a row fail what is asked.
fn stripe_fails_for_some(
    shop: &Shop,
    crowd: &Crowd,
    paid: &[(Buyer, Vec<Purchase>)],
) -> Vec<String> {
    let (purchases, times) = (paid.iter().flat_map(|(_, bought)| bought), 2 * crowd.copies);
    let unlucky: Vec<_> = purchases.step_by(20).map(|it| session(it).to_owned()).collect();
    for session in &unlucky {
        let asked = format!("/v1/checkout/sessions/{session}");
        shop.stripe.fault(Fault::on("GET", &asked).status(500).times(times.try_into().unwrap()));
    }
    unlucky
}

/// All copies, shuffled, with forged ones among them.
fn webhooks(
    shop: &Shop,
    crowd: &Crowd,
    unlucky: &[String],
    random: &mut StdRng,
) -> VecDeque<Webhook> {
    let is_completed = |event: &Value| event["type"] == "checkout.session.completed";
    let events = shop.stripe.events().into_iter().filter(is_completed);
    let bodies: Vec<String> = events.map(|event| event.to_string()).collect();
    assert_eq!(bodies.len(), crowd.purchases);
    let mut webhooks = Vec::new();
    for body in &bodies {
        let is_unlucky = unlucky.iter().any(|session| body.contains(session));
        let copy = |number| {
            let signature = GENUINE[number % 3];
            Webhook { body: body.clone(), signature, is_unlucky }
        };
        webhooks.extend((0..crowd.copies).map(copy));
    }
    let forged = (webhooks.len() * FORGED / 1_000).max(FORGERIES.len());
    webhooks.extend((0..forged).map(|number| Webhook {
        body: bodies[random.random_range(0..bodies.len())].clone(),
        signature: FORGERIES[number % FORGERIES.len()],
        is_unlucky: false,
    }));
    webhooks.shuffle(random);
    webhooks.into()
}

/// Ends every connection to PostgreSQL and refuses new ones for a moment, so many times.
async fn outages(shop: &Shop, count: u32) {
    if shop.test.database.is_sqlite() {
        return;
    }
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(150)).await;
        shop.test.refuse_connections(true).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.test.refuse_connections(false).await;
    }
}

fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Every purchase is one lot of its customer, and no row says anything else.
async fn credited_once(shop: &Shop, paid: &[(Buyer, Vec<Purchase>)]) -> Found {
    let mut found = Found::of(paid.iter().map(|(_, purchases)| purchases.len()).sum(), 0);
    for (buyer, purchases) in paid {
        for purchase in purchases {
            assert_eq!(shop.look(purchase).await.state, PurchaseState::Credited);
            found.note(session(purchase), shop.lots(purchase).await, true);
        }
        let all = BOUGHT.thousandths() * i64::try_from(purchases.len()).unwrap();
        assert_eq!(shop.available(buyer).await, Credits::from_thousandths(all));
    }
    let kept = shop.events().await;
    assert_eq!(kept.len(), found.acknowledged);
    assert!(kept.iter().all(|event| event.handled_at.is_some()));
    assert_eq!(shop.payments.counters().reviews(), 0);
    shop.books_agree().await;
    found
}

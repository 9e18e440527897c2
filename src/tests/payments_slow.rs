//! A process whose way to Stripe is slow keeps nobody's payment waiting for longer than a run: what
//! it leaves, others take up where it ended.

use std::{net::SocketAddr, time::Duration};

use chrono::TimeDelta;
use recharge::{
    credits::{Purchase, PurchaseState},
    server::{
        clock::to_millis,
        entity::stripe_event,
        jobs::{Done, Job, JobError, Jobs},
        ledger::Ledger,
        marks,
        payments::{Away, Payments},
    },
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::json;
use stripe_simulator::{Fault, WebhookPolicy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    databases::on_both_databases,
    leases::{TAKEN_OVER, is_reconciling, watchful},
    payments_shop::{SOON, Shop, sell, session, settings},
};

on_both_databases!(
    a_slow_process_keeps_a_paid_purchase_waiting_for_a_run_at_most,
    what_a_run_has_no_time_to_read_the_next_ones_read,
    events_that_fail_again_do_not_stand_before_one_that_was_never_tried,
);

/// How long an answer takes on the slow way: with all that waits, far longer than anybody may wait.
const ANSWER: Duration = Duration::from_millis(300);
const EVENTS: i64 = 100;
/// The time of a run of the slow process.
const RUN: Duration = Duration::from_millis(300);

/// Returns a way to Stripe on which each answer takes longer.
async fn slow_way(stripe: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(stripe).await.unwrap();
            let ((mut asks, mut hears), (mut says, mut takes)) =
                (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut asks, &mut takes).await });
            tokio::spawn(async move {
                let mut chunk = vec![0; 1 << 20];
                while let Ok(length @ 1..) = says.read(&mut chunk).await {
                    tokio::time::sleep(ANSWER).await;
                    if hears.write_all(&chunk[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// Keeps events about a purchase that nobody has handled yet, or that have failed before.
async fn keep_events(shop: &Shop, purchase: &Purchase, count: i64, outcome: &str) {
    let (received_at, kind) = (to_millis(shop.clock.now()) - 60_000, "checkout.session.completed");
    let object = json!({ "id": session(purchase) });
    let rows = (0..count).map(|number| {
        let id = format!("evt_{number}");
        let body = json!({ "id": id, "type": kind, "data": { "object": object } });
        let row = stripe_event::Model {
            id,
            kind: kind.to_owned(),
            livemode: false,
            object_id: Some(session(purchase).to_owned()),
            payment_intent: None,
            body: body.to_string(),
            received_at: received_at + number,
            handled_at: None,
            outcome: outcome.to_owned(),
        };
        row.into_active_model().reset_all()
    });
    let insert = stripe_event::Entity::insert_many(rows);
    insert.exec_without_returning(shop.test.database.writer()).await.unwrap();
}

fn reconciling(payments: Payments, limit: Duration) -> Job {
    let every = Duration::from_millis(500);
    Job::new("reconcile", every, payments, move |payments, _| async move {
        let report = payments.reconcile_within(TimeDelta::seconds(20), limit).await?;
        report.unfinished().map_or(Ok(Done(1)), |left| Err(JobError::new(left)))
    })
}

async fn a_slow_process_keeps_a_paid_purchase_waiting_for_a_run_at_most(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let open = shop.order(&buyer).await;
    keep_events(&shop, &open, EVENTS, "received").await;
    let purchase = shop.order(&buyer).await;
    let (database, way) = (shop.test.another_process().await, slow_way(shop.stripe.addr()).await);
    let ledger = Ledger::start(database.clone(), shop.clock.clone());
    let slow = sell(&database, &shop.clock, &ledger, settings(&way)).await;
    let (pace, ending) = (watchful(&database), CancellationToken::new());
    let start = |jobs: Jobs| jobs.at_pace(pace).start(ending.clone());
    let slow = start(Jobs::on(&database, &shop.clock, vec![reconciling(slow, RUN)]));
    let end = Instant::now() + SOON;
    while !is_reconciling(&shop).await {
        assert!(Instant::now() < end, "nobody reconciles");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shop.pay(&purchase);
    let paid_at = Instant::now();
    let healthy = reconciling(shop.payments.clone(), SOON);
    let healthy = start(Jobs::on(&shop.test.database, &shop.clock, vec![healthy]));
    while shop.look(&purchase).await.state != PurchaseState::Credited {
        assert!(paid_at.elapsed() < TAKEN_OVER, "paid, and not credited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ending.cancel();
    healthy.await.unwrap();
    slow.await.unwrap();
    assert_eq!(shop.lots(&purchase).await, 1);
    shop.books_agree().await;
}

async fn what_a_run_has_no_time_to_read_the_next_ones_read(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let happen = |number: i32| {
        let dispute = json!({ "id": format!("dp_{number}"), "object": "dispute" });
        shop.stripe.send_event("charge.dispute.created", dispute)
    };
    for number in 1..=250 {
        happen(number);
        if number % 20 == 0 {
            shop.stripe.advance_clock(Duration::from_secs(1));
        }
    }
    let other = shop.another_process().await;
    let one_page = async |payments: &Payments| {
        payments.reconcile_within(TimeDelta::zero(), Duration::ZERO).await.unwrap()
    };
    let kept = async || shop.events().await;
    assert!(one_page(&shop.payments).await.is_unread);
    assert_eq!(kept().await.len(), 100);
    let new = happen(251);
    assert!(one_page(&other).await.is_unread);
    let after = kept().await;
    assert!(after.iter().any(|event| event.id == new), "what is new comes first");
    assert!(after.len() > 150, "then it goes on where the other ended: {}", after.len());
    let mut runs = 0;
    while one_page(&shop.payments).await.is_unread {
        runs += 1;
        assert!(runs < 5, "it comes to no end: {}", kept().await.len());
    }
    assert_eq!(kept().await.len(), 251);
    let gap = marks::read(shop.test.database.reader(), "stripe_events_beyond").await.unwrap();
    assert_eq!(gap, None);
}

async fn events_that_fail_again_do_not_stand_before_one_that_was_never_tried(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let buyer = shop.customer().await;
    let (stuck, paid) = (shop.order(&buyer).await, shop.order(&buyer).await);
    // One more than are taken for an outage.
    keep_events(&shop, &stuck, 4, "waiting: the payment service can't be reached").await;
    let path = format!("/v1/checkout/sessions/{}", session(&stuck));
    shop.stripe.fault(Fault::on("GET", &path).status(400));
    shop.pay(&paid);
    let run = shop.payments.reconcile(TimeDelta::zero()).await;
    assert_eq!(run, Err(Away::Stripe), "the others are not silently left");
    let events = shop.events().await;
    let found = events.iter().find(|event| event.object_id.as_deref() == Some(session(&paid)));
    assert_eq!(found.unwrap().outcome, format!("credited {}", paid.id));
}

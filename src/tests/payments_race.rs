//! Who reports a payment first, and how soon somebody does: Stripe, the customer's browser, or our
//! own clock.

use std::time::Duration;

use chrono::TimeDelta;
use recharge::{
    credits::{Credits, PurchaseState},
    server::{entity::mark, jobs::Jobs},
};
use sea_orm::EntityTrait;
use stripe_simulator::{Config, PayOutcome, Simulator, WebhookPolicy};

use crate::{
    app::TestApp,
    databases::on_both_databases,
    jobs::to_next_minute,
    payments_shop::{Shop, WEBHOOK_SECRET, session},
    prices::prices,
};

on_both_databases!(
    webhook_landing_and_reconciler_at_once_are_one_lot,
    the_first_runs_of_all_reconcilers_may_be_at_once,
    what_nobody_reports_is_credited_within_a_period_of_the_reconciler,
);

const BOUGHT: Credits = Credits::from_thousandths(5_000_000);
/// Purchases that all three report at once.
const RACES: u64 = 25;

/// Two webhooks, two landings, and the reconcilers of two processes. The webhooks come a little
/// later each time, so that each of the three is first now and then.
async fn webhook_landing_and_reconciler_at_once_are_one_lot(shop: Shop) {
    let other = shop.another_process().await;
    for race in 0..RACES {
        let later = WebhookPolicy::delayed(Duration::from_millis(race * 2));
        let twice = WebhookPolicy { duplicates: 1, ..later };
        shop.stripe.webhooks(twice.only(&["checkout.session.completed"]));
        let buyer = shop.customer().await;
        let purchase = shop.order(&buyer).await;
        shop.pay(&purchase);
        let land = || shop.payments.landed(&buyer.account, &purchase.id, Some(session(&purchase)));
        let (one, two, here, there) = tokio::join!(
            land(),
            land(),
            shop.payments.reconcile(TimeDelta::zero()),
            other.reconcile(TimeDelta::zero()),
        );
        for landed in [one, two] {
            assert!(landed.unwrap().is_some());
        }
        for report in [here.unwrap(), there.unwrap()] {
            assert!(report.is_clean(), "{report}");
        }
        shop.hears_all().await;
        assert_eq!(shop.look(&purchase).await.state, PurchaseState::Credited);
        assert_eq!((shop.lots(&purchase).await, shop.available(&buyer).await), (1, BOUGHT));
    }
    let deliveries = shop.stripe.deliveries();
    let attempts = deliveries.iter().flat_map(|delivery| &delivery.attempts);
    assert!(attempts.clone().count() > 0, "no webhook was sent");
    assert!(attempts.clone().all(|attempt| attempt.status == Some(200)));
    shop.books_agree().await;
}

/// Nobody has noted yet how far it has read.
async fn the_first_runs_of_all_reconcilers_may_be_at_once(shop: Shop) {
    let other = shop.another_process().await;
    for _ in 0..RACES {
        mark::Entity::delete_many().exec(shop.test.database.writer()).await.unwrap();
        let now = || TimeDelta::zero();
        let (one, two, three, four) = tokio::join!(
            shop.payments.reconcile(now()),
            shop.payments.reconcile(now()),
            other.reconcile(now()),
            other.reconcile(now()),
        );
        for report in [one, two, three, four] {
            assert!(report.unwrap().is_clean());
        }
    }
}

async fn what_nobody_reports_is_credited_within_a_period_of_the_reconciler(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let settings = [
        "--stripe-secret-key=sk_test_server",
        &format!("--stripe-webhook-secret={WEBHOOK_SECRET}"),
        &format!("--stripe-api-base={}", stripe.base_url()),
    ];
    let app = app.with_settings(&settings).await;
    let mut customer = app.customer().await;
    let intent = uuid::Uuid::new_v4().to_string();
    let prices = prices();
    let form =
        [("package", "trader"), ("intent", &intent), ("prices", &prices), ("terms", "accepted")];
    customer.post("/settings/credits/buy", &form).await;
    // No webhook is registered, and the customer never comes back from Stripe's page.
    let paid = stripe.sessions().pop().unwrap();
    stripe.pay(paid["id"].as_str().unwrap(), PayOutcome::Paid).unwrap();
    let account = customer.account.clone().unwrap();
    let jobs = Jobs::of(&app.state);
    let (mut credited, mut minutes) = (Credits::ZERO, 0);
    while credited.is_zero() {
        assert!(minutes < 2, "it was not credited by the second minute");
        to_next_minute(&app);
        minutes += 1;
        let ran = jobs.run_due().await.unwrap();
        assert!(ran.contains(&"reconcile"), "the reconciler is due each minute: {ran:?}");
        credited = app.state.ledger.balance(&account).await.unwrap().0;
    }
    assert_eq!(credited, BOUGHT);
    let again = jobs.run_due().await.unwrap();
    assert!(!again.contains(&"reconcile"), "its minute is done: {again:?}");
    app.adds_up().await;
}

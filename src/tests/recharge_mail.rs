//! What auto-recharge does is mailed: every charge with its receipt, and the first refusal with what
//! to do.

use stripe_simulator::{Config, Simulator};

use crate::{
    app::TestApp,
    databases::on_both_databases,
    mail::{FROM, send},
    mailbox::{Mail, MailServer},
    payments_shop::SOON,
    prices::{KEY, signed, stripe_at},
    recharge_page::{recharges, switched_on},
    recharge_shop::{ASKS, FAILS, GOOD},
};

on_both_databases!(
    the_first_refusal_is_mailed_with_a_link_to_mend_it,
    every_charge_is_mailed_with_a_link_to_its_receipt,
);

/// What is mailed to somebody with this card when their balance falls too low, and the job has run
/// for a day.
async fn mailed(app: &TestApp, card: &str) -> Vec<Mail> {
    let (server, stripe) =
        (MailServer::start().await, Simulator::start(Config::default()).await.unwrap());
    let settings = [&server.setting(), FROM, &stripe_at(&stripe), KEY, &signed()];
    let app = app.with_settings(&settings).await;
    let customer = switched_on(&app, &stripe, card).await;
    for _ in 0..12 {
        recharges(&app).await;
        assert!(stripe.idle(SOON).await);
        app.state.notices.tell(app.clock.now()).await.unwrap();
        send(&app).await;
        app.clock.advance(chrono::TimeDelta::hours(2));
    }
    let mut mails = server.mails();
    mails.retain(|mail| mail.to == customer.email);
    mails
}

async fn the_first_refusal_is_mailed_with_a_link_to_mend_it(app: TestApp) {
    for (card, why) in [(ASKS, "requires authentication"), (FAILS, "declined")] {
        let mails = mailed(&app, card).await;
        let [mail] = mails.as_slice() else { panic!("{card}: {mails:?}") };
        assert_eq!(mail.headers["subject"], "Auto-recharge is paused", "{card}");
        for part in [&mail.text, &mail.html] {
            assert!(part.contains("http://127.0.0.1:3000/settings/auto-recharge"), "{part}");
            assert!(part.contains("Nothing is bought for you until"), "{part}");
        }
        assert!(mail.text.to_lowercase().contains(why), "{}", mail.text);
    }
}

async fn every_charge_is_mailed_with_a_link_to_its_receipt(app: TestApp) {
    let mails = mailed(&app, GOOD).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.headers["subject"], "Auto-recharge bought 5,000 credits for $230.00");
    let purchase = "http://127.0.0.1:3000/settings/credits/purchases/pur_";
    assert!(mail.text.contains(purchase) && mail.html.contains(purchase), "{}", mail.text);
}

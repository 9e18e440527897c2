//! Auto-recharge as it should be: agreed to, one charge, credits, within its limits.

use chrono::TimeDelta;
use recharge::{
    credits::{PauseReason, PurchaseState, RechargeForm, RestReason},
    server::{
        entity::auto_recharge,
        payments::{Buyer, RechargeAgreed, Recharged, TurnOnError},
    },
};
use sea_orm::EntityTrait;
use stripe_simulator::{Fault, PayOutcome};

use crate::{
    commands::credits,
    databases::on_both_databases,
    payments_shop::{SOON, Shop},
    prices::prices,
    recharge_shop::{ASKS, CHARGE, FAILS, GOOD, agreed, form},
};

on_both_databases!(
    a_balance_below_the_threshold_is_recharged_once,
    nothing_is_bought_at_the_threshold_nor_for_who_has_not_agreed,
    what_has_expired_is_not_available_whether_or_not_a_job_has_run,
    a_purchase_never_switches_it_on,
    without_consent_or_with_wrong_amounts_nothing_changes,
    one_charge_per_cooldown_and_so_many_in_a_day,
    the_monthly_cap_holds_to_the_cent_and_ends_with_the_month,
    a_custom_amount_is_recharged_too,
    a_removed_card_is_detached_and_switches_it_off,
    a_card_removed_while_stripe_is_away_is_detached_later,
    another_card_takes_the_place_of_the_first,
    a_card_that_is_replaced_is_charged_as_its_page_said,
    a_card_that_nobody_agreed_to_switches_it_off,
    who_switches_it_off_is_not_charged,
    somebody_elses_card_is_not_kept,
    a_card_is_kept_although_nobody_comes_back_from_stripe,
);

async fn a_balance_below_the_threshold_is_recharged_once(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    assert_eq!(shop.recharges().await, Recharged { looked_at: 1, credited: 1, ..<_>::default() });
    assert_eq!(shop.available(&buyer).await, credits(5_499));
    let (made, recharge) = shop.recharged_once(&buyer).await;
    assert!(recharge.is_auto && recharge.receipt_url.is_some());
    assert_eq!((recharge.state, recharge.total.minor), (PurchaseState::Credited, 23_000));
    assert_eq!(shop.lots(&recharge).await, 1);
    assert_eq!(made.charged_this_month, 23_000);
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.made"]);
    let [payment] = shop.charges().try_into().unwrap();
    let receipt_to = payment["receipt_email"].as_str();
    assert_eq!(receipt_to, Some(buyer.email.as_str()), "every charge is receipted");
    shop.charges_agree().await;
}

async fn nothing_is_bought_at_the_threshold_nor_for_who_has_not_agreed(shop: Shop) {
    let enough = shop.customer_with_card(GOOD).await;
    shop.turns_on(&enough, &form()).await;
    shop.grants(&enough, 500).await;
    let only_card = shop.customer_with_card(GOOD).await;
    let nobody = shop.customer().await;
    assert_eq!(shop.recharges().await, Recharged::default());
    assert!(shop.charges().is_empty());
    for buyer in [only_card, nobody] {
        assert!(!shop.recharge_of(&buyer).await.is_on);
    }
    // A thousandth below it is below it.
    shop.spends_down_to(&enough, 499).await;
    assert_eq!(shop.recharges().await.credited, 1);
}

async fn what_has_expired_is_not_available_whether_or_not_a_job_has_run(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.grants(&buyer, 10_000).await;
    shop.clock.advance(TimeDelta::days(300));
    shop.turns_on(&buyer, &form()).await;
    shop.grants(&buyer, 100).await;
    assert_eq!(shop.recharges().await, Recharged::default());
    shop.clock.advance(TimeDelta::days(66));
    assert_eq!(shop.recharges().await.credited, 1);
    assert_eq!(shop.available(&buyer).await, credits(5_100));
    shop.charges_agree().await;
}

async fn a_purchase_never_switches_it_on(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    let purchase = shop.order(&buyer).await;
    shop.stripe.pay(purchase.stripe_session.as_deref().unwrap(), PayOutcome::Paid).unwrap();
    shop.hears_all().await;
    shop.spends_down_to(&buyer, 1).await;
    assert!(!shop.recharge_of(&buyer).await.is_on);
    assert_eq!(shop.recharges().await, Recharged::default());
    shop.books_agree().await;
}

async fn without_consent_or_with_wrong_amounts_nothing_changes(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    let card = "Visa •••• 4242";
    let wrong_cap = RechargeForm { monthly_cap: "229.99".to_owned(), ..form() };
    let agree = |form: RechargeForm, agreed: RechargeAgreed| {
        let (payments, account) = (shop.payments.clone(), buyer.account.clone());
        async move { payments.turn_recharge_on(&account, &form, &agreed).await.unwrap_err() }
    };
    let TurnOnError::Fields(problems) = agree(wrong_cap, agreed(card)).await else { panic!() };
    assert!(problems.monthly_cap.unwrap().contains("$230.00"));
    let silent = RechargeAgreed { consent: false, ..agreed(card) };
    assert_eq!(agree(form(), silent).await, TurnOnError::Consent);
    let earlier = RechargeAgreed { prices: "earlier".to_owned(), ..agreed(card) };
    assert_eq!(agree(form(), earlier).await, TurnOnError::Changed);
    assert_eq!(agree(form(), agreed("Visa •••• 1111")).await, TurnOnError::Changed);
    assert_eq!(shop.recharge_of(&buyer).await.plan, None);
    let without = shop.customer().await;
    let refused = shop.payments.turn_recharge_on(&without.account, &form(), &agreed("")).await;
    assert_eq!(refused, Err(TurnOnError::NoCard));
    assert_eq!(agreed(card).prices, prices());
}

async fn one_charge_per_cooldown_and_so_many_in_a_day(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    let cap = RechargeForm { monthly_cap: "100000".to_owned(), ..form() };
    shop.turns_on(&buyer, &cap).await;
    assert_eq!(shop.recharges().await.credited, 1);
    let (soon, hour) = (TimeDelta::milliseconds(3_599_000), TimeDelta::hours(1));
    assert_eq!(shop.recharges_after(&buyer, soon).await, Recharged::default());
    let rest = shop.recharge_of(&buyer).await.rest.unwrap();
    assert_eq!(rest.reason, RestReason::Cooldown);
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::seconds(1)).await.credited, 1);
    assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 1);
    for _ in 0..21 {
        assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 0);
    }
    assert_eq!(shop.recharge_of(&buyer).await.rest.unwrap().reason, RestReason::PerDay);
    assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 1);
    assert_eq!(shop.paid_charges(), 4);
    shop.charges_agree().await;
}

async fn the_monthly_cap_holds_to_the_cent_and_ends_with_the_month(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    // Two fit exactly; of the third a cent is missing.
    let two = RechargeForm { monthly_cap: "689.99".to_owned(), ..form() };
    shop.turns_on(&buyer, &two).await;
    // The first day of a month, so that it does not end under the test.
    let now = shop.clock.now();
    let (_, next) = recharge::credits::month_of(now);
    let start = next.and_hms_opt(0, 0, 0).unwrap().and_utc();
    shop.clock.advance(start - now + TimeDelta::seconds(1));
    let hour = TimeDelta::hours(2);
    assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 1);
    assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 1);
    assert_eq!(shop.recharges_after(&buyer, hour).await.credited, 0);
    let page = shop.recharge_of(&buyer).await;
    let rest = page.rest.unwrap();
    assert_eq!((page.charged_this_month, rest.reason), (46_000, RestReason::MonthlyCap));
    // A cent more is enough; switching it on again forgets nothing.
    shop.turns_on(&buyer, &form()).await;
    assert_eq!(shop.recharges().await.credited, 1);
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::days(20)).await.credited, 0);
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::days(12)).await.credited, 1);
    assert_eq!(shop.recharge_of(&buyer).await.charged_this_month, 23_000);
    shop.charges_agree().await;
}

async fn a_custom_amount_is_recharged_too(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    let (package, amount) = ("custom".to_owned(), "1000".to_owned());
    shop.turns_on(&buyer, &RechargeForm { package, amount, ..form() }).await;
    assert_eq!(shop.recharges().await.credited, 1);
    assert_eq!(shop.available(&buyer).await, credits(1_499));
    assert_eq!(shop.charges()[0]["amount"], 5_000);
}

async fn a_removed_card_is_detached_and_switches_it_off(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    let session = shop.stripe.sessions().pop().unwrap();
    shop.payments.remove_card(&buyer.account).await.unwrap();
    let page = shop.recharge_of(&buyer).await;
    assert_eq!((page.is_on, page.card), (false, None));
    assert_eq!(shop.stripe.all("payment_method")[0]["customer"], serde_json::Value::Null);
    assert_eq!(shop.recharges().await, Recharged::default());
    // Stripe tells once more of how the card was saved: it stays removed.
    shop.stripe.send_event("checkout.session.completed", session);
    shop.hears_all().await;
    assert_eq!(shop.recharge_of(&buyer).await.card, None);
    assert!(shop.charges().is_empty());
}

async fn a_card_removed_while_stripe_is_away_is_detached_later(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.stripe.fault(Fault::on("POST", "/v1/payment_methods").status(503));
    shop.payments.remove_card(&buyer.account).await.unwrap();
    assert_eq!(shop.recharge_of(&buyer).await.card, None);
    assert_ne!(shop.stripe.all("payment_method")[0]["customer"], serde_json::Value::Null);
    shop.stripe.clear_faults();
    shop.recharges().await;
    assert_eq!(shop.stripe.all("payment_method")[0]["customer"], serde_json::Value::Null);
}

async fn another_card_takes_the_place_of_the_first(shop: Shop) {
    let buyer = shop.low_customer(FAILS).await;
    assert_eq!(shop.recharges().await.refused, 1);
    shop.saves_card(&buyer, GOOD).await;
    let page = shop.recharge_of(&buyer).await;
    assert_eq!(page.paused.unwrap().1, PauseReason::Declined, "a card alone charges nobody");
    let said = shop.stripe.sessions().pop().unwrap()["custom_text"].to_string();
    assert!(said.contains("once you let it go on"), "{said}");
    let methods = shop.stripe.all("payment_method");
    assert_eq!(methods[0]["customer"], serde_json::Value::Null);
    assert!(shop.payments.resume_recharge(&buyer.account).await.unwrap());
    assert_eq!(shop.recharges().await.credited, 0, "the cooldown holds also after a refusal");
    assert_eq!(shop.recharges_after(&buyer, TimeDelta::hours(1)).await.credited, 1);
    assert_eq!(shop.charges().pop().unwrap()["payment_method"], methods[1]["id"]);
    shop.charges_agree().await;
}

/// Which card the words name that were agreed to.
async fn agreed_to(shop: &Shop, buyer: &Buyer) -> String {
    let found = auto_recharge::Entity::find_by_id(&buyer.account.0);
    found.one(shop.test.database.reader()).await.unwrap().unwrap().consent.unwrap()
}

async fn a_card_that_is_replaced_is_charged_as_its_page_said(shop: Shop) {
    let buyer = shop.low_customer(FAILS).await;
    assert!(agreed_to(&shop, &buyer).await.contains("0341"));
    shop.saves_card(&buyer, GOOD).await;
    let session = shop.stripe.sessions().pop().unwrap();
    let said = session["custom_text"]["submit"]["message"].as_str().unwrap();
    assert!(said.contains("charges it from now on"), "{said}");
    let page = shop.recharge_of(&buyer).await;
    assert!(page.is_on && page.paused.is_none());
    let words = agreed_to(&shop, &buyer).await;
    assert!(words.contains("4242") && !words.contains("0341"), "{words}");
    assert_eq!(shop.recharges().await.credited, 1);
    shop.charges_agree().await;
}

async fn a_card_that_nobody_agreed_to_switches_it_off(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.grants(&buyer, 499).await;
    // Asked for while it is off; meanwhile it is switched on for the other card.
    shop.payments.save_card(&buyer).await.unwrap();
    let session = shop.stripe.sessions().pop().unwrap()["id"].as_str().unwrap().to_owned();
    shop.turns_on(&buyer, &form()).await;
    shop.stripe.complete_with_card(&session, ASKS).unwrap();
    assert!(shop.payments.card_saved(&buyer.account, &session).await.unwrap());
    assert!(!shop.recharge_of(&buyer).await.is_on);
    assert_eq!(shop.recharges().await, Recharged::default());
    assert!(shop.charges().is_empty());
}

async fn who_switches_it_off_is_not_charged(shop: Shop) {
    let buyer = shop.low_customer(GOOD).await;
    shop.payments.turn_recharge_off(&buyer.account).await.unwrap();
    let page = shop.recharge_of(&buyer).await;
    assert!(!page.is_on && page.card.is_some());
    assert_eq!(shop.recharges().await, Recharged::default());
    assert!(!shop.payments.resume_recharge(&buyer.account).await.unwrap());
    assert!(!shop.recharge_of(&buyer).await.is_on);
}

async fn somebody_elses_card_is_not_kept(shop: Shop) {
    let (owner, other) = (shop.customer_with_card(GOOD).await, shop.customer().await);
    let session = shop.stripe.sessions().pop().unwrap()["id"].as_str().unwrap().to_owned();
    assert!(!shop.payments.card_saved(&other.account, &session).await.unwrap());
    assert_eq!(shop.recharge_of(&other).await.card, None);
    assert!(shop.payments.card_saved(&owner.account, &session).await.unwrap(), "twice is once");
    assert!(!shop.payments.card_saved(&owner.account, "cs_test_no").await.unwrap());
    // A session of ours that Stripe shows with another customer.
    let url = shop.payments.save_card(&other).await.unwrap();
    let session = shop.stripe.sessions().pop().unwrap();
    assert_eq!(session["url"], url);
    let id = session["id"].as_str().unwrap();
    shop.stripe.alter(id, serde_json::json!({ "customer": "cus_other" })).unwrap();
    shop.stripe.complete_with_card(id, GOOD).unwrap();
    assert!(shop.stripe.idle(SOON).await);
    assert_eq!(shop.recharge_of(&other).await.card, None);
    assert!(shop.stripe.requests_to("POST", CHARGE).is_empty());
}

async fn a_card_is_kept_although_nobody_comes_back_from_stripe(shop: Shop) {
    let buyer = shop.customer().await;
    shop.payments.save_card(&buyer).await.unwrap();
    let session = shop.stripe.sessions().pop().unwrap();
    assert_eq!(session["mode"], "setup");
    shop.stripe.complete_with_card(session["id"].as_str().unwrap(), GOOD).unwrap();
    shop.hears_all().await;
    let page = shop.recharge_of(&buyer).await;
    assert_eq!(page.card.unwrap().to_string(), "Visa •••• 4242");
    assert!(!page.is_on && shop.charges().is_empty(), "saving alone charges nobody");
    let deliveries = shop.stripe.deliveries();
    assert!(deliveries.iter().all(|it| it.attempts.len() == 1), "each webhook is taken at once");
}

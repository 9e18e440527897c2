//! Auto-recharge up to a target balance: what is missing, once, and never more than agreed to.

use axum::http::StatusCode;
use chrono::TimeDelta;
use recharge::{
    credits::{PauseReason, PurchaseState, RechargeForm, Refill, RestReason},
    server::{
        entity::auto_recharge,
        payments::{RechargeAgreed, Recharged, TurnOnError},
    },
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};

use crate::{
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    payments_shop::Shop,
    prices::{DEARER, at, selling},
    recharge_page::{PAGE, TICKED, agrees, open, saves_card, says},
    recharge_shop::{GOOD, agreed, form, recharges, up_to_5000},
};

on_both_databases!(
    crossing_the_threshold_buys_exactly_up_to_the_target_once,
    two_workers_at_once_buy_up_to_the_target_once,
    no_fewer_are_bought_than_are_sold_at_once,
    the_monthly_cap_counts_what_was_charged,
    a_wrong_target_is_refused_and_changes_nothing,
    the_database_keeps_a_target_above_the_threshold,
    a_target_gives_way_to_a_package_and_comes_back,
    a_customer_agrees_to_a_target_on_the_page,
    a_wrong_target_is_said_at_its_field,
    a_target_that_costs_more_pauses_until_it_is_agreed_to,
);

/// 4,501 credits: 1,000 at 5 cents and 3,501 at 4.5 cents.
const FROM_499: i64 = 20_754;

async fn crossing_the_threshold_buys_exactly_up_to_the_target_once(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.turns_on(&buyer, &up_to_5000()).await;
    shop.grants(&buyer, 500).await;
    assert_eq!(shop.recharges().await, Recharged::default(), "at the threshold nothing is bought");
    shop.spends_down_to(&buyer, 499).await;
    let once = Recharged { looked_at: 1, credited: 1, ..Recharged::default() };
    assert_eq!(shop.recharges().await, once);
    assert_eq!(shop.available(&buyer).await, credits(5_000));
    let (made, recharge) = shop.recharged_once(&buyer).await;
    assert_eq!((recharge.credits, recharge.state), (credits(4_501), PurchaseState::Credited));
    assert_eq!((recharge.total.minor, made.charged_this_month), (FROM_499, FROM_499));
    assert_eq!(shop.charges()[0]["amount"], FROM_499);
    assert_eq!(shop.told(&buyer).await, ["auto_recharge.made"]);
    shop.charges_agree().await;
}

async fn two_workers_at_once_buy_up_to_the_target_once(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.turns_on(&buyer, &up_to_5000()).await;
    shop.grants(&buyer, 499).await;
    let other = shop.another_process().await;
    let (one, two) = tokio::join!(shop.recharges(), recharges(&shop, &other));
    assert_eq!(one.credited + two.credited, 1, "{one:?} {two:?}");
    shop.hears_all().await;
    assert_eq!(shop.available(&buyer).await, credits(5_000));
    assert_eq!(shop.paid_charges(), 1);
    shop.charges_agree().await;
}

async fn no_fewer_are_bought_than_are_sold_at_once(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    let form = RechargeForm { threshold: "4999.5".to_owned(), ..up_to_5000() };
    shop.turns_on(&buyer, &form).await;
    shop.grants(&buyer, 4_999).await;
    assert_eq!(shop.recharges().await.credited, 1);
    assert_eq!(shop.available(&buyer).await, credits(5_099));
    assert_eq!(shop.charges()[0]["amount"], 500);
    shop.charges_agree().await;
}

async fn the_monthly_cap_counts_what_was_charged(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    // Two of $207.54 fit; two of the largest, $230.00, would not.
    let form = RechargeForm { monthly_cap: "430".to_owned(), ..up_to_5000() };
    shop.turns_on(&buyer, &form).await;
    let (_, next) = recharge::credits::month_of(shop.clock.now());
    let start = next.and_hms_opt(0, 0, 0).unwrap().and_utc();
    shop.clock.advance(start - shop.clock.now() + TimeDelta::seconds(1));
    shop.grants(&buyer, 499).await;
    for credited in [1, 1, 0] {
        assert_eq!(shop.recharges().await.credited, credited);
        shop.clock.advance(TimeDelta::hours(2));
        shop.spends_down_to(&buyer, 499).await;
    }
    let page = shop.recharge_of(&buyer).await;
    assert_eq!(page.charged_this_month, 2 * FROM_499);
    assert_eq!(page.rest.unwrap().reason, RestReason::MonthlyCap);
    shop.charges_agree().await;
}

async fn a_wrong_target_is_refused_and_changes_nothing(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.turns_on(&buyer, &form()).await;
    let before = shop.recharge_of(&buyer).await.plan;
    let up_to = |target: &str| RechargeForm { target: target.to_owned(), ..up_to_5000() };
    for target in ["500", "99", "100001", "5000.5", "", "everything"] {
        let agreed = agreed("Visa •••• 4242");
        let refused = shop.payments.turn_recharge_on(&buyer.account, &up_to(target), &agreed).await;
        let Err(TurnOnError::Fields(problems)) = refused else { panic!("{target}: {refused:?}") };
        assert!(problems.target.is_some(), "{target}: {problems:?}");
        assert_eq!(shop.recharge_of(&buyer).await.plan, before, "{target}");
    }
    let silent = RechargeAgreed { consent: false, ..agreed("Visa •••• 4242") };
    let refused = shop.payments.turn_recharge_on(&buyer.account, &up_to_5000(), &silent).await;
    assert_eq!(refused, Err(TurnOnError::Consent));
    assert_eq!(shop.recharge_of(&buyer).await.plan, before);
}

async fn the_database_keeps_a_target_above_the_threshold(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    shop.turns_on(&buyer, &up_to_5000()).await;
    let connection = shop.test.database.writer();
    let found = auto_recharge::Entity::find_by_id(&buyer.account.0).one(connection).await.unwrap();
    let row = found.unwrap();
    let mut low = row.clone().into_active_model();
    low.threshold = Set(Some(5_000_000));
    low.update(connection).await.unwrap_err();
    let mut packaged = row.into_active_model();
    packaged.package = Set(Some("trader".to_owned()));
    packaged.update(connection).await.unwrap_err();
}

async fn a_target_gives_way_to_a_package_and_comes_back(shop: Shop) {
    let buyer = shop.customer_with_card(GOOD).await;
    let trader = Refill::Package("trader".to_owned());
    for (form, refill) in
        [(up_to_5000(), Refill::Target), (form(), trader), (up_to_5000(), Refill::Target)]
    {
        shop.turns_on(&buyer, &form).await;
        let plan = shop.recharge_of(&buyer).await.plan.unwrap();
        assert_eq!((plan.refill, plan.credits, plan.total.minor), (refill, 5_000, 23_000));
    }
}

const CHOSEN: &str =
    "threshold=500&package=target&amount=&target=5000&monthly_cap=690&per_day=3&cooldown=1";

async fn a_customer_agrees_to_a_target_on_the_page(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    let page = saves_card(&mut customer, &stripe, GOOD).await;
    says(&page, &["Up to a target balance", "Target balance", "id=\"target\""]);
    let page = customer.get(&format!("{PAGE}?{CHOSEN}")).await.body;
    says(&page, &["charges Visa •••• 4242 for what is missing up to 5,000 credits"]);
    says(
        &page,
        &["most that is charged at once is $230.00, for 5,000 credits", "more than $690.00"],
    );
    agrees(&mut customer, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    let page = customer.get(PAGE).await.body;
    says(&page, &["Below 500 available credits, they are brought back to 5,000"]);
    says(&page, &["what is missing up to 5,000 credits, for at most $230.00"]);
    assert_eq!(crate::recharge_page::recharges(&app).await.credited, 1);
    let history = customer.get("/settings/credits/history").await.body;
    says(&history, &["Auto-recharge of 5,000 credits", "for $230.00"]);
    let change = customer.get(&format!("{PAGE}?change=1")).await.body;
    let target = change.split("id=\"target\"").nth(1).unwrap();
    says(target.split('>').next().unwrap(), &["value=\"5000\""]);
}

async fn a_wrong_target_is_said_at_its_field(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    saves_card(&mut customer, &stripe, GOOD).await;
    for (chosen, field, words) in [
        (CHOSEN.replace("target=5000", "target=500"), "target", "More than 500, the balance"),
        (CHOSEN.replace("target=5000", "target=100001"), "target", "largest purchase"),
        (CHOSEN.replace("target=5000", "target=some"), "target", "whole number"),
        (CHOSEN.replace("cap=690", "cap=229.99"), "monthly_cap", "At least $230.00"),
    ] {
        let error = format!("id=\"{field}-error\"");
        let shown = customer.get(&format!("{PAGE}?{chosen}")).await.body;
        says(&shown, &[&error, words]);
        assert!(!shown.contains("name=\"consent\""), "{chosen}: there is nothing to agree to");
        let pairs = chosen.split('&').map(|pair| pair.split_once('=').unwrap());
        let pairs: Vec<(&str, &str)> = pairs.chain(TICKED).collect();
        let posted = customer.post(PAGE, &pairs).await;
        assert_eq!(posted.status, StatusCode::UNPROCESSABLE_ENTITY, "{chosen}");
        says(&posted.body, &[&error, words, "Nothing was changed"]);
    }
    let account = customer.account.clone().unwrap();
    assert_eq!(app.state.payments.auto_recharge(&account).await.unwrap().plan, None);
}

async fn a_target_that_costs_more_pauses_until_it_is_agreed_to(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    saves_card(&mut customer, &stripe, GOOD).await;
    agrees(&mut customer, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    let dearer = selling(&app, DEARER, &stripe).await;
    assert_eq!(crate::recharge_page::recharges(&dearer).await.refused, 1);
    let account = customer.account.clone().unwrap();
    let paused = dearer.state.payments.auto_recharge(&account).await.unwrap().paused;
    assert_eq!(paused.unwrap().1, PauseReason::Price);
    assert!(stripe.all("payment_intent").is_empty());
    let mut there = at(&dearer, &customer);
    agrees(&mut there, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    assert_eq!(crate::recharge_page::recharges(&dearer).await.credited, 1);
    assert_eq!(stripe.all("payment_intent")[0]["amount"], 30_000);
}

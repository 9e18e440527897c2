//! Settings → Auto-recharge.

use axum::http::StatusCode;
use recharge::{
    credits::{Command, Credits, Note, Source, Validity},
    server::payments::Recharged,
};
use stripe_simulator::{Config, Fault, Simulator};

use crate::{
    app::{Answer, TestApp, Visitor},
    databases::on_both_databases,
    prices::{DEARER, KEY, at, selling, signed, stripe_at},
    recharge_shop::{ASKS, CHARGE, GOOD},
};

on_both_databases!(
    a_customer_saves_a_card_agrees_and_sees_what_was_charged,
    without_consent_nothing_is_switched_on_and_the_box_says_so,
    what_can_not_be_is_said_at_its_field_and_changes_nothing,
    a_pause_says_why_and_goes_on_when_its_owner_wants,
    a_price_that_rose_pauses_until_it_is_agreed_to,
    a_recharge_that_waits_can_be_neither_paid_on_a_page_nor_cancelled,
    while_stripe_is_away_or_purchases_are_off_the_page_says_so,
    it_is_for_customers_who_are_signed_in,
);

pub const PAGE: &str = "/settings/auto-recharge";
const CHOSEN: &str = "threshold=500&package=trader&amount=&monthly_cap=690&per_day=3&cooldown=1";

/// A server that sells through a Stripe of its own.
pub async fn open(app: &TestApp) -> (TestApp, Simulator) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let app = app.with_settings(&[&stripe_at(&stripe), KEY, &signed()]).await;
    (app, stripe)
}

/// Saves a card on Stripe's page and comes back.
pub async fn saves_card(customer: &mut Visitor, stripe: &Simulator, number: &str) -> String {
    let answer = customer.post(&format!("{PAGE}/card"), &[]).await;
    let session = stripe.sessions().pop().unwrap();
    answer.redirects_to(session["url"].as_str().unwrap());
    let id = session["id"].as_str().unwrap();
    let done = stripe.complete_with_card(id, number).unwrap();
    let back = done["success_url"].as_str().unwrap().replace("{CHECKOUT_SESSION_ID}", id);
    let back = back.strip_prefix("http://127.0.0.1:3000").unwrap().to_owned();
    customer.get(&back).await.body
}

/// The fields that the page of the words carries along.
fn hidden(page: &str) -> Vec<(&str, String)> {
    let form = page.split("method=\"post\" action=\"/settings/auto-recharge\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let value = |input: &str, name: &str| {
        let rest = input.split(&format!("{name}=\"")).nth(1)?;
        rest.split('"').next().map(|text| text.replace("&amp;", "&"))
    };
    let inputs = form.split("<input").filter(|input| input.contains("type=\"hidden\""));
    let named = inputs.filter_map(|input| {
        let name = input.split("name=\"").nth(1)?.split('"').next()?;
        Some((name, value(input, "value").unwrap_or_default()))
    });
    named.collect()
}

/// Sends the page of the words, ticked or not, with some fields as they are here.
pub async fn agrees(customer: &mut Visitor, chosen: &str, more: &[(&str, &str)]) -> Answer {
    let page = customer.get(&format!("{PAGE}?{chosen}")).await.body;
    let fields = hidden(&page);
    let mut fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend_from_slice(more);
    customer.post(PAGE, &fields).await
}

pub const TICKED: [(&str, &str); 1] = [("consent", "agreed")];

pub async fn switched_on(app: &TestApp, stripe: &Simulator, card: &str) -> Visitor {
    let mut customer = app.customer().await;
    saves_card(&mut customer, stripe, card).await;
    agrees(&mut customer, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    let grant = Command::Grant {
        source: Source::Promotion,
        amount: Credits::try_from_whole(499).unwrap(),
        validity: Validity::OneYear,
        purchase: None,
        note: Note::default(),
    };
    let account = customer.account.clone().unwrap();
    app.state.ledger.execute(&account, "grant", grant).await.unwrap();
    customer
}

pub async fn recharges(app: &TestApp) -> Recharged {
    app.state.payments.recharge_due(app.clock.now()).await.unwrap()
}

/// The page holds all of these words.
#[track_caller]
pub fn says(page: &str, all: &[&str]) {
    for words in all {
        assert!(page.contains(words), "{words}: {page}");
    }
}

async fn a_customer_saves_a_card_agrees_and_sees_what_was_charged(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    let page = customer.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    says(&page.body, &[">Off<", "stays off until you switch it on", "Save a card"]);
    assert!(!page.body.contains("name=\"threshold\""), "first the card");

    let page = saves_card(&mut customer, &stripe, GOOD).await;
    says(&page, &["Your card is saved.", "Visa •••• 4242", "Nothing is charged yet"]);
    let page = customer.get(&format!("{PAGE}?{CHOSEN}")).await.body;
    says(
        &page,
        &[
            "fall below 500, Recharge charges Visa •••• 4242 $230.00 for 5,000 credits",
            "at most 3 times in 24 hours, at least 1 hour apart, and never for more than $690.00",
            "in a calendar month (UTC)",
            "non-refundable",
            "expire one year after",
        ],
    );
    assert!(customer.get(PAGE).await.body.contains(">Off<"), "reading switches nothing on");

    agrees(&mut customer, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    assert_eq!(recharges(&app).await.credited, 1);
    assert!(stripe.idle(crate::payments_shop::SOON).await);
    let page = customer.get(PAGE).await.body;
    says(&page, &[">On<", "Below 500 available credits, 5,000 more are bought"]);
    says(&page, &["$230.00 of $690.00", "Not before", ">Credited<", ">Receipt<"]);
    let history = customer.get("/settings/credits/history").await.body;
    says(&history, &["Auto-recharge of 5,000 credits", "for $230.00"]);

    customer.post(&format!("{PAGE}/off"), &[]).await.redirects_to(&format!("{PAGE}?said=off"));
    says(&customer.get(PAGE).await.body, &[">Off<", "Visa •••• 4242"]);
    let removed = customer.post(&format!("{PAGE}/card/remove"), &[]).await;
    removed.redirects_to(&format!("{PAGE}?said=removed"));
    let page = customer.get(&format!("{PAGE}?said=removed")).await.body;
    says(&page, &["Your card is removed", "Save a card"]);
    assert_eq!(stripe.all("payment_method")[0]["customer"], serde_json::Value::Null);
}

async fn without_consent_nothing_is_switched_on_and_the_box_says_so(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    saves_card(&mut customer, &stripe, GOOD).await;
    for silent in [("consent", ""), ("consent", "no"), ("other", "agreed")] {
        let answer = agrees(&mut customer, CHOSEN, &[silent]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{silent:?}");
        says(&answer.body, &["id=\"consent-error\"", "Nothing was changed", "$690.00"]);
    }
    for changed in [("prices", "earlier"), ("card", "Visa •••• 1111")] {
        let answer = agrees(&mut customer, CHOSEN, &[changed, TICKED[0]]).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        says(&answer.body, &["Something has changed since you opened this page"]);
    }
    let page = customer.get(PAGE).await.body;
    says(&page, &[">Off<"]);
    assert_eq!(recharges(&app).await, Recharged::default());
}

async fn what_can_not_be_is_said_at_its_field_and_changes_nothing(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = app.customer().await;
    saves_card(&mut customer, &stripe, GOOD).await;
    for (field, wrong, words) in [
        ("monthly_cap", "229.99", "At least $230.00"),
        ("monthly_cap", "a lot", "Write an amount of money"),
        ("monthly_cap", "100001", "At most $100,000.00"),
        ("threshold", "0", "above 0"),
        ("threshold", "5001", "At most 5,000"),
        ("package", "none", "Choose what to buy"),
        ("per_day", "99", "Choose one of these"),
    ] {
        let error = format!("id=\"{field}-error\"");
        let pairs: Vec<_> = CHOSEN.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let entered = |(name, value)| (name, if name == field { wrong } else { value });
        let pairs: Vec<(&str, &str)> = pairs.into_iter().map(entered).collect();
        let query: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        let shown = customer.get(&format!("{PAGE}?{}", query.join("&"))).await.body;
        says(&shown, &[&error, words]);
        assert!(!shown.contains("name=\"consent\""), "{field}: there is nothing to agree to");
        let posted = customer.post(PAGE, &[pairs, TICKED.to_vec()].concat()).await;
        assert_eq!(posted.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {wrong}");
        says(&posted.body, &[&error, words, "Nothing was changed"]);
        let is_text = matches!(field, "monthly_cap" | "threshold");
        assert!(!is_text || posted.body.contains(&format!("value=\"{wrong}\"")), "{field}");
    }
    let account = customer.account.clone().unwrap();
    assert_eq!(app.state.payments.auto_recharge(&account).await.unwrap().plan, None);
}

async fn a_pause_says_why_and_goes_on_when_its_owner_wants(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = switched_on(&app, &stripe, ASKS).await;
    assert_eq!(recharges(&app).await.refused, 1);
    let page = customer.get(PAGE).await.body;
    says(&page, &[">Paused<", "confirm each payment yourself. Nothing was charged."]);
    says(&page, &["Use another card", "Buy credits now", ">Failed<"]);
    let saved = saves_card(&mut customer, &stripe, GOOD).await;
    says(&saved, &["Your card is saved.", ">Paused<"]);
    let resumed = customer.post(&format!("{PAGE}/resume"), &[]).await;
    resumed.redirects_to(&format!("{PAGE}?said=resumed"));
    app.clock.advance(chrono::TimeDelta::hours(1));
    assert_eq!(recharges(&app).await.credited, 1);
    says(&customer.get(PAGE).await.body, &[">On<", "5,499"]);
}

async fn a_price_that_rose_pauses_until_it_is_agreed_to(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = switched_on(&app, &stripe, GOOD).await;
    let dearer = selling(&app, DEARER, &stripe).await;
    let mut customer_there = at(&dearer, &customer);
    assert_eq!(recharges(&dearer).await.refused, 1);
    assert!(stripe.all("payment_intent").is_empty());
    let page = customer_there.get(PAGE).await.body;
    says(&page, &[">Paused<", "would cost more than you agreed to"]);
    let resumed = customer_there.post(&format!("{PAGE}/resume"), &[]).await;
    resumed.redirects_to(&format!("{PAGE}?said=not-resumed"));
    agrees(&mut customer_there, CHOSEN, &TICKED).await.redirects_to(&format!("{PAGE}?said=on"));
    assert_eq!(recharges(&dearer).await.credited, 1);
    assert_eq!(stripe.all("payment_intent")[0]["amount"], 30_000);
    says(&customer.get(PAGE).await.body, &[">On<"]);
}

async fn a_recharge_that_waits_can_be_neither_paid_on_a_page_nor_cancelled(app: TestApp) {
    let (app, stripe) = open(&app).await;
    let mut customer = switched_on(&app, &stripe, GOOD).await;
    stripe.fault(Fault::on("POST", CHARGE).status(503));
    recharges(&app).await;
    let account = customer.account.clone().unwrap();
    let waiting = app.state.payments.auto_recharge(&account).await.unwrap().recharges.remove(0);
    let path = format!("/settings/credits/purchases/{}", waiting.id);
    let page = customer.get(&path).await.body;
    says(&page, &["Auto-recharge", "We ask again"]);
    assert!(!page.contains("/pay\"") && !page.contains("/cancel\""), "{page}");
    let sessions = stripe.sessions().len();
    for verb in ["pay", "cancel"] {
        customer.post(&format!("{path}/{verb}"), &[]).await.redirects_to(&path);
    }
    assert_eq!(stripe.sessions().len(), sessions, "no second way to pay");
    stripe.clear_faults();
    customer.post(&format!("{path}/check"), &[]).await;
    says(&customer.get(&path).await.body, &["5,000 credits are yours to spend"]);
}

async fn while_stripe_is_away_or_purchases_are_off_the_page_says_so(app: TestApp) {
    let mut customer = app.customer().await;
    let page = customer.get(PAGE).await.body;
    says(&page, &["Purchases are switched off"]);
    let off = customer.post(&format!("{PAGE}/card"), &[]).await;
    off.redirects_to(&format!("{PAGE}?said=unreachable"));
    let (away, stripe) = open(&app).await;
    stripe.fault(Fault::on("POST", "/v1/customers").status(503));
    let mut customer = at(&away, &customer);
    let answer = customer.post(&format!("{PAGE}/card"), &[]).await;
    answer.redirects_to(&format!("{PAGE}?said=unreachable"));
    let page = customer.get(&format!("{PAGE}?said=unreachable")).await.body;
    says(&page, &["The payment service can\u{2019}t be reached", "Nothing was changed"]);
    let page = customer.get(&format!("{PAGE}?session_id=cs_test_nothing")).await.body;
    says(&page, &["No card was saved."]);
}

async fn it_is_for_customers_who_are_signed_in(app: TestApp) {
    let mut stranger = app.visitor();
    assert!(stranger.get(PAGE).await.header("location").starts_with("/sign-in"));
    let mut staff = app.staff().await;
    staff.get(PAGE).await.redirects_to("/support");
    let mut customer = app.customer().await;
    for path in ["", "/off", "/resume", "/card", "/card/remove"] {
        let path = format!("{PAGE}{path}");
        assert_eq!(staff.post(&path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
        let foreign = customer.post_from("cross-site", &path, &[]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{path}");
    }
}

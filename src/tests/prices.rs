//! What a page says of prices binds, and it says where more costs the same.

use axum::http::StatusCode;
use recharge::server::{catalogue::file as catalogue_file, payments::Agreed};
use stripe_simulator::{Config, Simulator};

use crate::{
    app::{TestApp, Visitor},
    databases::on_both_databases,
    payments_shop::WEBHOOK_SECRET,
};

on_both_databases!(
    nothing_is_bought_at_another_price_than_the_page_showed,
    a_form_that_has_seen_no_prices_buys_nothing,
    where_more_costs_the_same_the_page_says_so,
);

/// What operations cost is as ever.
const EMBEDDED: &str = include_str!("../server/catalogue/catalogue.toml");
const BUY: &str = "/settings/credits/buy";
/// 5,000 credits cost $300.00 instead of $230.00.
pub const DEARER: &str = "version = \"dearer\"\n[[price]]\nup_to = 100000\nper_credit = \"6.0\"\n";
/// What lies between 5,000 and 20,000 credits is free.
const FREE_STEP: &str = "version = \"free step\"
[[price]]\nup_to = 5000\nper_credit = \"4.5\"
[[price]]\nup_to = 20000\nper_credit = \"0\"
[[price]]\nup_to = 100000\nper_credit = \"3.5\"\n";
const REST: &str = "currency = \"usd\"\nminimum = 100\nmaximum = 100000\nterms = \"Final.\"\n";
const PACKAGES: &str =
    "[[package]]\nid = \"trader\"\ncredits = 5000\n[[package]]\nid = \"desk\"\ncredits = 20000\n";

/// The prices that pages show.
pub fn prices() -> String {
    catalogue_file::load(None).unwrap().catalogue.prices()
}

/// Who has seen the prices and accepts the terms.
pub fn agreed() -> Agreed {
    Agreed { prices: prices(), terms: true }
}

/// Another server on the same database that sells at these prices.
pub async fn selling(app: &TestApp, prices: &str, stripe: &Simulator) -> TestApp {
    let (version, steps) = prices.split_once('\n').unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let operations = &EMBEDDED[EMBEDDED.find("[[operation]]").unwrap()..];
    let text = format!("{version}\n{REST}{steps}{PACKAGES}{operations}");
    std::fs::write(file.path(), text).unwrap();
    let catalogue = format!("--catalogue={}", file.path().display());
    app.with_settings(&[&catalogue, &stripe_at(stripe), KEY, &signed()]).await
}

pub const KEY: &str = "--stripe-secret-key=sk_test_prices";

pub fn stripe_at(stripe: &Simulator) -> String {
    format!("--stripe-api-base={}", stripe.base_url())
}

pub fn signed() -> String {
    format!("--stripe-webhook-secret={WEBHOOK_SECRET}")
}

/// The same browser at another server.
pub fn at(app: &TestApp, customer: &Visitor) -> Visitor {
    let mut visitor = app.visitor();
    visitor.cookies.clone_from(&customer.cookies);
    visitor
}

/// What a browser without scripts sends: the hidden fields of the form, and what was chosen.
fn form<'a>(page: &'a str, chosen: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let form = page.split(&format!("action=\"{BUY}\"")).nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let value = |input: &'a str, name: &str| {
        input.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next())
    };
    let hidden = form.split("<input").filter(|input| input.contains("type=\"hidden\""));
    let mut fields: Vec<_> = hidden
        .map(|input| (value(input, "name").unwrap(), value(input, "value").unwrap()))
        .collect();
    fields.extend_from_slice(chosen);
    fields.push(("terms", "accepted"));
    fields
}

async fn nothing_is_bought_at_another_price_than_the_page_showed(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let before = app.with_settings(&[&stripe_at(&stripe), KEY, &signed()]).await;
    let after = selling(&app, DEARER, &stripe).await;
    let mut customer = before.customer().await;
    let account = customer.account.clone().unwrap();
    let mut later = at(&after, &customer);

    // The confirmation, and the form with the packages: each as it was shown before the change.
    for (path, chosen) in [
        (format!("{BUY}?package=trader"), vec![]),
        (format!("{BUY}?package=custom&amount=5000"), vec![]),
        ("/settings/credits".to_owned(), vec![("package", "trader")]),
        ("/settings/credits".to_owned(), vec![("package", "custom"), ("amount", "5000")]),
    ] {
        let shown = customer.get(&path).await.body;
        assert!(shown.contains("$230.00"), "{path}");
        let answer = later.post(BUY, &form(&shown, &chosen)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let again = answer.header("location").to_owned();
        assert!(again.ends_with("problem=prices"), "{path}: {again}");
        assert!(stripe.sessions().is_empty(), "{path}");
        assert!(after.state.payments.purchases(&account).await.unwrap().is_empty(), "{path}");
        let page = later.get(&again).await.body;
        assert!(page.contains("Prices or terms have changed") && page.contains("$300.00"));
        assert!(!page.contains("$230.00"), "{path}: only the new prices stand there");
    }

    // Who goes on from there pays what that page showed.
    let shown = later.get(&format!("{BUY}?package=trader&problem=prices")).await.body;
    let bought = later.post(BUY, &form(&shown, &[])).await;
    let session = stripe.sessions().pop().unwrap();
    bought.redirects_to(session["url"].as_str().unwrap());
    assert_eq!(session["amount_total"], 30_000);
}

async fn a_form_that_has_seen_no_prices_buys_nothing(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let app = app.with_settings(&[&stripe_at(&stripe), KEY, &signed()]).await;
    let mut customer = app.customer().await;
    let intent = uuid::Uuid::new_v4().to_string();
    let form = [("package", "trader"), ("intent", &intent), ("terms", "accepted")];
    let answer = customer.post(BUY, &form).await;
    answer.redirects_to(&format!("{BUY}?package=trader&problem=prices"));
    assert!(stripe.sessions().is_empty());
}

async fn where_more_costs_the_same_the_page_says_so(app: TestApp) {
    let stripe = Simulator::start(Config::default()).await.unwrap();
    let generous = selling(&app, FREE_STEP, &stripe).await;
    let mut customer = generous.customer().await;
    let says = "20,000 credits cost the same: take those.";
    let confirmed = |chosen: &str| format!("{BUY}?{chosen}");
    for path in [
        "/settings/credits".to_owned(),
        confirmed("package=trader"),
        confirmed("package=custom&amount=12000"),
    ] {
        assert!(customer.get(&path).await.body.contains(says), "{path}");
    }
    for chosen in ["package=desk", "package=custom&amount=4000", "package=custom&amount=20001"] {
        assert!(!customer.get(&confirmed(chosen)).await.body.contains("cost the same"), "{chosen}");
    }
    let mut usual = app.customer().await;
    assert!(!usual.get("/settings/credits").await.body.contains("cost the same"));
}

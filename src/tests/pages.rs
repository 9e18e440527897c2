//! The pages as a whole: every one complete, every door closed to strangers.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures::{StreamExt, stream};
use leptos::server_fn::axum::server_fn_paths;
use recharge::{
    credits::{Command, Credits, Note, Operation, Source, Validity},
    server::seed,
};

use crate::{
    app::{TestApp, Visitor},
    databases::on_both_databases,
    seed::{account_of, seeded},
};

on_both_databases!(
    a_thousand_pages_twenty_at_a_time_are_all_complete,
    a_page_with_its_gate_takes_five_queries,
    who_asks_for_the_head_of_a_page_gets_it,
    a_customer_sees_what_the_ledger_says,
    server_functions_have_no_address,
    an_operation_is_estimated_in_the_address,
    what_can_not_be_afforded_leads_to_a_purchase,
    a_stranger_sees_the_sign_in_page,
);

/// Gives a customer 500 credits and spends 20.5 of them.
async fn credits_for(app: &TestApp, customer: &Visitor) {
    let account = customer.account.as_ref().unwrap();
    let note = |description: &str| Note { description: description.to_owned(), ..Note::default() };
    let grant = Command::Grant {
        source: Source::Promotion,
        amount: Credits::from_thousandths(500_000),
        validity: Validity::OneYear,
        purchase: None,
        note: note("Welcome"),
    };
    let spend = Command::Spend {
        operation: Operation::Backtest,
        amount: Credits::from_thousandths(20_500),
        note: note("Backtest of <b>everything</b>"),
    };
    app.state.ledger.execute(account, "welcome", grant).await.unwrap();
    app.state.ledger.execute(account, "backtest", spend).await.unwrap();
}

/// With the demo's year and a half of operations; `make check` asks for fewer.
async fn a_thousand_pages_twenty_at_a_time_are_all_complete(app: TestApp) {
    seeded(&app, 3).await;
    let mut customer = app.visitor();
    customer.sign_in_as("demo@recharge.test", seed::PASSWORD, "").await;
    let account = account_of(&app, "demo@recharge.test").await;
    let (available, _) = app.state.ledger.balance(&account).await.unwrap();
    let asked = std::env::var("TEST_PAGES").map_or(1_000, |text| text.parse().unwrap());
    let pages = stream::iter(0..asked).map(|_| {
        let mut customer = customer.clone();
        tokio::spawn(async move { customer.get("/settings/credits").await })
    });
    let answers: Vec<_> = pages.buffer_unordered(20).collect().await;
    assert_eq!(answers.len(), asked);
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.ends_with("</body></html>"));
        assert!(answer.body.contains(&available.whole_text()), "the balance stands there");
    }
}

async fn a_page_with_its_gate_takes_five_queries(app: TestApp) {
    let (app, queries) = app.counting().await;
    let mut customer = app.customer().await;
    credits_for(&app, &customer).await;
    for path in ["/settings/credits", "/settings/credits/history", "/settings/credits/buy"] {
        queries.lock().unwrap().clear();
        assert_eq!(customer.get(path).await.status, StatusCode::OK);
        let queries = std::mem::take(&mut *queries.lock().unwrap());
        assert!((1..=5).contains(&queries.len()), "{path}: {queries:#?}");
        let of_sessions: Vec<_> =
            queries.iter().filter(|sql| sql.contains("\"sessions\"")).collect();
        assert!(of_sessions.len() == 1 && of_sessions[0].contains("\"users\""), "{queries:#?}");
    }
}

async fn who_asks_for_the_head_of_a_page_gets_it(app: TestApp) {
    let mut customer = app.customer().await;
    let head = Request::head("/settings/credits").body(Body::empty()).unwrap();
    let answer = customer.send(head).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
}

async fn a_customer_sees_what_the_ledger_says(app: TestApp) {
    let mut customer = app.customer().await;
    credits_for(&app, &customer).await;
    for path in ["/settings/credits", "/settings/credits/history"] {
        let page = customer.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Credits Management"), "{path}");
        assert!(page.body.contains("Backtest of &lt;b&gt;everything&lt;/b&gt;"), "{path} escapes");
    }
}

async fn server_functions_have_no_address(app: TestApp) {
    let mut customer = app.customer().await;
    let functions: Vec<_> = server_fn_paths().collect();
    assert!(functions.len() >= 4, "{functions:?}");
    for (path, _) in functions {
        let form = [("account", "acc_1"), ("id", "acc_1"), ("email", "demo@recharge.test")];
        assert_eq!(customer.post(path, &form).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(customer.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        let foreign = customer.post_from("cross-site", path, &form).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// The field with this name, as the page has it.
fn input<'p>(page: &'p str, name: &str) -> &'p str {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("{name} in {page}"));
    let start = page[..at].rfind('<').unwrap();
    &page[start..start + page[start..].find('>').unwrap()]
}

/// What a figure of the estimator says.
fn figure<'p>(page: &'p str, name: &str) -> &'p str {
    let page = &page[page.find("panel estimate").unwrap()..];
    let at = page.find(&format!("data-figure=\"{name}\"")).unwrap();
    let text = &page[at + page[at..].find('>').unwrap() + 1..];
    &text[..text.find('<').unwrap()]
}

async fn an_operation_is_estimated_in_the_address(app: TestApp) {
    let mut customer = app.customer().await;
    credits_for(&app, &customer).await;
    let page = customer.get("/settings/credits").await.body;
    assert!(input(&page, "backtest.assets").contains("value=\"10\""), "the typical one at first");
    assert_eq!((figure(&page, "cost"), figure(&page, "after")), ("12.5", "467"));

    let asked = "cycle=2026-01-15&estimate=backtest&backtest.assets=20&backtest.years=3\
                 &backtest.resolution=minute&inference.model=frontier";
    let page = customer.get(&format!("/settings/credits?{asked}")).await.body;
    assert_eq!((figure(&page, "cost"), figure(&page, "after")), ("240", "239.5"));
    assert_eq!(figure(&page, "detail"), "20 assets × 3 years, minute bars");
    assert_eq!(figure(&page, "rates"), "4 credits per asset × year, at least 0.5, at most 5,000");
    assert!(input(&page, "backtest.assets").contains("value=\"20\""));
    let kept = page.split("action=\"/settings/credits#estimate\"").nth(1).unwrap();
    assert!(input(kept, "cycle").contains("2026-01-15"), "the chosen cycle is kept");

    let asked = "estimate=backtest&backtest.assets=%22%3E%3Cu%3E&backtest.years=1";
    let page = customer.get(&format!("/settings/credits?{asked}")).await.body;
    assert!(input(&page, "backtest.assets").contains("aria-invalid=\"true\""));
    assert!(figure(&page, "fault-backtest-assets").starts_with("Assets must be a number"));
    assert!(!page.contains("\"><u>"), "what was sent is escaped");
    let page = customer.get("/settings/credits?estimate=dance&dance.steps=1").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(figure(&page.body, "cost"), "12.5");
}

async fn what_can_not_be_afforded_leads_to_a_purchase(app: TestApp) {
    let mut customer = app.customer().await;
    credits_for(&app, &customer).await;
    let asked = "estimate=strategy&strategy.iterations=200&strategy.model=standard";
    let page = customer.get(&format!("/settings/credits?{asked}")).await.body;
    assert_eq!((figure(&page, "cost"), figure(&page, "missing")), ("1,250", "770.5"));
    assert!(page.contains("href=\"/settings/credits?package=starter#buy\""), "{page}");
    let chosen = customer.get("/settings/credits?package=desk").await.body;
    let desk = &chosen[chosen.find("value=\"desk\"").unwrap()..];
    assert!(desk[..desk.find('>').unwrap()].contains("checked"), "{chosen}");
    let unknown = customer.get("/settings/credits?package=none").await;
    assert_eq!(unknown.status, StatusCode::OK);
}

async fn a_stranger_sees_the_sign_in_page(app: TestApp) {
    let page = app.visitor().get("/sign-in?next=%2Fsettings%2Fcredits%2Fhistory&error=1").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("action=\"/sign-in\"") && page.body.contains("name=\"password\""));
    assert!(page.body.contains("value=\"/settings/credits/history\""));
}

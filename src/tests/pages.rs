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
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{path}");
    }
}

async fn a_stranger_sees_the_sign_in_page(app: TestApp) {
    let page = app.visitor().get("/sign-in?next=%2Fsettings%2Fcredits%2Fhistory&error=1").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("action=\"/sign-in\"") && page.body.contains("name=\"password\""));
    assert!(page.body.contains("value=\"/settings/credits/history\""));
}

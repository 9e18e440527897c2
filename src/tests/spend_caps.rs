//! Settings → Spend caps, and what they hold back.

use axum::http::StatusCode;
use recharge::{
    credits::{Command, HoldTime, Note, Operation, Refusal},
    server::ledger::LedgerError,
};

use crate::{
    app::TestApp,
    commands::{credits, grant, spend_on},
    databases::on_both_databases,
};

on_both_databases!(
    a_customer_sets_a_cap_and_sees_what_was_used_of_it,
    what_is_no_amount_is_said_at_its_field_and_changes_nothing,
    a_cap_is_enforced_before_the_work_and_counts_what_is_held,
    a_cap_counts_from_the_first_day_of_the_cycle,
    caps_are_for_customers_who_are_signed_in,
);

const PAGE: &str = "/settings/spend-caps";

fn hold(whole: i64) -> Command {
    Command::Hold {
        operation: Operation::Backtest,
        amount: credits(whole),
        lasts: HoldTime::DEFAULT,
        note: Note::default(),
    }
}

async fn a_customer_sets_a_cap_and_sees_what_was_used_of_it(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let ledger = &app.state.ledger;
    ledger.execute(&account, "grant", grant(500)).await.unwrap();
    ledger.execute(&account, "spend", spend_on(Operation::Analysis, 30)).await.unwrap();
    ledger.execute(&account, "hold", hold(20)).await.unwrap();
    let page = customer.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("50 credits used"), "{}", page.body);

    let saved = customer
        .post(PAGE, &[("all", "1,000"), ("backtest", "12.5"), ("analysis", "12,500")])
        .await;
    saved.redirects_to("/settings/spend-caps?saved=1");
    let page = customer.get("/settings/spend-caps?saved=1").await.body;
    for words in [
        "Your spend caps are saved",
        "50 of 1,000 credits used",
        "20 of 12.5 credits used",
        "30 of 12,500 credits used",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    customer.post(PAGE, &[("all", ""), ("backtest", "")]).await;
    assert!(!ledger.spend_caps(&account).await.unwrap().caps.caps.is_any());
}

async fn what_is_no_amount_is_said_at_its_field_and_changes_nothing(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let wrongs = ["-1", "1e9", "NaN", "12.3456", "a lot", "99999999999999999999"];
    for wrong in wrongs.into_iter().chain(["12,5", "0,5", "1,2,3", "1 2"]) {
        let answer = customer.post(PAGE, &[("all", "100"), ("strategy", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(answer.body.contains("id=\"strategy-error\""), "{}", answer.body);
        assert!(answer.body.contains("with a point before decimals"), "{}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{wrong}\"")), "{wrong}: {}", answer.body);
        assert!(answer.body.contains("value=\"100\""), "what was right is kept too");
    }
    assert!(!app.state.ledger.spend_caps(&account).await.unwrap().caps.caps.is_any());
}

async fn a_cap_is_enforced_before_the_work_and_counts_what_is_held(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let ledger = &app.state.ledger;
    ledger.execute(&account, "grant", grant(5_000)).await.unwrap();
    customer.post(PAGE, &[("all", "1000")]).await;
    ledger.execute(&account, "spend", spend_on(Operation::Analysis, 500)).await.unwrap();
    ledger.execute(&account, "hold", hold(490)).await.unwrap();
    let refused = ledger.execute(&account, "next", hold(20)).await.unwrap_err();
    let cap = Refusal::SpendCap {
        operation: None,
        cap: credits(1_000),
        left: credits(10),
        needed: credits(20),
        available: credits(4_010),
        held: credits(490),
    };
    assert_eq!(refused, LedgerError::Refused(cap));
    app.clock.advance(chrono::TimeDelta::hours(2));
    ledger.execute(&account, "next", hold(20)).await.unwrap();
}

async fn a_cap_counts_from_the_first_day_of_the_cycle(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let ledger = &app.state.ledger;
    ledger.execute(&account, "grant", grant(5_000)).await.unwrap();
    customer.post(PAGE, &[("inference", "100")]).await;
    ledger.execute(&account, "spend", spend_on(Operation::Inference, 100)).await.unwrap();
    let again = spend_on(Operation::Inference, 1);
    assert!(ledger.execute(&account, "again", again.clone()).await.is_err());
    app.clock.advance(chrono::TimeDelta::days(32));
    ledger.execute(&account, "again", again).await.unwrap();
    let used = ledger.spend_caps(&account).await.unwrap().caps.used;
    assert_eq!(used[Operation::Inference as usize], credits(1));
}

async fn caps_are_for_customers_who_are_signed_in(app: TestApp) {
    let mut stranger = app.visitor();
    let answer = stranger.get(PAGE).await;
    assert!(answer.header("location").starts_with("/sign-in"), "{answer:?}");
    let mut staff = app.staff().await;
    staff.get(PAGE).await.redirects_to("/support");
    assert_eq!(staff.post(PAGE, &[("all", "1")]).await.status, StatusCode::NOT_FOUND);
    let mut customer = app.customer().await;
    let foreign = customer.post_from("cross-site", PAGE, &[("all", "1")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

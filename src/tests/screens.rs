//! What people see, asked of the server as a browser would: without any script.

use recharge::credits::{AccountId, Command, Credits, HoldTime, Note, Operation, Source, Validity};

use serde_json::json;

use crate::{
    api::{Program, text},
    app::{TestApp, Visitor},
    databases::on_both_databases,
};

on_both_databases!(
    the_screen_and_the_file_show_the_same_rows,
    every_kind_of_row_can_be_asked_for_on_screen_in_the_file_and_by_programs,
    the_types_of_operation_sum_to_what_was_consumed,
    what_is_held_stands_apart_and_leads_to_its_rows,
    a_row_opens_in_place_and_names_what_it_took_from,
    an_unknown_filter_shows_all_rows_instead_of_failing,
    a_new_account_is_told_what_will_be_here,
    support_sees_what_the_customer_sees,
    the_file_of_support_has_the_rows_and_the_totals_of_its_page,
    a_customer_learns_nothing_of_the_support_desk,
);

fn credits(thousandths: i64) -> Credits {
    Credits::from_thousandths(thousandths)
}

async fn grant(app: &TestApp, account: &AccountId, whole: i64) {
    let command = Command::Grant {
        source: Source::Promotion,
        amount: credits(whole * 1_000),
        validity: Validity::OneYear,
        purchase: None,
        note: Note { description: "Welcome credits".into(), ..Note::default() },
    };
    app.state.ledger.execute(account, &format!("grant-{whole}"), command).await.unwrap();
}

async fn spend(app: &TestApp, account: &AccountId, key: i64, operation: Operation, amount: i64) {
    let note = Note {
        description: format!("Work {key}"),
        detail: "\"quoted\", with a comma".into(),
        reference: format!("job_{key}"),
        rate_card: "v1".into(),
    };
    let command = Command::Spend { operation, amount: credits(amount), note };
    app.state.ledger.execute(account, &format!("spend-{key}"), command).await.unwrap();
}

/// A customer with 1,000 credits and 60 operations of 2.5, 5, 7.5 and 10 credits in turn.
async fn busy_customer(app: &TestApp) -> (Visitor, AccountId) {
    let customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    grant(app, &account, 1_000).await;
    for key in 0..60_i64 {
        let kind = usize::try_from(key % 4).unwrap();
        spend(app, &account, key, Operation::ALL[kind], 2_500 * (key % 4 + 1)).await;
    }
    (customer, account)
}

/// The numbers of the rows on a page, newest first.
fn rows_of(page: &str) -> Vec<i64> {
    let starts = page.match_indices("id=\"row-").map(|(index, mark)| index + mark.len());
    starts.map(|start| page[start..].split('"').next().unwrap().parse().unwrap()).collect()
}

/// Where the link with this relation leads.
fn link(page: &str, relation: &str) -> Option<String> {
    let anchor =
        page.split("<a ").find(|anchor| anchor.contains(&format!("rel=\"{relation}\"")))?;
    let href = anchor.split("href=\"").nth(1)?.split('"').next()?;
    Some(href.replace("&amp;", "&"))
}

async fn the_screen_and_the_file_show_the_same_rows(app: TestApp) {
    let (mut customer, _) = busy_customer(&app).await;
    for filter in ["", "?operation=backtest", "?text=WORK+1", "?kind=granted", "?text=%22"] {
        let mut shown = Vec::new();
        let mut next = Some(format!("/settings/credits/history{filter}"));
        while let Some(path) = next {
            let page = customer.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.body.contains("add up"), "{path} does not add up");
            shown.extend(rows_of(&page.body));
            next = link(&page.body, "next");
        }
        let file = customer.get(&format!("/settings/credits/history.csv{filter}")).await;
        assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
        let mut reader = csv::Reader::from_reader(file.body.as_bytes());
        let records = reader.records().map(|record| record.unwrap()[0].parse::<i64>().unwrap());
        assert_eq!(shown, records.collect::<Vec<_>>(), "{filter}");
        assert!(shown.is_sorted_by(|newer, older| newer > older), "{filter}: {shown:?}");
    }
}

async fn every_kind_of_row_can_be_asked_for_on_screen_in_the_file_and_by_programs(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    grant(&app, &account, 500).await;
    let program = Program::of(&app, &account).await;
    let asked = json!({"operation": "backtest", "amount": "75"});
    let holds =
        [program.post_new("/holds", &asked).await, program.post_new("/holds", &asked).await];
    let [done, failed] = holds.map(|told| text(&told.is(201), "id"));
    program.post_new(&format!("/holds/{done}/capture"), &json!({"amount": "70"})).await.is(200);
    program.post_new(&format!("/holds/{failed}/release"), &json!({})).await.is(200);
    let form = customer.get("/settings/credits/history").await.body;
    for (kind, rows, said) in [
        ("granted", vec![1], "Welcome credits"),
        ("held", vec![3, 2], "75 credits held"),
        ("spent", vec![4], "5 of 75 held returned"),
        ("released", vec![5], "failed, 0 credits (75 released)"),
        ("expired", vec![], "No rows match"),
    ] {
        assert!(form.contains(&format!("<option value=\"{kind}\"")), "{kind} can be chosen");
        let page = customer.get(&format!("/settings/credits/history?kind={kind}")).await.body;
        assert_eq!(rows_of(&page), rows, "{kind}");
        assert!(page.contains(said), "{kind}: {page}");
        let file = customer.get(&format!("/settings/credits/history.csv?kind={kind}")).await.body;
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let records = reader.records().map(|record| record.unwrap()[0].parse::<i64>().unwrap());
        assert_eq!(records.collect::<Vec<_>>(), rows, "{kind}");
        let entries = program.entries(&account, &format!("?kind={kind}")).await;
        let entries = entries.iter().map(|entry| entry["entry"].as_i64().unwrap());
        assert_eq!(entries.collect::<Vec<_>>(), rows, "{kind}");
    }
}

async fn the_types_of_operation_sum_to_what_was_consumed(app: TestApp) {
    let (mut customer, _) = busy_customer(&app).await;
    let page = customer.get("/settings/credits").await.body;
    let legend = page.split("class=\"legend\"").nth(1).unwrap().split("</table>").next().unwrap();
    for sum in ["37.5", "75", "112.5", "150", "375"] {
        let cell = format!("<td class=\"num\">{sum}");
        assert!(legend.contains(&cell), "{sum} credits are missing in {legend}");
    }
    assert!(page.contains("625"), "625 credits are available");
}

async fn a_row_opens_in_place_and_names_what_it_took_from(app: TestApp) {
    let (mut customer, _) = busy_customer(&app).await;
    let page = customer.get("/settings/credits/history?open=61#row-61").await.body;
    assert_eq!(page.matches("class=\"detail\"").count(), 1);
    assert!(page.contains("Paid from") && page.contains("Promotion of "));
    assert!(page.contains("job_59") && page.contains("aria-expanded=\"true\""));
}

async fn what_is_held_stands_apart_and_leads_to_its_rows(app: TestApp) {
    let (mut customer, account) = busy_customer(&app).await;
    let page = customer.get("/settings/credits").await.body;
    assert!(page.contains("Nothing is held: all of it can be spent."));
    assert!(!page.contains("held for running operations") && !page.contains("See the holds"));
    for (number, amount) in [(1, 75_000), (2, 30_500)] {
        let note = Note { description: format!("Backtest {number}"), ..Note::default() };
        let (operation, amount) = (Operation::Backtest, credits(amount));
        let hold = Command::Hold { operation, amount, lasts: HoldTime::DEFAULT, note };
        app.state.ledger.execute(&account, &format!("hold-{number}"), hold).await.unwrap();
    }
    let mut staff = app.staff().await;
    for (page, path, mark) in [
        (customer.get("/settings/credits").await, "/settings/credits/history".to_owned(), ""),
        (
            staff.get(&format!("/support/accounts/{account}")).await,
            format!("/support/accounts/{account}"),
            "#history",
        ),
    ] {
        let card = page.body.split("id=\"available\"").nth(1).unwrap();
        let card = card.split("Consumed this cycle").next().unwrap();
        let line = "105.5 credits held for running operations. Balance 625 credits.";
        assert!(card.contains(line), "{card}");
        let rows = format!("{path}?kind=held{mark}");
        assert!(card.contains(&format!("href=\"{rows}\"")), "{rows} in {card}");
        let shown =
            if mark.is_empty() { customer.get(&rows).await } else { staff.get(&rows).await };
        assert_eq!(rows_of(&shown.body), [63, 62], "the rows it is made of");
        assert!(shown.body.contains("75 credits held") && shown.body.contains("30.5 credits held"));
    }
}

async fn an_unknown_filter_shows_all_rows_instead_of_failing(app: TestApp) {
    let (mut customer, _) = busy_customer(&app).await;
    for query in [
        "kind=stolen&operation=magic&from=tomorrow&to=0000-00-00",
        "before=-1&after=x&open=99999999999999999999",
        "text=%FF%00%27%3B--",
        "text=%25",
        "before=1",
        "after=9223372036854775807&open=9223372036854775807",
        "from=2026-01-01&to=2025-01-01",
        "from=-262143-01-01&to=262142-12-31",
        "cycle=9999-99-99",
        "open=%00",
    ] {
        for path in ["/settings/credits", "/settings/credits/history"] {
            let page = customer.get(&format!("{path}?{query}")).await;
            assert_eq!(page.status, 200, "{path}?{query}");
        }
        let file = customer.get(&format!("/settings/credits/history.csv?{query}")).await;
        assert_eq!(file.status, 200, "{query}");
    }
    assert_eq!(customer.get("/settings/credits/purchases/%00").await.status, 404);
    let page = customer.get("/settings/credits/history?kind=stolen").await;
    assert_eq!(rows_of(&page.body).len(), 25);
}

async fn a_new_account_is_told_what_will_be_here(app: TestApp) {
    let mut customer = app.customer().await;
    let page = customer.get("/settings/credits").await.body;
    assert!(page.contains("<h1>Credits Management</h1>"));
    assert!(page.contains("Your usage will appear here") && page.contains("No rows yet"));
    assert!(!page.contains("Credits by expiry"));
}

async fn support_sees_what_the_customer_sees(app: TestApp) {
    let (customer, account) = busy_customer(&app).await;
    let mut staff = app.staff().await;
    let found = staff.get(&format!("/support?email={}", customer.email.to_uppercase())).await.body;
    let path = format!("/support/accounts/{account}");
    assert!(found.contains(&format!("href=\"{path}\"")), "{found}");
    let page = staff.get(&format!("{path}?kind=spent&operation=backtest")).await;
    assert_eq!((page.status.as_u16(), rows_of(&page.body).len()), (200, 15));
    assert!(page.body.contains("625") && page.body.contains(&customer.email));
    let file = staff.get(&format!("{path}/history.csv?operation=backtest")).await;
    assert_eq!(file.body.lines().count(), 16);
    assert_eq!(staff.get("/support/accounts/acc_nobody").await.status, 404);
    assert_eq!(staff.get("/support/accounts/acc_nobody/history.csv").await.status, 404);
    assert!(staff.get("/support?email=nobody").await.body.contains("No account with this address"));
}

async fn the_file_of_support_has_the_rows_and_the_totals_of_its_page(app: TestApp) {
    let (mut customer, account) = busy_customer(&app).await;
    let mut staff = app.staff().await;
    let path = format!("/support/accounts/{account}");
    let overview = staff.get(&path).await.body;
    let legend = overview.split("class=\"legend\"").nth(1).unwrap();
    for (filter, total) in [
        ("operation=inference", 37.5),
        ("operation=strategy", 75.0),
        ("operation=backtest", 112.5),
        ("operation=analysis", 150.0),
        ("kind=spent", 375.0),
        ("kind=spent&text=WORK+1", 72.5),
        ("kind=spent&text=nothing", 0.0),
    ] {
        let mut shown = Vec::new();
        let mut next = Some(format!("{path}?{filter}"));
        while let Some(path) = next {
            let page = staff.get(&path).await.body;
            shown.extend(rows_of(&page));
            next = link(&page, "next");
        }
        let file = staff.get(&format!("{path}/history.csv?{filter}")).await.body;
        let own = customer.get(&format!("/settings/credits/history.csv?{filter}")).await.body;
        assert_eq!(file, own, "{filter}");
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        let numbers: Vec<i64> = records.iter().map(|record| record[0].parse().unwrap()).collect();
        assert_eq!(shown, numbers, "{filter}");
        let sum: f64 = records.iter().map(|record| record[8].parse::<f64>().unwrap()).sum();
        assert_eq!(-sum, total, "{filter}");
        let is_in_legend = legend.contains(&format!("<td class=\"num\">{total}"));
        assert!(filter.contains("text") || is_in_legend, "{filter}: {legend}");
    }
}

async fn a_customer_learns_nothing_of_the_support_desk(app: TestApp) {
    let (mut customer, account) = busy_customer(&app).await;
    for path in [
        "/support".to_owned(),
        format!("/support/accounts/{account}"),
        format!("/support/accounts/{account}/history.csv"),
    ] {
        assert_eq!(customer.get(&path).await.status, 404, "{path}");
    }
}

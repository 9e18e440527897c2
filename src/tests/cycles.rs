//! The billing cycle is explicit, in the zone of its owner: what the page's header, its chart and
//! the export say of it is the same.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use recharge::credits::{Command, Credits, Note, Operation, Source, Validity};

use crate::{
    app::{TestApp, Visitor},
    databases::on_both_databases,
};

on_both_databases!(header_chart_and_export_agree_on_the_cycle_in_every_zone);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// When a day begins in a zone.
fn start(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_local_timezone(zone).unwrap().to_utc()
}

/// Moves the time to an instant.
pub fn set(app: &TestApp, at: DateTime<Utc>) {
    app.clock.advance(at - app.clock.now());
}

/// Carries out a command in its own time.
pub async fn execute(app: &TestApp, customer: &Visitor, command: Command, at: DateTime<Utc>) {
    let account = customer.account.as_ref().unwrap();
    app.state.ledger.execute_at(account, &at.to_rfc3339(), command, at).await.unwrap();
}

/// 1,000 credits.
pub fn grant() -> Command {
    Command::Grant {
        source: Source::Promotion,
        amount: Credits::from_thousandths(1_000_000),
        validity: Validity::OneYear,
        purchase: None,
        note: Note::default(),
    }
}

/// So many credits for a backtest.
pub fn spend(whole: i64) -> Command {
    let amount = Credits::from_thousandths(whole * 1_000);
    Command::Spend { operation: Operation::Backtest, amount, note: Note::default() }
}

/// The text between two marks.
pub fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let after = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}")).1;
    after.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}")).0
}

/// The file of these days: how many rows, and what was spent.
pub async fn export(customer: &mut Visitor, first: NaiveDate, last: NaiveDate) -> (usize, f64) {
    let query = format!("kind=spent&from={first}&to={last}");
    let file = customer.get(&format!("/settings/credits/history.csv?{query}")).await;
    assert_eq!(file.status, 200);
    let mut reader = csv::Reader::from_reader(file.body.as_bytes());
    let amounts: Vec<f64> =
        reader.records().map(|record| record.unwrap()[8].parse().unwrap()).collect();
    (amounts.len(), -amounts.iter().sum::<f64>())
}

async fn header_chart_and_export_agree_on_the_cycle_in_every_zone(app: TestApp) {
    let zones = [chrono_tz::Etc::GMTPlus8, chrono_tz::UTC, chrono_tz::Asia::Tokyo];
    for (anchor, zone) in [29, 30, 31].into_iter().flat_map(|day| zones.map(|zone| (day, zone))) {
        let case = format!("day {anchor} in {zone}");
        // The account begins on its anchor day; February has 28, so that cycle begins on the 28th.
        let opened = start(day(&format!("2027-01-{anchor}")), zone) + TimeDelta::hours(12);
        set(&app, opened);
        let mut customer = app.customer_in(zone.name()).await;
        let (first, end) = (day("2027-02-28"), day(&format!("2027-03-{anchor}")));
        let (begins, ends) = (start(first, zone), start(end, zone));
        let instant = TimeDelta::milliseconds(1);
        execute(&app, &customer, grant(), opened).await;
        for (whole, at) in [(1, begins - instant), (10, begins), (20, ends - instant)] {
            set(&app, at);
            execute(&app, &customer, spend(whole), at).await;
        }
        // The clock runs on while the pages are looked at.
        set(&app, ends - TimeDelta::minutes(10));
        customer.sign_in().await.redirects_to("/settings/credits");
        let last = end - Days::new(1);

        let page = customer.get("/settings/credits").await.body;
        let dates = format!("28 Feb – {}", last.format("%-d %b"));
        let text = page.replace('\u{a0}', " ");
        assert!(text.contains(&dates), "{case}: {dates}");
        let header = between(&page, "Consumed this cycle</h2>", "</div>");
        assert!(header.contains(">30 <") || header.contains(">30<"), "{case}: {header}");
        let rows = format!("from={first}&amp;to={last}");
        assert!(header.contains(&rows), "{case}: {header}");
        let chart = between(&page, "<desc", "</desc>");
        assert!(chart.contains("30 credits"), "{case}: {chart}");
        let table = between(&page, "Credits consumed per day", "</table>");
        assert!(table.contains("Sun 28 Feb") && !table.contains("Sat 27 Feb"), "{case}");
        let by_type = between(&page, "class=\"legend\"", "</table>");
        assert_eq!(by_type.matches(">30").count(), 2, "{case}: {by_type}");
        assert_eq!(export(&mut customer, first, last).await, (2, 30.0), "{case}");

        // At its end the next cycle has begun, and this one is an earlier one.
        set(&app, ends);
        let page = customer.get("/settings/credits").await.body;
        let header = between(&page, "Consumed this cycle</h2>", "</div>");
        assert!(header.contains(">0 <") || header.contains(">0<"), "{case}: {header}");
        let earlier = customer.get(&format!("/settings/credits?cycle={first}")).await.body;
        let by_type = between(&earlier, "class=\"legend\"", "</table>");
        assert_eq!(by_type.matches(">30").count(), 2, "{case}: {by_type}");
        let before = first - Days::new(1);
        assert_eq!(export(&mut customer, day("2027-01-01"), before).await, (1, 1.0), "{case}");
    }
}

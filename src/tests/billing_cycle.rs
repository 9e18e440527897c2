//! Settings → Billing cycle: another day or zone, and everything that counts by it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use recharge::credits::{Caps, Credits, Cycle, Refusal};
use recharge::server::ledger::LedgerError;

use crate::{
    app::{TestApp, Visitor},
    cycles::{between, execute, export, grant, set, spend},
    databases::on_both_databases,
};

on_both_databases!(
    a_customer_moves_their_cycle_and_sees_the_next_ones,
    what_is_no_day_or_no_zone_is_said_at_its_field_and_changes_nothing,
    header_chart_and_export_agree_after_every_change,
    spend_caps_count_in_the_new_cycle_at_once,
    what_is_spent_while_the_zone_changes_is_counted_once,
    the_billing_cycle_is_for_customers_who_are_signed_in,
);

const PAGE: &str = "/settings/billing-cycle";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn save(customer: &mut Visitor, day: u32, zone: &str) {
    let saved = customer.post(PAGE, &[("day", &day.to_string()), ("zone", zone)]).await;
    saved.redirects_to("/settings/billing-cycle?saved=1");
}

async fn a_customer_moves_their_cycle_and_sees_the_next_ones(app: TestApp) {
    set(&app, at("2027-02-10T12:00:00Z"));
    let mut customer = app.customer().await;
    save(&mut customer, 31, "Asia/Kathmandu").await;
    let page = customer.get("/settings/billing-cycle?saved=1").await;
    assert!(page.body.contains("Your billing cycle is saved."), "{}", page.body);
    assert!(page.body.contains("10 Feb 2027, 17:45 (UTC+05:45)"), "{}", page.body);
    assert!(page.body.contains("Kathmandu (UTC+05:45)"));
    let cycles = between(&page.body, "<tbody", "</tbody>");
    let days =
        ["31 Jan 2027", "27 Feb 2027", "28 Feb 2027", "30 Mar 2027", "31 Mar 2027", "29 Apr 2027"];
    let mut rest = cycles;
    for day in days {
        rest = rest.split_once(day).unwrap_or_else(|| panic!("no {day} in {rest}")).1;
    }
    assert!(cycles.contains("Not day 31: February has 28 days"), "{cycles}");
    assert!(cycles.contains("Not day 31: April has 30 days"), "{cycles}");
    let account = customer.account.unwrap();
    let overview = app.state.ledger.overview(&account, None).await.unwrap();
    assert_eq!(overview.zone, "Asia/Kathmandu");
    assert_eq!(overview.cycle, Cycle::containing("2027-02-10".parse().unwrap(), 31));
}

async fn what_is_no_day_or_no_zone_is_said_at_its_field_and_changes_nothing(app: TestApp) {
    let mut customer = app.customer_in("Europe/Berlin").await;
    save(&mut customer, 7, "Europe/Berlin").await;
    let no_day = "Write a day from 1 to 31.";
    let no_zone = "We don\u{2019}t know this zone.";
    for (day, zone, problems) in [
        ("0", "UTC", [true, false]),
        ("32", "UTC", [true, false]),
        ("-1", "UTC", [true, false]),
        ("1.5", "UTC", [true, false]),
        ("", "UTC", [true, false]),
        ("3", "Mars/Olympus", [false, true]),
        ("3", "", [false, true]),
        ("first", "europe/berlin", [true, true]),
    ] {
        let answer = customer.post(PAGE, &[("day", day), ("zone", zone)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{day} {zone}");
        let said = [no_day, no_zone].map(|words| answer.body.contains(words));
        assert_eq!(said, problems, "{day} {zone}");
        assert!(answer.body.contains("<title>Nothing was changed: Billing cycle"));
        assert!(answer.body.contains(&format!("value=\"{day}\"")), "{day}");
    }
    let found = app.state.ledger.billing_cycle(&customer.account.unwrap()).await.unwrap();
    assert_eq!((found.anchor_day, found.zone.as_str()), (7, "Europe/Berlin"));
}

async fn header_chart_and_export_agree_after_every_change(app: TestApp) {
    let zones = ["Etc/GMT+8", "UTC", "Asia/Tokyo", "Asia/Kathmandu", "America/Santiago"];
    // Spent every five hours, so that something lies on either side of every midnight.
    let opened = at("2027-02-01T00:30:00Z");
    set(&app, opened);
    let mut customer = app.customer().await;
    execute(&app, &customer, grant(), opened).await;
    let spent: Vec<_> = (1..200).map(|hours| opened + TimeDelta::hours(5 * hours)).collect();
    for at in &spent {
        execute(&app, &customer, spend(1), *at).await;
    }
    set(&app, *spent.last().unwrap() + TimeDelta::minutes(1));
    customer.sign_in().await;
    let account = customer.account.clone().unwrap();
    for (anchor, name) in [1, 14, 31].into_iter().flat_map(|day| zones.map(|zone| (day, zone))) {
        let case = format!("day {anchor} in {name}");
        save(&mut customer, anchor, name).await;
        let zone: Tz = name.parse().unwrap();
        let day_of = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let cycle = Cycle::containing(day_of(app.clock.now()), anchor);
        let expected = spent.iter().filter(|at| cycle.contains(day_of(**at))).count();
        let overview = app.state.ledger.overview(&account, None).await.unwrap();
        assert_eq!(overview.cycle, cycle, "{case}");
        assert_eq!(overview.consumed.whole(), i64::try_from(expected).unwrap(), "{case}");
        for day in &overview.usage.days {
            let on_it = spent.iter().filter(|at| day_of(**at) == day.day).count();
            assert_eq!(day.total().whole(), i64::try_from(on_it).unwrap(), "{case} {}", day.day);
        }
        let last = cycle.end.pred_opt().unwrap();
        let (rows, sum) = export(&mut customer, cycle.first, last).await;
        assert_eq!((rows, sum.round()), (expected, expected as f64), "{case}");
        app.state.ledger.verify().await.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
}

async fn spend_caps_count_in_the_new_cycle_at_once(app: TestApp) {
    let opened = at("2027-03-09T12:00:00Z");
    set(&app, opened);
    let mut customer = app.customer().await;
    let (account, ledger) = (customer.account.clone().unwrap(), &app.state.ledger);
    save(&mut customer, 1, "UTC").await;
    let caps = Caps { all: Some(Credits::try_from_whole(100).unwrap()), ..Caps::default() };
    ledger.set_caps(&account, caps).await.unwrap();
    execute(&app, &customer, grant(), opened).await;
    execute(&app, &customer, spend(90), opened + TimeDelta::milliseconds(1)).await;
    set(&app, at("2027-03-10T02:00:00Z"));
    customer.sign_in().await;
    let refused = ledger.execute(&account, "first", spend(20)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::SpendCap { .. })), "{refused}");
    // A cycle that begins today leaves yesterday's to the one before …
    save(&mut customer, 10, "UTC").await;
    ledger.execute(&account, "second", spend(20)).await.unwrap();
    // … and where it is still yesterday, all of it counts in one.
    save(&mut customer, 10, "America/New_York").await;
    let refused = ledger.execute(&account, "third", spend(1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::SpendCap { .. })), "{refused}");
    ledger.verify().await.unwrap();
}

async fn what_is_spent_while_the_zone_changes_is_counted_once(app: TestApp) {
    set(&app, at("2027-03-15T12:00:00Z"));
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let now = app.clock.now();
    execute(&app, &customer, grant(), now).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let spending: Vec<_> = (0..4)
        .map(|worker| {
            let (ledger, account) = (app.state.ledger.clone(), account.clone());
            let is_over = Arc::clone(&is_over);
            tokio::spawn(async move {
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) && count < 200 {
                    let key = format!("{worker}-{count}");
                    ledger.execute(&account, &key, spend(1)).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"].into_iter().cycle().take(9) {
        save(&mut customer, 1, zone).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut spent = 0;
    for worker in spending {
        spent += worker.await.unwrap();
    }
    let overview = app.state.ledger.overview(&account, None).await.unwrap();
    let counted: i64 = overview.usage.days.iter().map(|day| day.total().whole()).sum();
    assert_eq!(counted, spent);
    app.adds_up().await;
}

async fn the_billing_cycle_is_for_customers_who_are_signed_in(app: TestApp) {
    app.visitor().get(PAGE).await.redirects_to("/sign-in?next=%2Fsettings%2Fbilling-cycle");
    let form = [("day", "3"), ("zone", "UTC")];
    app.visitor().post(PAGE, &form).await.redirects_to("/sign-in?next=%2Fsettings%2Fcredits");
    assert_eq!(app.staff().await.post(PAGE, &form).await.status, StatusCode::NOT_FOUND);
    let mut customer = app.customer().await;
    let forged = customer.post_from("cross-site", PAGE, &form).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
}

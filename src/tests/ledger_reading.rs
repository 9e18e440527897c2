//! What the pages read: the balance with its reasons, and the history.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::TryStreamExt;
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, Cursor, EntryKind, HistoryFilter, HistoryPage,
        HoldState, HoldTime, Note, Operation, ReleaseReason, Source, Validity,
    },
    server::{
        clock::Clock,
        ledger::{Ledger, ReadError, open_account},
    },
};

use crate::commands::credits;
use crate::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    an_expired_credit_is_gone_from_the_page_with_no_job_running,
    pages_follow_each_other_without_gaps_or_repeats,
    a_filter_shows_the_same_rows_on_screen_and_in_the_export,
    the_four_types_sum_exactly_to_what_the_cycle_consumed,
    days_and_cycles_are_those_of_the_accounts_zone,
    a_row_names_the_lots_it_took_from,
    a_row_that_settles_a_hold_shows_what_was_set_aside,
    a_hold_that_has_lapsed_is_on_the_page_with_no_job_running,
    a_page_takes_four_queries_at_most,
    nobody_reads_an_account_that_is_not_there,
);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A ledger whose clock stands near an instant, and an account opened half a year before it.
async fn ledger(test: &TestDatabase, now: &str, zone: chrono_tz::Tz) -> (Ledger, AccountId, Clock) {
    let clock = Clock::default();
    clock.advance(at(now) - clock.now());
    let ledger = Ledger::start(test.database.clone(), clock.clone());
    let opened = clock.now() - TimeDelta::days(180);
    let account = open_account(test.database.writer(), zone, 5, opened).await.unwrap();
    (ledger, account, clock)
}

async fn grant(ledger: &Ledger, account: &AccountId, key: &str, whole: i64, from: &str, to: &str) {
    let command = Command::Grant {
        source: Source::Promotion,
        amount: credits(whole),
        validity: Validity::Until(at(to)),
        purchase: None,
        note: Note { description: format!("Promotion {key}"), ..Note::default() },
    };
    ledger.execute_at(account, key, command, at(from)).await.unwrap();
}

async fn spend(ledger: &Ledger, account: &AccountId, operation: Operation, whole: i64, when: &str) {
    let command = Command::Spend {
        operation,
        amount: credits(whole),
        note: Note {
            description: format!("{} of 50% done", operation.name()),
            reference: format!("job_{when}"),
            ..Note::default()
        },
    };
    let key = format!("{operation}-{when}");
    ledger.execute_at(account, &key, command, at(when)).await.unwrap();
}

async fn an_expired_credit_is_gone_from_the_page_with_no_job_running(test: TestDatabase) {
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 10, "2026-11-01T00:00:00Z", "2026-11-20T08:30:00Z").await;
    grant(&ledger, &account, "b", 5, "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z").await;
    let overview = ledger.overview(&account, None).await.unwrap();
    assert_eq!(overview.available, credits(5));
    let row = &overview.history.rows[0];
    assert_eq!((row.kind, row.amount), (EntryKind::Expired, credits(-10)));
    assert_eq!(row.at.with_timezone(&Utc), at("2026-11-20T08:30:00Z"));
    assert_eq!(overview.lots.len(), 1);
    let open = |page: HistoryPage| page.open.unwrap().sources;
    let all = HistoryFilter::default();
    let unwritten = open(ledger.history(&account, all.clone(), None, Some(3)).await.unwrap());
    assert_eq!((unwritten[0].lot, unwritten[0].amount), (1, credits(10)));
    // Writing it down changes nothing that is seen.
    ledger.advance(&account).await.unwrap();
    let written = ledger.overview(&account, None).await.unwrap();
    assert_eq!(written.history.rows, overview.history.rows);
    assert_eq!(written.available, overview.available);
    let detail = open(ledger.history(&account, all, None, Some(3)).await.unwrap());
    assert_eq!(detail, unwritten);
    ledger.verify().await.unwrap();
}

async fn pages_follow_each_other_without_gaps_or_repeats(test: TestDatabase) {
    let (ledger, account, clock) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 1_000, "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z").await;
    for number in 0..59 {
        let when = clock.now() - TimeDelta::minutes(90 - number);
        spend(&ledger, &account, Operation::Backtest, 1, &when.to_rfc3339()).await;
    }
    let filter = HistoryFilter::default();
    let (mut cursor, mut down) = (None, Vec::new());
    loop {
        let page = ledger.history(&account, filter.clone(), cursor, None).await.unwrap();
        assert!(page.rows.len() <= 25);
        down.extend(page.rows.iter().map(|row| row.seq));
        cursor = page.older;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(down, (1..=60).rev().collect::<Vec<_>>());
    let (mut cursor, mut up) = (Some(Cursor::After(0)), Vec::new());
    while let Some(from) = cursor {
        let page = ledger.history(&account, filter.clone(), Some(from), None).await.unwrap();
        up.extend(page.rows.iter().rev().map(|row| row.seq));
        cursor = page.newer;
    }
    assert_eq!(up, (1..=60).collect::<Vec<_>>());
}

async fn a_filter_shows_the_same_rows_on_screen_and_in_the_export(test: TestDatabase) {
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 100, "2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z").await;
    spend(&ledger, &account, Operation::Backtest, 1, "2026-11-02T10:00:00Z").await;
    spend(&ledger, &account, Operation::Analysis, 2, "2026-11-03T23:59:59Z").await;
    spend(&ledger, &account, Operation::Backtest, 4, "2026-11-04T00:00:00Z").await;
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let all = HistoryFilter::default();
    let cases = [
        (all.clone(), vec![5, 4, 3, 2, 1]),
        (HistoryFilter { kind: Some(EntryKind::Spent), ..all.clone() }, vec![4, 3, 2]),
        (HistoryFilter { kind: Some(EntryKind::Expired), ..all.clone() }, vec![5]),
        (HistoryFilter { operation: Some(Operation::Backtest), ..all.clone() }, vec![4, 2]),
        (HistoryFilter { to: day("2026-11-03"), ..all.clone() }, vec![3, 2, 1]),
        (HistoryFilter { from: day("2026-11-04"), ..all.clone() }, vec![5, 4]),
        (HistoryFilter { text: "BACKTESTING of 50%".to_owned(), ..all.clone() }, vec![4, 2]),
        (HistoryFilter { text: "job_2026-11-03".to_owned(), ..all.clone() }, vec![3]),
        (HistoryFilter { text: "50_ done".to_owned(), ..all.clone() }, vec![]),
        (HistoryFilter { text: "unused".to_owned(), ..all.clone() }, vec![5]),
    ];
    for (filter, expected) in cases {
        let page = ledger.history(&account, filter.clone(), None, None).await.unwrap();
        let shown: Vec<_> = page.rows.iter().map(|row| row.seq).collect();
        assert_eq!(shown, expected, "{filter:?}");
        let exported: Vec<_> = ledger.export(&account, filter).try_collect().await.unwrap();
        assert_eq!(exported, page.rows);
    }
}

async fn the_four_types_sum_exactly_to_what_the_cycle_consumed(test: TestDatabase) {
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 1_000, "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z").await;
    for (operation, whole) in Operation::ALL.into_iter().zip([1, 20, 300, 4]) {
        spend(&ledger, &account, operation, whole, "2026-11-05T00:00:00Z").await;
        spend(&ledger, &account, operation, whole, "2026-11-21T11:59:59Z").await;
    }
    let overview = ledger.overview(&account, None).await.unwrap();
    let by_type = Operation::ALL.map(|operation| overview.usage.by_operation(operation));
    assert_eq!(by_type, [credits(2), credits(40), credits(600), credits(8)]);
    assert_eq!(by_type.into_iter().sum::<Credits>(), overview.consumed);
    assert_eq!(overview.usage.total(), overview.consumed);
    let rows = &overview.history.rows;
    let spent: Credits =
        rows.iter().filter(|row| row.kind == EntryKind::Spent).map(|row| -row.amount).sum();
    assert_eq!(spent, overview.consumed);
}

async fn days_and_cycles_are_those_of_the_accounts_zone(test: TestDatabase) {
    // 5 November begins at 08:00 UTC in Los Angeles and at 15:00 UTC the day before in Tokyo.
    for (zone, first_instant) in [
        (chrono_tz::America::Los_Angeles, "2026-11-05T08:00:00Z"),
        (chrono_tz::UTC, "2026-11-05T00:00:00Z"),
        (chrono_tz::Asia::Tokyo, "2026-11-04T15:00:00Z"),
    ] {
        let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", zone).await;
        grant(&ledger, &account, "a", 100, "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z").await;
        let last_before = at(first_instant) - TimeDelta::milliseconds(1);
        spend(&ledger, &account, Operation::Analysis, 1, &last_before.to_rfc3339()).await;
        spend(&ledger, &account, Operation::Analysis, 10, first_instant).await;
        let overview = ledger.overview(&account, None).await.unwrap();
        assert_eq!(overview.consumed, credits(10), "{zone}");
        assert_eq!(overview.usage.days[0].total(), credits(10), "{zone}");
        let filter = HistoryFilter { from: Some(overview.cycle.first), ..HistoryFilter::default() };
        let rows: Vec<_> = ledger.export(&account, filter).try_collect().await.unwrap();
        assert_eq!(rows.len(), 1, "{zone}: the export agrees with the header");
        let before = overview.cycle.previous(5).first;
        let earlier = ledger.overview(&account, Some(before)).await.unwrap();
        assert_eq!(earlier.usage.total(), credits(1), "{zone}");
    }
}

async fn a_row_names_the_lots_it_took_from(test: TestDatabase) {
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "late", 300, "2026-11-01T00:00:00Z", "2027-09-01T00:00:00Z").await;
    grant(&ledger, &account, "soon", 10, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z").await;
    spend(&ledger, &account, Operation::Backtest, 11, "2026-11-02T10:00:00Z").await;
    let all = HistoryFilter::default();
    let page = ledger.history(&account, all.clone(), None, Some(3)).await.unwrap();
    let detail = page.open.unwrap();
    let parts: Vec<_> = detail.sources.iter().map(|part| (part.lot, part.amount)).collect();
    assert_eq!(parts, [(2, credits(10)), (1, credits(1))]);
    let granting = ledger.history(&account, all, None, Some(1)).await.unwrap();
    let made = &granting.open.unwrap().sources[0];
    assert_eq!((made.lot, made.amount), (1, credits(300)));
}

async fn a_page_takes_four_queries_at_most(mut test: TestDatabase) {
    let counted = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&counted);
    test.database.on_read(move |sql| log.lock().unwrap().push(sql.to_owned()));
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 300, "2026-11-01T00:00:00Z", "2027-09-01T00:00:00Z").await;
    counted.lock().unwrap().clear();
    ledger.overview(&account, None).await.unwrap();
    let queries = std::mem::take(&mut *counted.lock().unwrap());
    assert!((1..=4).contains(&queries.len()), "{queries:#?}");
    ledger.history(&account, HistoryFilter::default(), None, Some(1)).await.unwrap();
    let queries = std::mem::take(&mut *counted.lock().unwrap());
    assert!((1..=4).contains(&queries.len()), "{queries:#?}");
}

async fn hold(ledger: &Ledger, account: &AccountId, key: &str, whole: i64) -> i64 {
    let command = Command::Hold {
        operation: Operation::Backtest,
        amount: credits(whole),
        lasts: HoldTime::DEFAULT,
        note: Note {
            description: "Momentum v8".to_owned(),
            rate_card: "2026-11".to_owned(),
            ..Note::default()
        },
    };
    ledger.execute(account, key, command).await.unwrap().seq
}

async fn a_row_that_settles_a_hold_shows_what_was_set_aside(test: TestDatabase) {
    let (ledger, account, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 300, "2026-11-01T00:00:00Z", "2027-09-01T00:00:00Z").await;
    let (charged, failed) =
        (hold(&ledger, &account, "x", 80).await, hold(&ledger, &account, "y", 75).await);
    let amount = Captured::Exactly(credits(50));
    let capture = Command::Capture { hold: charged, amount, detail: None };
    let capture = ledger.execute(&account, "capture", capture).await.unwrap().seq;
    let release = Command::Release { hold: failed, reason: ReleaseReason::Failed };
    let release = ledger.execute(&account, "release", release).await.unwrap().seq;

    let page = |open| ledger.history(&account, HistoryFilter::default(), None, Some(open));
    let opened = page(capture).await.unwrap().open.unwrap();
    let behind = opened.hold.unwrap();
    assert_eq!((behind.seq, behind.amount, behind.captured), (charged, credits(80), credits(50)));
    assert_eq!(behind.state, HoldState::Captured);
    assert_eq!(opened.sources[0].amount, credits(50));
    let page = page(release).await.unwrap();
    let row = &page.rows[0];
    assert_eq!((row.amount, row.balance_after), (Credits::ZERO, credits(250)));
    assert_eq!(row.note.detail, "failed, 0 credits (75 released)");
    let opened = page.open.unwrap();
    assert_eq!(opened.sources[0].amount, credits(75));
    assert_eq!(opened.hold.unwrap().state, HoldState::Released);
}

async fn a_hold_that_has_lapsed_is_on_the_page_with_no_job_running(test: TestDatabase) {
    let (ledger, account, clock) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    grant(&ledger, &account, "a", 60, "2026-11-01T00:00:00Z", "2027-09-01T00:00:00Z").await;
    grant(&ledger, &account, "b", 40, "2026-11-01T00:00:00Z", "2027-08-01T00:00:00Z").await;
    let made = hold(&ledger, &account, "x", 70).await;
    assert_eq!(ledger.balance(&account).await.unwrap(), (credits(30), credits(70)));
    let lots = ledger.overview(&account, None).await.unwrap().lots;
    let held: Vec<_> = lots.iter().map(|lot| (lot.granted, lot.held)).collect();
    assert_eq!(held, [(credits(40), credits(40)), (credits(60), credits(30))], "soonest first");
    clock.advance(TimeDelta::minutes(61));
    assert_eq!(ledger.balance(&account).await.unwrap(), (credits(100), Credits::ZERO));
    let read =
        ledger.history(&account, HistoryFilter::default(), None, Some(made + 1)).await.unwrap();
    assert_eq!(read.rows[0].note.detail, "hold expired, 0 credits (70 released)");
    ledger.advance(&account).await.unwrap();
    let written =
        ledger.history(&account, HistoryFilter::default(), None, Some(made + 1)).await.unwrap();
    assert_eq!((&read.rows, &read.open), (&written.rows, &written.open));
    assert_eq!(read.open.unwrap().sources.len(), 2);
}

async fn nobody_reads_an_account_that_is_not_there(test: TestDatabase) {
    let (ledger, _, _) = ledger(&test, "2026-11-21T12:00:00Z", chrono_tz::UTC).await;
    let nobody = AccountId("acc_nobody".to_owned());
    assert_eq!(ledger.overview(&nobody, None).await, Err(ReadError::UnknownAccount));
    assert_eq!(ledger.balance(&nobody).await, Err(ReadError::UnknownAccount));
}

//! R11: what time does to credits is true to the instant, whatever clocks, zones, processes and
//! jobs do. Nothing expires twice, nothing revives.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::{StreamExt, stream};
use recharge::{
    credits::{
        AccountId, Command, Credits, EntryKind, HistoryFilter, HoldTime, Note, Operation, Refusal,
        Row, Validity, expires_after_one_year,
    },
    server::{
        AppState,
        clock::Clock,
        jobs::Jobs,
        ledger::{Ledger, LedgerError, open_account},
    },
};

use crate::{
    app::TestApp,
    commands::{credits, grant_valid, spend},
    databases::on_both_databases,
};

on_both_databases!(
    an_expired_credit_cannot_be_spent_to_the_instant_and_one_row_says_so,
    a_year_is_a_calendar_year_in_utc_in_every_zone,
    debits_at_the_instant_of_an_expiry_spend_what_had_not_expired,
    clocks_that_step_make_nothing_expire_twice_or_revive,
    two_processes_90_seconds_apart_expire_nothing_twice,
    however_many_lots_expire_at_once_their_account_goes_on,
);

const MS: TimeDelta = TimeDelta::milliseconds(1);

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn set(clock: &Clock, to: DateTime<Utc>) {
    clock.advance(to - clock.now());
}

pub fn hold(whole: i64, seconds: u32) -> Command {
    let (operation, amount) = (Operation::Inference, credits(whole));
    let lasts = HoldTime::from_seconds(seconds).unwrap();
    Command::Hold { operation, amount, lasts, note: Note::default() }
}

pub async fn account(app: &TestApp, zone: Tz, opened: DateTime<Utc>) -> AccountId {
    open_account(app.database.writer(), zone, 1, opened).await.unwrap()
}

pub async fn do_at(
    ledger: &Ledger,
    account: &AccountId,
    command: Command,
    at: DateTime<Utc>,
) -> bool {
    let key = uuid::Uuid::new_v4().to_string();
    match ledger.execute_at(account, &key, command, at).await {
        Ok(_) => true,
        Err(LedgerError::Refused(Refusal::InsufficientCredits { .. })) => false,
        Err(error) => panic!("{error}"),
    }
}

/// The rows that say that credits have expired, newest first.
pub async fn expired(ledger: &Ledger, account: &AccountId) -> Vec<Row> {
    let filter = HistoryFilter { kind: Some(EntryKind::Expired), ..HistoryFilter::default() };
    ledger.history(account, filter, None, None).await.unwrap().rows
}

pub async fn sweep(state: &AppState) -> u64 {
    Jobs::of(state).run("sweep").await.unwrap().0
}

async fn an_expired_credit_cannot_be_spent_to_the_instant_and_one_row_says_so(app: TestApp) {
    let mut customer = app.customer().await;
    let (account, ledger) = (customer.account.clone().unwrap(), &app.state.ledger);
    let outcome = ledger.execute(&account, "a", grant_valid(100, Validity::OneYear)).await.unwrap();
    let expiry = expires_after_one_year(outcome.at);
    set(&app.clock, expiry - TimeDelta::minutes(1));
    assert!(ledger.execute(&account, "b", spend(40)).await.is_ok());
    set(&app.clock, expiry);
    let refused = ledger.execute(&account, "c", spend(1)).await.unwrap_err();
    let (needed, available, held) = (credits(1), Credits::ZERO, Credits::ZERO);
    let too_little = Refusal::InsufficientCredits { needed, available, held };
    assert_eq!(refused, LedgerError::Refused(too_little));
    let rows = expired(ledger, &account).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].amount, rows[0].at.to_utc()), (credits(-60), expiry));
    assert_eq!(rows[0].note.detail, "60 of 100 forfeited");
    customer.sign_in().await.redirects_to("/settings/credits");
    let page = customer.get("/settings/credits/history").await.body;
    assert_eq!(page.matches("Unused promotion expired").count(), 1);
    sweep(&app.state).await;
    assert_eq!(expired(ledger, &account).await, rows, "no job adds anything");
    ledger.verify().await.unwrap();
}

/// The instants around every change of clocks of six zones, and the odd days of the calendar.
fn instants() -> Vec<(Tz, DateTime<Utc>)> {
    use chrono_tz::{America, Asia, Australia, Europe};
    let changes = [
        (Europe::Berlin, ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
        (America::New_York, ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
        (America::Santiago, ["2026-04-05T03:00:00Z", "2026-09-06T04:00:00Z"]),
        (America::St_Johns, ["2026-03-08T05:30:00Z", "2026-11-01T04:30:00Z"]),
        (Australia::Lord_Howe, ["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
        (Asia::Jerusalem, ["2026-03-27T00:00:00Z", "2026-10-24T23:00:00Z"]),
    ];
    let mut instants = Vec::new();
    for (zone, changes) in changes {
        for change in changes.map(at) {
            let around = [-TimeDelta::hours(1), -MS, TimeDelta::zero(), TimeDelta::hours(1)];
            instants.extend(around.map(|by| (zone, change + by)));
        }
        for day in ["2028-02-28T23:59:59.999Z", "2028-02-29T00:00:00Z", "2028-02-29T23:59:59.999Z"]
        {
            instants.push((zone, at(day)));
        }
        for day in ["2027-01-31T12:00:00Z", "2027-02-28T12:00:00Z", "2026-12-31T23:59:59.999Z"] {
            instants.push((zone, at(day)));
        }
    }
    instants
}

/// The rule once more, without a calendar's help: the same day and time, and 28 for 29 February.
fn a_year_later(from: DateTime<Utc>) -> DateTime<Utc> {
    let (year, month, day) = (from.year() + 1, from.month(), from.day());
    let is_leap_day = (month, day) == (2, 29);
    let day = if is_leap_day { 28 } else { day };
    NaiveDate::from_ymd_opt(year, month, day).unwrap().and_time(from.time()).and_utc()
}

async fn a_year_is_a_calendar_year_in_utc_in_every_zone(app: TestApp) {
    let ledger = &app.state.ledger;
    for (zone, from) in instants() {
        let case = format!("{from} in {zone}");
        let account = account(&app, zone, from).await;
        assert!(do_at(ledger, &account, grant_valid(10, Validity::OneYear), from).await);
        let expiry = a_year_later(from);
        assert!(
            do_at(ledger, &account, spend(1), expiry - MS).await,
            "{case}: a millisecond before"
        );
        assert!(!do_at(ledger, &account, spend(1), expiry).await, "{case}: at the instant");
        let (available, _) = ledger.balance_at(&account, expiry).await.unwrap();
        assert_eq!(available, Credits::ZERO, "{case}");
        set(&app.clock, expiry);
        ledger.advance(&account).await.unwrap();
        let rows = expired(ledger, &account).await;
        assert_eq!(rows.len(), 1, "{case}");
        assert_eq!((rows[0].amount, rows[0].at.to_utc()), (credits(-9), expiry), "{case}");
        let shown = rows[0].at.naive_local();
        assert_eq!(shown, expiry.with_timezone(&zone).naive_local(), "{case}: in its zone");
    }
    // The last of them isn't the latest.
    set(&app.clock, at("2100-01-01T00:00:00Z"));
    ledger.verify().await.unwrap();
}

async fn debits_at_the_instant_of_an_expiry_spend_what_had_not_expired(app: TestApp) {
    let (ledger, expiry) = (&app.state.ledger, at("2026-06-01T00:00:00Z"));
    let start = expiry - Days::new(10);
    for round in 0..10 {
        let account = account(&app, Tz::UTC, start).await;
        do_at(ledger, &account, grant_valid(100, Validity::Until(expiry)), start).await;
        do_at(ledger, &account, grant_valid(5, Validity::Until(expiry + Days::new(1))), start)
            .await;
        let mut debits = tokio::task::JoinSet::new();
        for number in 0..30 {
            let (ledger, account) = (ledger.clone(), account.clone());
            let when = if (number + round) % 3 == 0 { expiry } else { expiry - MS };
            debits.spawn(async move { do_at(&ledger, &account, spend(1), when).await });
        }
        let made = debits.join_all().await.into_iter().filter(|made| *made).count();
        set(&app.clock, expiry);
        ledger.advance(&account).await.unwrap();
        let rows = expired(ledger, &account).await;
        assert_eq!(rows.len(), 1, "one expiry, whatever came at its instant");
        assert_eq!(rows[0].at.to_utc(), expiry);
        // What was made at the instant or after it was paid by the lot that still lives.
        let made = credits(i64::try_from(made).unwrap());
        let (left, _) = ledger.balance_at(&account, expiry).await.unwrap();
        assert_eq!(made - rows[0].amount + left, credits(105));
        assert!(left <= credits(5));
    }
    ledger.verify().await.unwrap();
}

async fn clocks_that_step_make_nothing_expire_twice_or_revive(app: TestApp) {
    let (ledger, expiry) = (&app.state.ledger, app.clock.now() + TimeDelta::days(30));
    let (hour, day) = (TimeDelta::hours(1), TimeDelta::days(1));
    let soon = TimeDelta::seconds(30);
    let starts = [expiry - hour, expiry - day, expiry - soon, expiry, expiry + hour];
    let steps = [[hour, -hour, hour], [day, -day, hour], [-hour, day, -day], [-day, -hour, day]];
    for (start, steps) in starts.iter().flat_map(|start| steps.map(|steps| (*start, steps))) {
        let case = format!("from {} by {steps:?}", start - expiry);
        let opened = expiry - TimeDelta::days(20);
        let account = account(&app, Tz::UTC, opened).await;
        do_at(ledger, &account, grant_valid(50, Validity::Until(expiry)), opened).await;
        do_at(ledger, &account, hold(10, 86_400), expiry - hour * 30).await;
        set(&app.clock, start);
        let (mut seen, mut is_over) = (Vec::new(), false);
        for step in [TimeDelta::zero()].into_iter().chain(steps) {
            app.clock.advance(step);
            let now = app.clock.now();
            let made = do_at(ledger, &account, spend(1), now).await;
            sweep(&app.state).await;
            let is_past = now >= expiry;
            assert!(!(made && (is_past || is_over)), "{case}: spent after it had expired");
            is_over |= is_past;
            let rows = expired(ledger, &account).await;
            assert!(rows.ends_with(&seen), "{case}: rows never change");
            assert_eq!(rows.len(), usize::from(is_over), "{case}: {rows:?}");
            seen = rows;
        }
    }
    ledger.verify().await.unwrap();
}

/// The same server in another process, with a clock of its own.
async fn with_clock(app: &TestApp, clock: Clock) -> AppState {
    let database = app.home.another_process().await;
    let ledger = Ledger::start(database.clone(), clock.clone());
    app.state.clone().with(|parts| {
        (parts.ledger, parts.database, parts.clock) = (ledger, database, clock);
    })
}

async fn two_processes_90_seconds_apart_expire_nothing_twice(app: TestApp) {
    let clock = Clock::default();
    let ahead = with_clock(&app, clock.clone()).await;
    let now = app.clock.now();
    clock.advance(TimeDelta::seconds(90));
    let mut accounts = Vec::new();
    for number in 0..40 {
        let account = account(&app, Tz::UTC, now).await;
        let expiry = now + TimeDelta::seconds(60 + number * 3);
        do_at(&app.state.ledger, &account, grant_valid(10, Validity::Until(expiry)), now).await;
        do_at(&app.state.ledger, &account, hold(2, 30), now).await;
        accounts.push((account, expiry));
    }
    let jobs = (Jobs::of(&app.state), Jobs::of(&ahead));
    for _ in 0..8 {
        let swept_at = ahead.clock.now();
        let (one, other) = tokio::join!(jobs.0.run("sweep"), jobs.1.run("sweep"));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        for (account, expiry) in &accounts {
            // Whoever is behind doesn't revive what was forfeited.
            let behind = do_at(&app.state.ledger, account, spend(1), app.clock.now()).await;
            let is_over = swept_at >= *expiry;
            assert!(!(behind && is_over), "{account} spent what had expired elsewhere");
        }
        app.clock.advance(TimeDelta::seconds(30));
        clock.advance(TimeDelta::seconds(30));
    }
    for (account, expiry) in &accounts {
        let rows = expired(&app.state.ledger, account).await;
        assert_eq!(rows.len(), 1, "{account}");
        assert_eq!(rows[0].at.to_utc(), *expiry);
    }
    app.adds_up().await;
}

/// SQLite takes a limited number of parameters in a statement.
async fn however_many_lots_expire_at_once_their_account_goes_on(app: TestApp) {
    let account = account(&app, chrono_tz::UTC, app.clock.now()).await;
    let ledger = &app.state.ledger;
    let grants = stream::iter(0..4_100).map(|number| {
        let account = account.clone();
        async move {
            let grant = grant_valid(1, Validity::OneYear);
            ledger.execute(&account, &format!("grant-{number}"), grant).await.unwrap();
        }
    });
    grants.buffer_unordered(500).collect::<()>().await;
    app.clock.advance(TimeDelta::days(367));
    let refused = ledger.execute(&account, "late", spend(1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::InsufficientCredits { .. })));
    ledger.verify().await.unwrap();
}

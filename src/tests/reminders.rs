//! Behaviour 7: reminders of credits that expire, one at each of 60, 30, 7 and 1 days before.

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use recharge::{
    credits::{AccountId, Command, Credits, Event, Note, Operation, Source, Validity},
    server::{
        entity::event,
        events,
        jobs::{Jobs, remind},
        ledger::open_account,
    },
};
use sea_orm::{EntityTrait, QueryOrder};
use tokio_util::sync::CancellationToken;

use crate::{
    app::TestApp,
    commands::credits,
    databases::on_both_databases,
    mail::{send, with_server},
    mailbox::MailServer,
};

on_both_databases!(
    one_reminder_comes_at_each_of_60_30_7_and_1_days,
    each_reminder_is_a_notice_and_a_mail_with_amount_and_date,
    nobody_is_reminded_of_nothing,
    a_job_that_was_down_tells_only_the_latest_due,
    running_again_in_many_processes_tells_nothing_twice,
    what_expires_on_one_day_is_one_reminder,
    who_got_credits_for_a_few_days_is_not_reminded_at_once,
    a_reminder_that_waited_says_how_long_is_left_when_it_is_sent,
    a_reminder_stays_true_while_anything_of_its_day_is_left,
    reminders_come_page_by_page_and_go_on_where_they_were_cut_off,
);

/// Noon, so that the days of these tests are the same in UTC whatever time it is.
fn noon(app: &TestApp) -> DateTime<Utc> {
    let noon = app.clock.now().date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc();
    set(app, noon + Days::new(1));
    noon + Days::new(1)
}

fn set(app: &TestApp, to: DateTime<Utc>) {
    app.clock.advance(to - app.clock.now());
}

async fn granted(app: &TestApp, account: &AccountId, whole: i64, until: DateTime<Utc>) {
    let grant = Command::Grant {
        source: Source::Promotion,
        amount: credits(whole),
        validity: Validity::Until(until),
        purchase: None,
        note: Note::default(),
    };
    let key = uuid::Uuid::new_v4().to_string();
    app.state.ledger.execute(account, &key, grant).await.unwrap();
}

async fn spent(app: &TestApp, account: &AccountId, whole: i64) {
    let (operation, amount) = (Operation::Analysis, credits(whole));
    let spend = Command::Spend { operation, amount, note: Note::default() };
    let key = uuid::Uuid::new_v4().to_string();
    app.state.ledger.execute(account, &key, spend).await.unwrap();
}

async fn account(app: &TestApp) -> AccountId {
    open_account(app.database.writer(), Tz::UTC, 1, app.clock.now()).await.unwrap()
}

async fn run(app: &TestApp) -> u64 {
    Jobs::of(&app.state).run("reminders").await.unwrap().0
}

/// What was told, in order: the amount, when it expires, and which reminder it was.
async fn told(app: &TestApp) -> Vec<(Credits, DateTime<Utc>, u32)> {
    let rows = event::Entity::find().order_by_asc(event::Column::Id).all(app.database.reader());
    let told = |row: &event::Model| match events::read(row).unwrap() {
        Event::Expiring { amount, expires_at, days } => Some((amount, expires_at, days)),
        _ => None,
    };
    rows.await.unwrap().iter().filter_map(told).collect()
}

async fn one_reminder_comes_at_each_of_60_30_7_and_1_days(app: TestApp) {
    let start = noon(&app);
    let (account, expiry) = (account(&app).await, start + Days::new(70));
    granted(&app, &account, 100, expiry).await;
    for day in 0..=71 {
        set(&app, start + Days::new(day) + TimeDelta::minutes(1));
        run(&app).await;
        if day == 20 {
            spent(&app, &account, 40).await;
        }
    }
    let expected = [(100, 60), (60, 30), (60, 7), (60, 1)];
    let expected = expected.map(|(amount, days)| (credits(amount), expiry, days));
    assert_eq!(told(&app).await, expected);
}

async fn each_reminder_is_a_notice_and_a_mail_with_amount_and_date(app: TestApp) {
    let start = noon(&app);
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let (expiry, notices) = (start + Days::new(70), &app.state.notices);
    granted(&app, &account, 1_240, expiry).await;
    let minute = expiry.format("%-d %b %Y, %H:%M (UTC)").to_string();
    for (day, days) in [(10, "in 60 days"), (40, "in 30 days"), (63, "in 7 days"), (69, "tomorrow")]
    {
        set(&app, start + Days::new(day) + TimeDelta::minutes(1));
        for _ in 0..2 {
            run(&app).await;
            notices.tell(app.clock.now()).await.unwrap();
            send(&app).await;
        }
        let title = format!("1,240 credits expire {days}");
        let mail = server.mails().pop().unwrap();
        assert_eq!(mail.headers["subject"], title);
        assert!(mail.text.contains(&minute) && mail.html.contains(&minute), "{}", mail.text);
        let notice = notices.inbox(&account, None).await.unwrap().notices.remove(0);
        assert_eq!((notice.words.title, notice.is_read), (title, false));
        assert!(notice.words.text.contains(&minute), "{}", notice.words.text);
    }
    assert_eq!(server.mails().len(), 4, "one at each of them");
    assert_eq!(notices.inbox(&account, None).await.unwrap().notices.len(), 4);
}

async fn a_reminder_that_waited_says_how_long_is_left_when_it_is_sent(app: TestApp) {
    let start = noon(&app);
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let expiry = start + Days::new(70);
    granted(&app, &account, 842, expiry).await;
    set(&app, expiry - TimeDelta::hours(23));
    run(&app).await;
    app.state.notices.tell(app.clock.now()).await.unwrap();
    // The mail server is back the day after.
    set(&app, expiry - TimeDelta::hours(3));
    assert_eq!(send(&app).await.sent, 1);
    assert_eq!(server.mails()[0].headers["subject"], "842 credits expire today");
}

async fn a_reminder_stays_true_while_anything_of_its_day_is_left(app: TestApp) {
    let start = noon(&app);
    let server = MailServer::start().await;
    let (app, account) = with_server(&app, &server).await;
    let expiry = start + Days::new(70);
    granted(&app, &account, 100, expiry).await;
    granted(&app, &account, 5_000, expiry + TimeDelta::hours(5)).await;
    set(&app, expiry - Days::new(7));
    assert_eq!(run(&app).await, 1);
    spent(&app, &account, 100).await;
    app.state.notices.tell(app.clock.now()).await.unwrap();
    assert_eq!(send(&app).await.sent, 1, "most of it can still be saved");
    // What is left the day before is used up before anybody is told.
    set(&app, expiry - TimeDelta::hours(18));
    assert_eq!(run(&app).await, 1);
    spent(&app, &account, 5_000).await;
    app.state.notices.tell(app.clock.now()).await.unwrap();
    assert_eq!(send(&app).await.sent, 1, "that nothing is left");
    let subjects = server.mails().into_iter().map(|mail| mail.headers["subject"].clone());
    let reminders = subjects.filter(|subject| subject.contains("expire"));
    assert_eq!(reminders.collect::<Vec<_>>(), ["5,100 credits expire in 7 days"]);
}

async fn nobody_is_reminded_of_nothing(app: TestApp) {
    let start = noon(&app);
    let account = account(&app).await;
    granted(&app, &account, 100, start + Days::new(70)).await;
    set(&app, start + Days::new(5));
    spent(&app, &account, 100).await;
    for day in [10, 41, 64, 69, 71] {
        set(&app, start + Days::new(day));
        assert_eq!(run(&app).await, 0, "day {day}");
    }
}

async fn a_job_that_was_down_tells_only_the_latest_due(app: TestApp) {
    let start = noon(&app);
    let (account, expiry) = (account(&app).await, start + Days::new(300));
    granted(&app, &account, 100, expiry).await;
    let days = |found: Vec<(Credits, DateTime<Utc>, u32)>| {
        found.into_iter().map(|it| it.2).collect::<Vec<_>>()
    };
    // Down for three days, over the 30th.
    for (left, expected) in [(32, vec![60]), (29, vec![60, 30])] {
        set(&app, expiry - TimeDelta::days(left));
        run(&app).await;
        assert_eq!(days(told(&app).await), expected);
    }
    // Down for weeks, over the 7th and the last day.
    set(&app, expiry - TimeDelta::hours(20));
    run(&app).await;
    assert_eq!(days(told(&app).await), [60, 30, 1]);
    set(&app, expiry);
    assert_eq!(run(&app).await, 0, "what has expired is told by its row");
}

async fn running_again_in_many_processes_tells_nothing_twice(app: TestApp) {
    let start = noon(&app);
    for _ in 0..20 {
        let account = account(&app).await;
        granted(&app, &account, 5, start + Days::new(40)).await;
        granted(&app, &account, 5, start + Days::new(50)).await;
    }
    set(&app, start + Days::new(15));
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let process = app.with_settings(&[]).await;
        runs.spawn(async move { run(&process).await });
    }
    let written = runs.join_all().await.into_iter().sum::<u64>();
    assert_eq!((written, told(&app).await.len()), (20, 20), "one for each account");
    assert_eq!(run(&app).await, 0);
    // The second lot of each comes to its own reminder.
    set(&app, start + Days::new(20) + TimeDelta::hours(1));
    assert_eq!((run(&app).await, run(&app).await), (20, 0));
}

async fn what_expires_on_one_day_is_one_reminder(app: TestApp) {
    let start = noon(&app);
    let account = account(&app).await;
    let expiry = start + Days::new(90);
    for (whole, hours) in [(10, 0), (20, 4), (40, -3), (80, 24)] {
        granted(&app, &account, whole, expiry + TimeDelta::hours(hours)).await;
    }
    let first = expiry - TimeDelta::hours(3);
    set(&app, first - TimeDelta::days(30));
    assert_eq!(run(&app).await, 2, "the day's at 30, and the next day's at 60");
    let found = told(&app).await;
    assert_eq!(found[0], (credits(70), first, 30));
    assert_eq!(found[1], (credits(80), expiry + Days::new(1), 60));
    set(&app, expiry + TimeDelta::hours(1) - TimeDelta::days(1));
    run(&app).await;
    // The first two have an hour less than the day's others, and all are told of together.
    assert_eq!(told(&app).await.last().unwrap().2, 7, "the next day's");
    let of_last_day = told(&app).await.into_iter().filter(|it| it.2 == 1).collect::<Vec<_>>();
    assert_eq!(of_last_day, [(credits(70), first, 1)]);
    // When the first of them is gone the rest is no news.
    set(&app, expiry - TimeDelta::hours(2));
    assert_eq!(run(&app).await, 0, "and the next day's last reminder comes a day before it");
}

async fn who_got_credits_for_a_few_days_is_not_reminded_at_once(app: TestApp) {
    let start = noon(&app);
    let account = account(&app).await;
    granted(&app, &account, 10, start + Days::new(5)).await;
    granted(&app, &account, 10, start + TimeDelta::hours(12 * 60)).await;
    assert_eq!(run(&app).await, 0);
    set(&app, start + Days::new(4));
    run(&app).await;
    assert_eq!(told(&app).await, [(credits(10), start + Days::new(5), 1)]);
}

async fn reminders_come_page_by_page_and_go_on_where_they_were_cut_off(app: TestApp) {
    const ACCOUNTS: usize = 1_200;
    let start = noon(&app);
    let opened = app.database.write(move |transaction| {
        Box::pin(async move {
            let mut accounts = Vec::new();
            for _ in 0..ACCOUNTS {
                accounts.push(open_account(transaction, Tz::UTC, 1, start).await?);
            }
            Ok(accounts)
        })
    });
    let mut grants = tokio::task::JoinSet::new();
    for account in opened.await.unwrap() {
        let app = app.clone();
        let until = start + Days::new(90) - TimeDelta::hours(1);
        grants.spawn(async move { granted(&app, &account, 1, until).await });
    }
    grants.join_all().await;
    // All of them today: the first page has been written when the end is noticed.
    set(&app, start + Days::new(90) - TimeDelta::hours(6));
    let ended = CancellationToken::new();
    ended.cancel();
    let cut_off = (app.database.clone(), ended);
    let error = remind(cut_off, app.clock.now()).await.unwrap_err();
    assert_eq!(error.to_string(), "the end came first");
    assert_eq!(told(&app).await.len(), 1_000);
    assert_eq!(run(&app).await, 200);
    assert_eq!((run(&app).await, told(&app).await.len()), (0, ACCOUNTS));
}

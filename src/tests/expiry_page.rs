//! The page says beforehand what expires when, and what of it will be left: by a clock that moves.

use chrono::{DateTime, Days, TimeDelta, Utc};
use recharge::credits::{AccountId, Command, Note, Operation, Source, Validity};

use crate::{
    app::{TestApp, Visitor},
    commands::credits,
    databases::on_both_databases,
};

on_both_databases!(
    the_timeline_says_what_expires_when_and_what_of_it_will_be_left,
    the_picker_says_what_would_expire_and_which_package_fits,
    without_a_pace_nothing_is_foretold,
);

fn set(app: &TestApp, to: DateTime<Utc>) {
    app.clock.advance(to - app.clock.now());
}

async fn execute(app: &TestApp, account: &AccountId, command: Command) {
    let key = uuid::Uuid::new_v4().to_string();
    app.state.ledger.execute(account, &key, command).await.unwrap();
}

fn gift(name: &str, whole: i64, until: DateTime<Utc>) -> Command {
    let note = Note { description: name.to_owned(), ..Note::default() };
    let (source, validity) = (Source::Promotion, Validity::Until(until));
    Command::Grant { source, amount: credits(whole), validity, purchase: None, note }
}

/// Noon of a day, from which somebody spends 20 credits a day for two weeks; they are signed in.
async fn who_spends_20_a_day(app: &TestApp) -> (Visitor, AccountId, DateTime<Utc>) {
    let start = app.clock.now().date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc();
    let start = start + Days::new(1);
    set(app, start);
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    execute(app, &account, gift("Welcome", 1_000, start + Days::new(35))).await;
    execute(app, &account, gift("Later", 100, start + Days::new(300))).await;
    for day in 0..14 {
        set(app, start + Days::new(day));
        let (operation, amount) = (Operation::Inference, credits(20));
        execute(app, &account, Command::Spend { operation, amount, note: Note::default() }).await;
    }
    set(app, start + Days::new(14));
    customer.sign_in().await.redirects_to("/settings/credits");
    (customer, account, start)
}

/// The section "Credits by expiry" as it reads.
async fn timeline(customer: &mut Visitor) -> String {
    let page = customer.get("/settings/credits").await.body;
    let section = page.split_once("id=\"lots\"").unwrap().1.split_once("</section>").unwrap().0;
    let mut text = String::new();
    for part in section.split('<') {
        text += part.split_once('>').map_or("", |(_, text)| text);
    }
    text.replace('\u{a0}', " ")
}

async fn the_timeline_says_what_expires_when_and_what_of_it_will_be_left(app: TestApp) {
    let (mut customer, account, start) = who_spends_20_a_day(&app).await;
    // 720 are left of the first, which has 21 days: 420 of them are spent.
    let text = timeline(&mut customer).await;
    assert!(text.contains("About 300 credits left, then forfeited"), "{text}");
    assert!(text.contains("about 300 credits left"), "the drawing says so too: {text}");
    // The second begins when the first ends, and lasts five days.
    let used_up = (start + Days::new(40)).format("Used up about %-d %b %Y").to_string();
    assert!(text.contains(&used_up), "{used_up} in {text}");

    // Ten days later nothing more was spent: the pace is less, and more will be left.
    set(&app, start + Days::new(24));
    customer.sign_in().await.redirects_to("/settings/credits");
    let slower = app.state.ledger.overview(&account, None).await.unwrap();
    assert!(slower.lots[0].forfeited().unwrap() > credits(300));
    assert!(!timeline(&mut customer).await.contains("About 300 credits left"));

    // At the instant of its expiry it is gone, and a row says how much was.
    set(&app, start + Days::new(35) + TimeDelta::milliseconds(1));
    customer.sign_in().await.redirects_to("/settings/credits");
    let text = timeline(&mut customer).await;
    assert!(!text.contains("Welcome") && text.contains("Later"), "{text}");
    let page = customer.get("/settings/credits/history?kind=expired").await.body;
    assert!(page.contains("720 of 1,000 forfeited"), "{page}");
}

async fn the_picker_says_what_would_expire_and_which_package_fits(app: TestApp) {
    let (mut customer, ..) = who_spends_20_a_day(&app).await;
    let page = customer.get("/settings/credits/buy").await.body;
    // From day 40 on, 339 days of the year are left for what is bought now: 6,780 credits.
    assert!(page.contains("About 13,200 would expire unused at your pace"), "{page}");
    assert!(page.contains("; 5,000 fit your year"), "{page}");
    let of_5000 = page.split("value=\"trader\"").nth(1).unwrap().split("</label>").next().unwrap();
    assert!(of_5000.contains("Fits your year"), "{of_5000}");
    assert!(of_5000.contains("Lowest cost per credit that you would use"), "{of_5000}");
    assert_eq!(page.matches("Lowest cost per credit").count(), 1);
    let order = customer.get("/settings/credits/buy?package=desk").await.body;
    assert!(order.contains("Your year takes") && order.contains("up to about 6,780 credits"));
}

async fn without_a_pace_nothing_is_foretold(app: TestApp) {
    let mut customer = app.customer().await;
    let account = customer.account.clone().unwrap();
    let until = app.clock.now() + Days::new(30);
    execute(&app, &account, gift("Welcome", 1_000, until)).await;
    let text = timeline(&mut customer).await;
    assert!(text.contains("Not known yet") && !text.contains("forfeited"), "{text}");
    let page = customer.get("/settings/credits/buy").await.body;
    assert!(!page.contains("at your pace") && !page.contains("Lowest cost"), "{page}");
}

//! A change of prices is told to whom it concerns, with what it means to them; and a payment that
//! failed to who tried it.

use chrono::TimeDelta;
use recharge::{
    credits::{
        AccountId, Command, Credits, Event, Note, Operation, Quantities, Quantity, Source, Validity,
    },
    server::{entity::event, events, notices::Words},
};
use sea_orm::EntityTrait;
use stripe_simulator::{PayOutcome, Settlement};

use crate::{
    app::TestApp,
    catalogues::{published, version},
    databases::{TestDatabase, on_both_databases},
    payments_shop::{Shop, session},
};

on_both_databases!(
    a_price_change_is_told_with_its_personal_effect,
    a_change_that_was_announced_is_told_before_it_takes_effect,
    who_spent_nothing_or_pays_the_same_is_not_told,
    a_payment_that_failed_is_written_down_once,
);

fn credits(thousandths: i64) -> Credits {
    Credits::from_thousandths(thousandths)
}

/// Writes a strategy of so many iterations at the prices of today.
async fn strategy(app: &TestApp, account: &AccountId, key: &str, iterations: i64) {
    let catalogue = app.state.catalogues.current();
    let class = ("model".to_owned(), Quantity::from("standard"));
    let asked: Quantities = [("iterations".to_owned(), Quantity::from(iterations)), class].into();
    let priced = catalogue.rate_card.price(Operation::Strategy, &asked).unwrap();
    let note =
        Note { detail: priced.detail, rate_card: catalogue.version.clone(), ..Note::default() };
    let command = Command::Spend { operation: Operation::Strategy, amount: priced.cost, note };
    app.state.ledger.execute(account, key, command).await.unwrap();
}

/// A customer with credits.
async fn customer(app: &TestApp) -> AccountId {
    let account = app.customer().await.account.unwrap();
    let command = Command::Grant {
        source: Source::Promotion,
        amount: credits(5_000_000),
        validity: Validity::OneYear,
        purchase: None,
        note: Note::default(),
    };
    app.state.ledger.execute(&account, "grant", command).await.unwrap();
    account
}

async fn changes(app: &TestApp) -> Vec<(String, Event)> {
    let rows = event::Entity::find().all(app.database.reader()).await.unwrap();
    let rows = rows.iter().filter(|row| row.kind == "price.changed");
    rows.map(|row| (row.account_id.clone(), events::read(row).unwrap())).collect()
}

async fn a_price_change_is_told_with_its_personal_effect(app: TestApp) {
    let account = customer(&app).await;
    strategy(&app, &account, "old", 100).await;
    app.clock.advance(TimeDelta::days(31));
    strategy(&app, &account, "one", 8).await;
    strategy(&app, &account, "two", 12).await;
    published(&app, &version("v2", "6.625"), None).await;
    app.clock.advance(TimeDelta::seconds(1));
    let notices = &app.state.notices;
    assert_eq!(notices.find_price_changes(app.clock.now()).await.unwrap(), 1);
    assert_eq!(notices.find_price_changes(app.clock.now()).await.unwrap(), 0, "once");
    let found = changes(&app).await;
    let [(whose, event)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(whose, &account.0);
    let Event::PriceChanged { before, after, known, operations, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!((*before, *after), (credits(125_000), credits(132_500)), "the last 30 days alone");
    assert_eq!((*known, *operations), (2, 2));
    let words = Words::of(event, "price_change:v2", app.clock.now(), "UTC");
    assert!(words.title.ends_with("6 % more for work like yours"), "{}", words.title);
    assert!(words.text.contains("Your last 30 days cost 125 credits"), "{}", words.text);
    assert!(words.text.contains("they would have cost 132.5."), "{}", words.text);
    assert!(words.text.contains("Every operation of these days was priced again."));
}

async fn a_change_that_was_announced_is_told_before_it_takes_effect(app: TestApp) {
    let account = customer(&app).await;
    strategy(&app, &account, "one", 8).await;
    let from = app.clock.now() + TimeDelta::days(14);
    published(&app, &version("v2", "3.125"), Some(from)).await;
    assert_eq!(app.state.notices.find_price_changes(app.clock.now()).await.unwrap(), 1);
    let (_, event) = &changes(&app).await[0];
    let words = Words::of(event, "", app.clock.now(), "UTC");
    let day = from.format("%-d %b %Y");
    let title = format!("Our prices change on {day}: 50 % less for work like yours");
    assert_eq!(words.title, title);
    app.state.notices.tell(app.clock.now()).await.unwrap();
    app.clock.advance(TimeDelta::days(15));
    assert_eq!(app.state.notices.find_price_changes(app.clock.now()).await.unwrap(), 0);
}

async fn who_spent_nothing_or_pays_the_same_is_not_told(app: TestApp) {
    let (idle, other) = (customer(&app).await, customer(&app).await);
    let named = Command::Spend {
        operation: Operation::Inference,
        amount: credits(7_000),
        note: Note::default(),
    };
    app.state.ledger.execute(&other, "named", named).await.unwrap();
    published(&app, &version("same", "6.25"), None).await;
    app.clock.advance(TimeDelta::seconds(1));
    published(&app, &version("v2", "7"), None).await;
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(app.state.notices.find_price_changes(app.clock.now()).await.unwrap(), 0, "{idle}");
    assert_eq!(changes(&app).await, []);
}

async fn a_payment_that_failed_is_written_down_once(test: TestDatabase) {
    let shop = Shop::open(test).await;
    let buyer = shop.customer().await;
    let purchase = shop.order(&buyer).await;
    let session = session(&purchase).to_owned();
    shop.stripe.pay(&session, PayOutcome::Unpaid).unwrap();
    shop.stripe.settle(&session, Settlement::Failed).unwrap();
    for _ in 0..3 {
        shop.payments.fulfil(&session).await.unwrap();
    }
    let rows = event::Entity::find().all(shop.test.database.reader()).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let Event::PurchaseFailed { purchase: id, credits: bought, reason, .. } =
        events::read(row).unwrap()
    else {
        panic!("{row:?}")
    };
    assert_eq!((id, bought), (purchase.id, credits(5_000_000)));
    assert!(reason.ends_with("Nothing was charged."), "{reason}");
}

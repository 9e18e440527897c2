//! Prices in versions: what is published never changes, and what was quoted holds.

use chrono::{DateTime, TimeDelta, Utc};
use recharge::{
    credits::{AccountId, Operation, Quantities, Quantity, Quote},
    server::{
        catalogue::{
            Catalogues, PublishError, Published,
            file::{self, CatalogueFile},
            publish,
        },
        entity,
        quotes::{QuoteError, Quotes},
    },
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::{app::TestApp, databases::on_both_databases};

on_both_databases!(
    a_version_never_changes,
    many_starts_at_once_publish_once,
    a_start_with_a_changed_file_publishes_it,
    what_is_built_in_replaces_nothing_that_was_published,
    an_announced_version_takes_effect_to_the_millisecond,
    what_another_process_publishes_is_taken_up_without_a_restart,
    a_quote_binds_for_a_quarter_of_an_hour,
    a_quote_made_under_one_version_is_used_under_it,
    what_cannot_be_priced_makes_no_quote,
);

/// The embedded catalogue under another name, with this rate for an iteration of a strategy.
pub fn version(name: &str, per_iteration: &str) -> CatalogueFile {
    let embedded = file::load(None).unwrap();
    let content = embedded
        .content
        .replace("version = \"2026-11\"", &format!("version = \"{name}\""))
        .replace("price = \"6.25\"", &format!("price = \"{per_iteration}\""));
    let catalogue = file::parse("test.toml", &content).unwrap();
    CatalogueFile { catalogue, content, is_embedded: false }
}

pub async fn published(
    app: &TestApp,
    file: &CatalogueFile,
    from: Option<DateTime<Utc>>,
) -> Published {
    publish(&app.database, file, from, app.clock.now()).await.unwrap()
}

async fn start(app: &TestApp, file: &CatalogueFile) -> Result<Catalogues, PublishError> {
    Catalogues::open(app.home.another_process().await, app.clock.clone(), file).await
}

fn name(catalogues: &Catalogues) -> String {
    catalogues.current().version.clone()
}

fn iterations(count: i64) -> Quantities {
    let class = ("model".to_owned(), Quantity::from("standard"));
    [("iterations".to_owned(), Quantity::from(count)), class].into()
}

async fn rows(app: &TestApp) -> u64 {
    entity::catalogue::Entity::find().count(app.database.reader()).await.unwrap()
}

async fn a_version_never_changes(app: TestApp) {
    let first = published(&app, &version("v1", "7"), None).await;
    assert!(matches!(first, Published::New { .. }), "{first}");
    let again = published(&app, &version("v1", "7"), None).await;
    assert!(matches!(again, Published::Before { .. }), "{again}");
    let now = app.clock.now();
    let other = publish(&app.database, &version("v1", "8"), None, now).await.unwrap_err();
    assert!(
        other.to_string().contains("\"v1\" is published already with other content"),
        "{other}"
    );
    assert!(other.to_string().ends_with("give this one a new version"), "{other}");
    let later = Some(now + TimeDelta::days(1));
    let moved = publish(&app.database, &version("v1", "7"), later, now).await.unwrap_err();
    assert!(matches!(moved, PublishError::OtherBeginning { .. }), "{moved}");
    let past = Some(now - TimeDelta::seconds(1));
    let past = publish(&app.database, &version("v2", "7"), past, now).await.unwrap_err();
    assert!(matches!(past, PublishError::Past { .. }), "{past}");
    assert_eq!(rows(&app).await, 2, "the built-in one and v1");
}

async fn many_starts_at_once_publish_once(app: TestApp) {
    app.clock.advance(TimeDelta::seconds(1));
    let starts = (0..8).map(|_| {
        let app = app.clone();
        tokio::spawn(async move { name(&start(&app, &version("v1", "7")).await.unwrap()) })
    });
    for started in starts.collect::<Vec<_>>() {
        assert_eq!(started.await.unwrap(), "v1");
    }
    assert_eq!(rows(&app).await, 2);
}

async fn a_start_with_a_changed_file_publishes_it(app: TestApp) {
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(name(&start(&app, &version("v1", "7")).await.unwrap()), "v1");
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(name(&start(&app, &version("v2", "8")).await.unwrap()), "v2");
    let before = start(&app, &version("v1", "7")).await.unwrap();
    assert_eq!(name(&before), "v2", "the same file as before publishes nothing");
    let refused = start(&app, &version("v2", "9")).await.unwrap_err();
    assert!(matches!(refused, PublishError::OtherContent(_)), "{refused}");
    assert_eq!(rows(&app).await, 3);
}

async fn what_is_built_in_replaces_nothing_that_was_published(app: TestApp) {
    app.clock.advance(TimeDelta::seconds(1));
    published(&app, &version("v1", "7"), None).await;
    let release = CatalogueFile { is_embedded: true, ..version("next-release", "9") };
    assert_eq!(name(&start(&app, &release).await.unwrap()), "v1");
    assert_eq!(rows(&app).await, 2);
}

async fn an_announced_version_takes_effect_to_the_millisecond(app: TestApp) {
    let from = app.clock.now() + TimeDelta::hours(1);
    published(&app, &version("v1", "7"), Some(from)).await;
    let catalogues = &app.state.catalogues;
    assert!(catalogues.version("v1").is_none());
    assert!(catalogues.find("v1").await.unwrap().is_some(), "it is looked up");
    assert!(catalogues.find("v0").await.unwrap().is_none());
    assert_eq!(name(catalogues), "2026-11");
    assert!(catalogues.version("v1").is_some() && catalogues.version("v0").is_none());
    app.clock.advance(TimeDelta::minutes(59));
    assert_eq!(name(catalogues), "2026-11");
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!((name(catalogues).as_str(), catalogues.in_effect().effective_from), ("v1", from));
}

async fn what_another_process_publishes_is_taken_up_without_a_restart(app: TestApp) {
    let stop = tokio_util::sync::CancellationToken::new();
    let watching = app.state.catalogues.watch(stop.clone());
    app.clock.advance(TimeDelta::seconds(1));
    let other = app.home.another_process().await;
    publish(&other, &version("v1", "7"), None, app.clock.now()).await.unwrap();
    let taken_up = async {
        while name(&app.state.catalogues) != "v1" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(8), taken_up).await.unwrap();
    stop.cancel();
    watching.await.unwrap();
}

async fn account(app: &TestApp) -> AccountId {
    app.customer().await.account.unwrap()
}

async fn a_quote_binds_for_a_quarter_of_an_hour(app: TestApp) {
    let (account, quotes) = (account(&app).await, &app.state.quotes);
    let quote =
        quotes.make(&account, "quote-1", Operation::Strategy, &iterations(8)).await.unwrap();
    assert!(quote.id.starts_with("quo_"));
    assert_eq!(quote.cost.to_string(), "50");
    assert_eq!(quote.detail, "8 iterations, Standard class");
    assert_eq!(quote.rate_card, "2026-11");
    assert_eq!(quote.valid_until - quote.created_at, TimeDelta::minutes(15));

    let found = quotes.find(&account, &quote.id).await.unwrap().unwrap();
    assert_eq!(found, quote);
    assert!(found.is_valid(quote.valid_until - TimeDelta::milliseconds(1)));
    assert!(!found.is_valid(quote.valid_until));
    let stranger = AccountId("acc_other".to_owned());
    assert_eq!(quotes.find(&stranger, &quote.id).await.unwrap(), None);
    assert_eq!(quotes.find(&account, "quo_none").await.unwrap(), None);
}

async fn a_quote_made_under_one_version_is_used_under_it(app: TestApp) {
    let (account, catalogues) = (account(&app).await, &app.state.catalogues);
    let (eight, quotes) = (iterations(8), &app.state.quotes);
    let quote = quotes.make(&account, "quote-2", Operation::Strategy, &eight).await.unwrap();
    app.clock.advance(TimeDelta::minutes(1));
    published(&app, &version("v2", "10"), None).await;
    catalogues.refresh().await.unwrap();

    let dearer = quotes.make(&account, "quote-3", Operation::Strategy, &eight).await.unwrap();
    assert_eq!((dearer.cost.to_string().as_str(), dearer.rate_card.as_str()), ("80", "v2"));
    let kept = quotes.find(&account, &quote.id).await.unwrap().unwrap();
    assert_eq!(kept, quote);
    let made_by = catalogues.version(&kept.rate_card).unwrap();
    let actual = made_by.rate_card.price(kept.operation, &iterations(6)).unwrap().cost;
    assert_eq!(kept.charge(actual).to_string(), "37.5", "the work is priced as it was quoted");
    let more = made_by.rate_card.price(kept.operation, &iterations(60)).unwrap().cost;
    assert_eq!(kept.charge(more), quote.cost, "and never above it");
    assert!(
        kept.is_valid(app.clock.now()) && kept.valid_until - kept.created_at == Quote::VALIDITY
    );
}

async fn what_cannot_be_priced_makes_no_quote(app: TestApp) {
    let account = account(&app).await;
    let quotes: &Quotes = &app.state.quotes;
    let refused =
        quotes.make(&account, "quote-4", Operation::Strategy, &iterations(-1)).await.unwrap_err();
    let QuoteError::Quantity(error) = refused else { panic!("{refused}") };
    assert_eq!(error.field, "iterations");
    let made = entity::quote::Entity::find().count(app.database.reader()).await.unwrap();
    assert_eq!(made, 0);
}

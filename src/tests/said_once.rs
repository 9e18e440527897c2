//! An ALERT is logged once for each change, however often a process looks.

use std::time::Duration;

use recharge::server::{
    catalogue::{Catalogues, publish},
    clock::Clock,
    entity::catalogue,
};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    app::TestApp,
    beside::Beside,
    catalogues::version,
    databases::{TestDatabase, on_both_databases},
    logging::Logged,
    payments_shop::SOON,
};

on_both_databases!(a_catalogue_that_cannot_be_read_is_said_once_and_again_when_it_changes);

async fn a_catalogue_that_cannot_be_read_is_said_once_and_again_when_it_changes(app: TestApp) {
    let row = catalogue::Model {
        version: "later".to_owned(),
        content: "of a later release".to_owned(),
        digest: String::new(),
        effective_from: 0,
        published_at: 0,
    };
    row.into_active_model().reset_all().insert(app.database.writer()).await.unwrap();
    let logged = Logged::new();
    let looks = async || {
        for _ in 0..3 {
            app.state.catalogues.refresh().await.unwrap();
        }
        logged.text().matches("ALERT: a published catalogue can't be read").count()
    };
    assert_eq!(looks().await, 1, "{}", logged.text());
    app.home.tamper("UPDATE catalogues SET content = '= 1' WHERE version = 'later'").await;
    assert_eq!(looks().await, 2, "{}", logged.text());
}

/// On one thread, whose log is heard.
#[tokio::test]
async fn a_catalogue_that_a_start_cannot_publish_is_said_once() {
    let (test, clock) = (TestDatabase::sqlite().await, Clock::default());
    publish(&test.database, &version("v1", "7"), None, clock.now()).await.unwrap();
    clock.distrust();
    let changed = version("v1", "8");
    let catalogues = Catalogues::open(test.another_process().await, clock.clone(), &changed);
    let catalogues = catalogues.await.unwrap();
    let logged = Logged::new();
    let alerts =
        || logged.text().matches("ALERT: the catalogue of the start can't be published: ").count();
    clock.believe();
    // The second watch begins with a look, as the first one did.
    for _ in 0..2 {
        let stop = CancellationToken::new();
        let (watching, end) = (catalogues.watch(stop.clone()), Instant::now() + SOON);
        while alerts() == 0 {
            assert!(Instant::now() < end, "nobody says it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        watching.await.unwrap();
    }
    assert_eq!(alerts(), 1, "{}", logged.text());
    assert!(logged.text().contains("\"v1\" is published already with other content"));
    assert_eq!(catalogues.current().version, "v1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_is_off_when_a_process_starts_is_said_once() {
    let test = TestDatabase::postgres().await;
    let hour_ahead = [("RECHARGE_MACHINE_CLOCK_MS", "3600000")];
    let process = Beside::start(&test.url, &hour_ahead).await;
    let log = process.log();
    assert_eq!(log.matches("ALERT: The clock of this machine").count(), 1, "{log}");
}

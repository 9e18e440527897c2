//! An ALERT is logged once for each change, however often a process looks.

use recharge::server::entity::catalogue;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use crate::{
    app::TestApp,
    beside::Beside,
    databases::{TestDatabase, on_both_databases},
    logging::Logged,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_is_off_when_a_process_starts_is_said_once() {
    let test = TestDatabase::postgres().await;
    let hour_ahead = [("RECHARGE_MACHINE_CLOCK_MS", "3600000")];
    let process = Beside::start(&test.url, &hour_ahead).await;
    let log = process.log();
    assert_eq!(log.matches("ALERT: The clock of this machine").count(), 1, "{log}");
}

//! PostgreSQL refuses what the ledger writes while its connections live: its disk is full, or a
//! statement takes too long.

use std::time::Duration;

use recharge::server::{ledger::LedgerError, readiness::Trouble};
use sea_orm::{ConnectionTrait, Statement};
use tokio::time::timeout;

use crate::{
    api::account_with,
    app::TestApp,
    commands::spend,
    databases::{Given, TestDatabase},
    logging::Logged,
};

/// As PostgreSQL calls a full disk, and a statement that took too long.
const REFUSALS: [&str; 2] = ["53100", "57014"];
const LONGEST: Duration = Duration::from_secs(5);

/// Lets each new entry be refused with this code, and counts them: a sequence is not rolled back.
fn refuse(code: &str) -> String {
    format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM nextval('tries');
             RAISE EXCEPTION 'as if' USING ERRCODE = '{code}';
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
}

async fn tries(test: &TestDatabase) -> i64 {
    let connection = test.database.reader();
    let asked = "SELECT last_value FROM tries";
    let asked = Statement::from_string(connection.get_database_backend(), asked);
    connection.query_one_raw(asked).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_batch_that_is_refused_is_told_at_once_and_seen_in_readiness() {
    for code in REFUSALS {
        let app = TestApp::given(TestDatabase::postgres().await).await;
        let account = account_with(&app, 10).await;
        let writer = app.database.writer();
        writer.execute_unprepared(&refuse(code)).await.unwrap();

        let refused = app.state.ledger.execute(&account, "refused", spend(1));
        let refused = timeout(LONGEST, refused).await.expect("nobody answers");
        assert!(matches!(refused, Err(LedgerError::Unavailable)), "{code}: {refused:?}");
        assert!(tries(&app.home).await <= 2, "{code}: {} tries", tries(&app.home).await);
        let logged = Logged::new();
        app.state.pulse.check().await;
        assert!(app.state.readiness.has(Trouble::Writing), "{code}");
        let alert = "ALERT: The database has refused what the ledger wrote.";
        assert_eq!(logged.text().matches(alert).count(), 1, "{code}: {}", logged.text());

        let mend = "DROP TRIGGER refuse ON entries";
        writer.execute_unprepared(mend).await.unwrap();
        app.state.ledger.execute(&account, "refused", spend(1)).await.unwrap();
        app.state.pulse.check().await;
        assert!(!app.state.readiness.has(Trouble::Writing), "{code}");
        app.adds_up().await;
    }
}

//! Somebody else at the database, whose locks others wait for.

use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement};

use crate::databases::TestDatabase;

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(30);

/// A connection of somebody else that has carried these out.
pub async fn somebody(url: &str, statements: &[&str]) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1);
    let somebody = sea_orm::Database::connect(options).await.unwrap();
    for statement in statements {
        somebody.execute_unprepared(statement).await.unwrap();
    }
    somebody
}

/// Returns once a session of PostgreSQL waits for the lock of a table.
pub async fn until_a_table_is_waited_for(test: &TestDatabase) {
    let reader = test.database.reader();
    let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waits = Statement::from_string(reader.get_database_backend(), waits);
    let begun = Instant::now();
    while reader.query_one_raw(waits.clone()).await.unwrap().is_none() {
        assert!(begun.elapsed() < AT_LAST, "nobody waits for a table");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

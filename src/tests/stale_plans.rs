//! PostgreSQL refuses a statement that was prepared before its columns got another type. After such
//! a change every connection has prepared statements, and whoever asks gets an answer nevertheless.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use recharge::server::database::{Database, Transaction, code, is_conflict};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::Barrier;

use crate::databases::TestDatabase;

/// The most connections that read, and that write.
const READERS: usize = 12;
const WRITERS: usize = 10;
/// PostgreSQL's code for it.
const STALE: &str = "0A000";

async fn ask(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let marks = Statement::from_string(DbBackend::Postgres, "SELECT updated_at FROM marks");
    connection.query_all_raw(marks).await.map(drop)
}

/// Asks in a transaction, and waits until as many do so at the same time: each has a connection of
/// its own.
fn ask_together(
    together: &Arc<Barrier>,
) -> impl for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<(), DbErr>> + Send + Sync + 'static {
    let together = Arc::clone(together);
    move |transaction| {
        let together = Arc::clone(&together);
        Box::pin(async move {
            ask(transaction).await?;
            together.wait().await;
            Ok(())
        })
    }
}

async fn all_have_asked(database: &Database) {
    let (readers, writers) = (Arc::new(Barrier::new(READERS)), Arc::new(Barrier::new(WRITERS)));
    let reading = join_all((0..READERS).map(|_| database.snapshot(ask_together(&readers))));
    let writing = join_all((0..WRITERS).map(|_| database.write(ask_together(&writers))));
    let (read, written) = tokio::join!(reading, writing);
    read.into_iter().chain(written).for_each(|done| done.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_change_of_a_type_whoever_asks_gets_an_answer_at_once() {
    let test = TestDatabase::postgres().await;
    let database = test.another_process().await;
    let becomes = async |kind: &str| {
        let change = format!("ALTER TABLE marks ALTER COLUMN updated_at TYPE {kind}");
        test.tamper(&change).await;
    };

    all_have_asked(&database).await;
    becomes("numeric").await;
    ask(database.reader()).await.unwrap();
    ask(database.writer()).await.unwrap();

    all_have_asked(&database).await;
    becomes("bigint").await;
    let alone = Arc::new(Barrier::new(1));
    database.snapshot(ask_together(&alone)).await.unwrap();
    database.write(ask_together(&alone)).await.unwrap();

    all_have_asked(&database).await;
    let line = database.line().await.unwrap();
    becomes("numeric").await;
    // Whoever has a line runs the whole work again, on another one.
    let refused = ask(&line).await.unwrap_err();
    assert_eq!(code(&refused).as_deref(), Some(STALE));
    assert!(is_conflict(&refused) && !line.is_sound().await);
    ask(&database.line().await.unwrap()).await.unwrap();
}

//! The credits page of an account with a long history, asked for at a steady rate.

use std::time::Duration;

use sea_orm::ConnectionTrait;

use crate::{
    Answer,
    growth::Grown,
    http::Served,
    measure::part_ms,
    plan::Plan,
    report::{Row, Target, print_row},
    store::{Kind, Store},
};

const PER_SECOND: u32 = 200;
const P50_MS: f64 = 5.0;
const P99_MS: f64 = 20.0;

/// Measures what a browser waits for, on the same machine as the server and its database.
pub async fn measure(plan: &Plan, store: &Store) -> Answer<Vec<Row>> {
    let served = Served::start(store).await?;
    let (account, cookie) = served.customer(store).await?;
    Grown::fill_account(store, account, plan.largest).await?;
    if store.kind == Kind::Postgres {
        store.database.writer().execute_unprepared("VACUUM ANALYZE").await?;
    }
    served.look("/settings/credits", &cookie, PER_SECOND, Duration::from_secs(2)).await?;
    let length = plan.slot * 5;
    let mut took_us = served.look("/settings/credits", &cookie, PER_SECOND, length).await?;
    took_us.sort_unstable();
    let (p50_ms, p99_ms) = (part_ms(&took_us, 50), part_ms(&took_us, 99));
    let exact = store.ledger.verify().await.inspect_err(|error| eprintln!("{error}")).is_ok();
    let row = |which: &str, limit: f64, ours: f64| Row {
        name: format!(
            "the credits page at {} entries, {PER_SECOND} a second: {which}, ms",
            plan.largest
        ),
        database: store.kind.name(),
        in_flight: 0,
        limit,
        ours,
        ratio: ours / limit,
        target: Target::AtMost(1.0),
        p50_ms,
        p99_ms,
        exact,
    };
    let rows = vec![row("p50", P50_MS, p50_ms), row("p99", P99_MS, p99_ms)];
    rows.iter().for_each(print_row);
    Ok(rows)
}

//! How long the reminders of many accounts take, and how much memory: everybody's are due, as
//! after the job's first start.

use std::{fs, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use recharge::server::jobs::remind;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use tokio_util::sync::CancellationToken;

use crate::{
    Answer,
    report::{Row, Target, print_row},
    store::Store,
};

const ACCOUNTS: i64 = 100_000;
const LOTS: i64 = 3;
/// What a run may take.
const BOUND_MS: f64 = 60_000.0;
const BOUND_MB: f64 = 100.0;
/// Granted half a year ago.
const AGE: TimeDelta = TimeDelta::days(180);
/// The lots expire within so many days, of which 60 are near enough.
const SPREAD_DAYS: i64 = 60;

/// Measures one run over all accounts. A second one must find nothing.
pub async fn measure(store: &Store) -> Answer<Vec<Row>> {
    let now = Utc::now();
    for sql in fill(now) {
        store.database.writer().execute_unprepared(&sql).await?;
    }
    store.database.writer().execute_unprepared("VACUUM ANALYZE").await?;
    let parts = || (store.database.clone(), CancellationToken::new());
    let before_mb = memory_mb("VmRSS:")?;
    // From here on the peak is this run's.
    fs::write("/proc/self/clear_refs", "5")?;
    let start = Instant::now();
    let written = remind(parts(), now).await.map_err(|error| error.to_string())?.0;
    let took_ms = start.elapsed().as_secs_f64() * 1_000.0;
    let more_mb = memory_mb("VmHWM:")? - before_mb;
    let again = Instant::now();
    let nothing = remind(parts(), now).await.map_err(|error| error.to_string())?.0;
    let again_ms = again.elapsed().as_secs_f64() * 1_000.0;
    let kept = recharge::server::entity::event::Entity::find();
    let kept = kept.count(store.database.reader()).await?;
    println!("{written} reminders written; a second run writes {nothing} in {again_ms:.0} ms");
    let row = |name: &str, limit: f64, ours: f64| Row {
        name: format!("reminders: {ACCOUNTS} accounts, {} lots, {name}", ACCOUNTS * LOTS),
        database: store.kind.name(),
        in_flight: 1,
        limit,
        ours,
        ratio: ours / limit,
        target: Target::AtMost(1.0),
        p50_ms: took_ms,
        p99_ms: took_ms,
        exact: nothing == 0 && kept == written && written > 0,
    };
    let rows = vec![row("ms", BOUND_MS, took_ms), row("MB", BOUND_MB, more_mb)];
    rows.iter().for_each(print_row);
    Ok(rows)
}

/// Accounts with lots as the ledger would have written them.
fn fill(now: DateTime<Utc>) -> [String; 3] {
    let (day, amount) = (86_400_000, 500_000);
    let granted_at = (now - AGE).timestamp_millis();
    let now = now.timestamp_millis();
    let accounts = format!("generate_series(1, {ACCOUNTS}) AS a (i)");
    let lots = format!("{accounts}, generate_series(1, {LOTS}) AS l (k)");
    [
        format!(
            "INSERT INTO accounts (id, zone, cycle_anchor_day, available, held, seq, granted, spent,
                expired, latest_at, created_at)
             SELECT 'acc_' || md5(i::text), 'UTC', 1, {LOTS} * {amount}, 0, {LOTS},
                {LOTS} * {amount}, 0, 0, {granted_at}, {granted_at} FROM {accounts}"
        ),
        format!(
            "INSERT INTO entries (account_id, seq, kind, available_change, held_change,
                available_after, held_after, description, detail, reference, rate_card, at)
             SELECT 'acc_' || md5(i::text), k, 'granted', {amount}, 0, k * {amount}, 0,
                'Promotion', '', '', '', {granted_at} FROM {lots}"
        ),
        format!(
            "INSERT INTO lots (account_id, number, source, granted, remaining, held, expires_at,
                is_open)
             SELECT 'acc_' || md5(i::text), k, 'promotion', {amount}, {amount}, 0,
                {now} + {day} / 2 + (i * 7919 + k * 19) % ({SPREAD_DAYS} - 1) * {day}::bigint, true
             FROM {lots}"
        ),
    ]
}

/// What the system says of this process, in megabytes.
fn memory_mb(name: &str) -> Answer<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kb = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no such figure")?;
    Ok(kb.parse::<f64>()? / 1_000.0)
}

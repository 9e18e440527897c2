//! Writes down what time has already done: lots that have expired, holds that have lapsed.
//!
//! Nothing depends on it but that the rows stand there, and that people are told of them. Each
//! account is advanced in a transaction of its own, so a sweep that is cut off has done what it
//! has done, and two at once do nothing twice.

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Done, JobError};
use crate::{
    credits::AccountId,
    server::{AppState, clock::to_millis, database::Database, ledger::LedgerError},
};

/// Accounts that are looked up at once.
const PAGE: u32 = 500;
/// Accounts that wait for the ledger at once: it writes them together, and others with them.
const AT_ONCE: usize = 64;

/// An account whose time has come, and where the next page begins.
#[derive(Clone, Debug, Default, FromQueryResult)]
struct Due {
    account_id: String,
    /// The instant of its lot; the pages of holds don't need it.
    at: i64,
}

/// By `lots_ending`, in its order.
const LOTS: &str = "
    SELECT account_id, expires_at AS at FROM lots
    WHERE is_open AND remaining > 0 AND expires_at <= $1
          AND expires_at >= $2 AND (expires_at, account_id) > ($2, $3)
    ORDER BY expires_at, account_id LIMIT $4";

/// By `holds_open`, in its order. A hold of zero is found here and nowhere else.
const HOLDS: &str = "
    SELECT DISTINCT account_id, $2 AS at FROM holds
    WHERE state = 'open' AND expires_at <= $1 AND account_id > $3
    ORDER BY account_id LIMIT $4";

/// Advances every account whose lots have expired or whose holds have lapsed.
pub(super) async fn sweep(state: AppState, now: DateTime<Utc>) -> Result<Done, JobError> {
    let (mut done, mut failed) = (0, Vec::new());
    for due in [HOLDS, LOTS] {
        let mut after = Due { at: i64::MIN, ..Due::default() };
        loop {
            let mut page = find(&state.database, due, &after, now).await?;
            let Some(last) = page.last().cloned() else { break };
            after = last;
            page.dedup_by(|one, other| one.account_id == other.account_id);
            let outcomes = advance(&state, page).await;
            let count = outcomes.len();
            let errors: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
            done += count - errors.len();
            let is_outage = errors.len() == count;
            failed.extend(errors);
            // One account that can't be written must not stop the others; an outage must.
            if is_outage || state.shutdown.is_cancelled() {
                break;
            }
        }
    }
    match failed.first() {
        None if state.shutdown.is_cancelled() => Err(JobError::new("the end came first")),
        None => Ok(Done(u64::try_from(done).unwrap_or(u64::MAX))),
        Some(error) => {
            let count = failed.len();
            Err(JobError::new(format!("{count} accounts could not be written: {error}")))
        }
    }
}

async fn find(
    database: &Database,
    due: &str,
    after: &Due,
    now: DateTime<Utc>,
) -> Result<Vec<Due>, DbErr> {
    let reader = database.reader();
    let values: [Value; 4] =
        [to_millis(now).into(), after.at.into(), after.account_id.as_str().into(), PAGE.into()];
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), due, values);
    Due::find_by_statement(statement).all(reader).await
}

async fn advance(state: &AppState, page: Vec<Due>) -> Vec<Result<(), LedgerError>> {
    let advances = stream::iter(page).map(|due| async move {
        let account = AccountId(due.account_id);
        let outcome = state.ledger.advance(&account).await;
        if let Err(error) = &outcome {
            tracing::warn!(%account, %error, "what time has done could not be written");
        }
        outcome
    });
    advances.buffer_unordered(AT_ONCE).collect().await
}

//! Reminds of credits that expire soon: at 60, 30, 7 and 1 days before.
//!
//! # What is told
//! All that an account forfeits on one day, in UTC, is one reminder: a group of lots, told of by
//! the first of them. Of the reminders that are due for a group only the latest is written, so a
//! job that was down for days says one thing, not three. Nothing is told of a lot that had less
//! time than that when it was granted: whoever got credits for a week knows.
//!
//! # How
//! Day by day and, within a day, by account, pages of groups are read whose reminder isn't there
//! yet, and written as events, one for each (account, day, reminder). So a run that is cut off
//! goes on where it was, and two at once write nothing twice: the key is unique.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    Statement, TryInsertResult, Value,
};
use tokio_util::sync::CancellationToken;

use super::{Done, JobError};
use crate::{
    credits::{AccountId, Credits, Event, EventKind},
    server::{
        clock::{from_millis, to_millis},
        database::Database,
        entity::event,
        events,
    },
};

/// So many days before, the soonest last.
const REMINDERS: [u32; 4] = [60, 30, 7, 1];
/// Groups that are read and written at once.
const PAGE: u64 = 1_000;

/// What an account forfeits on one day, if nothing more is spent.
#[derive(Debug, FromQueryResult)]
struct Group {
    account_id: String,
    amount: i64,
    expires_at: i64,
    days: i32,
}

/// By `lots_ending` within a day, by the key of `entries`, and by that of `events`. The events of
/// a group are counted: NOT EXISTS would be planned as a join while there are no events yet, and
/// the first run would hold each group against all that it has written. A group is told of when
/// its first lot comes near.
const GROUPS: &str = "
    SELECT groups.account_id, groups.amount, groups.expires_at, groups.days
    FROM (
        SELECT lots.account_id, CAST(SUM(lots.remaining) AS BIGINT) AS amount,
               MIN(lots.expires_at) AS expires_at, MIN(entries.at) AS granted_at,
               CASE WHEN MIN(lots.expires_at) <= $4 THEN 1
                    WHEN MIN(lots.expires_at) <= $5 THEN 7
                    WHEN MIN(lots.expires_at) <= $6 THEN 30
                    ELSE 60 END AS days
        FROM lots
        JOIN entries ON entries.account_id = lots.account_id AND entries.seq = lots.number
        WHERE lots.is_open AND lots.remaining > 0
              AND lots.expires_at >= $1 AND lots.expires_at < $2 AND lots.account_id > $3
        GROUP BY lots.account_id
    ) AS groups
    WHERE groups.expires_at <= $7
          AND groups.expires_at - groups.days * CAST(86400000 AS BIGINT) > groups.granted_at
          AND (SELECT COUNT(*) FROM events
               WHERE events.account_id = groups.account_id AND events.kind = $8
                     AND events.cause = $9 || groups.days) = 0
    ORDER BY groups.account_id LIMIT $10";

/// Writes every reminder that is due; the token ends it between two pages.
///
/// # Errors
/// Where the database fails or the token ended it; what was written until then is written.
pub async fn remind(
    (database, ending): (Database, CancellationToken),
    now: DateTime<Utc>,
) -> Result<Done, JobError> {
    let (mut reminders, mut day) = (0, now.date_naive());
    let furthest = now + TimeDelta::days(i64::from(REMINDERS[0]));
    while day <= furthest.date_naive() {
        let mut after = String::new();
        loop {
            let groups = find(&database, day, &after, now).await?;
            let is_last = groups.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            if let Some(last) = groups.last() {
                after.clone_from(&last.account_id);
                reminders += write(&database, day, groups, now).await?;
            }
            if ending.is_cancelled() {
                return Err(JobError::new("the end came first"));
            }
            if is_last {
                break;
            }
        }
        day = day + Days::new(1);
    }
    Ok(Done(reminders))
}

/// One page of the groups of a day whose latest due reminder isn't there yet.
async fn find(
    database: &Database,
    day: NaiveDate,
    after: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Group>, DbErr> {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let begins = midnight(day).max(now + TimeDelta::milliseconds(1));
    let [furthest, month, week, tomorrow] =
        REMINDERS.map(|days| to_millis(now + TimeDelta::days(i64::from(days))));
    let values: [Value; 10] = [
        to_millis(begins).into(),
        to_millis(midnight(day + Days::new(1))).into(),
        after.into(),
        tomorrow.into(),
        week.into(),
        month.into(),
        furthest.into(),
        EventKind::Expiring.id().into(),
        cause(day, "").into(),
        PAGE.into(),
    ];
    // All is found by keys, also in tables that were empty when this was planned.
    let finder = database.finder();
    let statement = Statement::from_sql_and_values(finder.get_database_backend(), GROUPS, values);
    Group::find_by_statement(statement).all(finder).await
}

/// Names a reminder within an account: `2027-03-12 7`.
fn cause(day: NaiveDate, days: impl std::fmt::Display) -> String {
    format!("{day} {days}")
}

/// Writes reminders that nobody else has written meanwhile; says how many.
async fn write(
    database: &Database,
    day: NaiveDate,
    groups: Vec<Group>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    use event::Column;
    let mut rows = Vec::with_capacity(groups.len());
    for group in groups {
        let event = Event::Expiring {
            amount: Credits::from_thousandths(group.amount),
            expires_at: from_millis(group.expires_at),
            days: u32::try_from(group.days).unwrap_or_default(),
        };
        let account = AccountId(group.account_id);
        rows.push(events::row(&account, &cause(day, group.days), &event, now)?);
    }
    let written = database.write(move |transaction| {
        let rows = rows.clone().into_iter().map(|row| row.into_active_model().reset_all());
        let insert = event::Entity::insert_many(rows).on_conflict_do_nothing_on([
            Column::AccountId,
            Column::Kind,
            Column::Cause,
        ]);
        Box::pin(async move { insert.exec_without_returning(transaction).await })
    });
    Ok(match written.await? {
        TryInsertResult::Inserted(count) => count,
        TryInsertResult::Empty | TryInsertResult::Conflicted => 0,
    })
}

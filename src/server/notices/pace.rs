//! Thresholds in days: what an account would consume in so many days at its pace.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Notices, preferences::USUAL_DAYS};
use crate::{
    credits::{AccountId, Credits, Pace},
    server::clock::from_millis,
};

/// Accounts that are looked at together.
const BATCH: i64 = 500;
/// Days that a pace is taken from.
const PACE_DAYS: u64 = 28;

/// An account that is warned by days.
#[derive(FromQueryResult)]
struct Watched {
    id: String,
    zone: String,
    created_at: i64,
    low_at: Option<i64>,
    days: Option<i32>,
}

#[derive(FromQueryResult)]
struct Used {
    account_id: String,
    day: String,
    credits: i64,
}

const WATCHED: &str = "
    SELECT accounts.id, accounts.zone, accounts.created_at, accounts.low_at, runway_warnings.days
    FROM accounts
    LEFT JOIN runway_warnings ON runway_warnings.account_id = accounts.id";
const BY_DAYS: &str = "
    WHERE accounts.id > $1 AND accounts.seq > 0
      AND (runway_warnings.account_id IS NULL OR runway_warnings.days IS NOT NULL)
    ORDER BY accounts.id LIMIT $2";
const ONE: &str = " WHERE accounts.id = $1";

const USED: &str = "
    SELECT account_id, day, CAST(SUM(credits) AS BIGINT) AS credits
    FROM usage_daily WHERE day >= $1 AND account_id IN ";

impl Notices {
    /// Turns the days that customers want to be warned before into credits, at their pace of today;
    /// says of how many accounts. Who is low by that is told.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn follow_paces(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let (mut after, mut changed) = (String::new(), 0);
        loop {
            let values: [Value; 2] = [after.clone().into(), BATCH.into()];
            let watched = self.watched(&format!("{WATCHED}{BY_DAYS}"), values.into()).await?;
            let Some(last) = watched.last() else { return Ok(changed) };
            after.clone_from(&last.id);
            for (account, low_at, days) in self.thresholds(watched, now).await? {
                let moved = self.ledger.warn_at_pace(&account, low_at, days, now).await;
                moved.map_err(|error| DbErr::Custom(error.to_string()))?;
                changed += 1;
            }
        }
    }

    /// What an account would consume in so many days; none where it has consumed nothing lately.
    pub(super) async fn lasting(
        &self,
        account: &AccountId,
        days: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<Credits>, DbErr> {
        let sql = format!("{WATCHED}{ONE}");
        let mut one = self.watched(&sql, vec![account.0.clone().into()]).await?;
        for watched in &mut one {
            (watched.days, watched.low_at) = (i32::try_from(days).ok(), None);
        }
        Ok(self.thresholds(one, now).await?.pop().map(|(_, low_at, _)| low_at))
    }

    async fn watched(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Watched>, DbErr> {
        let reader = self.database.reader();
        Watched::find_by_statement(statement(reader, sql, values)).all(reader).await
    }

    /// The thresholds that are others now, with the days they stand for.
    async fn thresholds(
        &self,
        watched: Vec<Watched>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(AccountId, Credits, Option<i32>)>, DbErr> {
        let reader = self.database.reader();
        // A day more: the zone of an account may be behind.
        let since = now.date_naive() - Days::new(PACE_DAYS + 1);
        let marks = (2..watched.len() + 2).map(|number| format!("${number}"));
        let marks = marks.collect::<Vec<_>>().join(",");
        let ids = watched.iter().map(|account| Value::from(account.id.clone()));
        let values = std::iter::once(since.to_string().into()).chain(ids).collect();
        let sql = format!("{USED}({marks}) GROUP BY account_id, day");
        let used = Used::find_by_statement(statement(reader, &sql, values)).all(reader).await?;
        let mut by_account: BTreeMap<String, BTreeMap<String, Credits>> = BTreeMap::new();
        for Used { account_id, day, credits } in used {
            let credits = Credits::from_thousandths(credits);
            by_account.entry(account_id).or_default().insert(day, credits);
        }
        let threshold = |account: Watched| {
            let low_at = account.low_at(by_account.get(&account.id)?, now)?;
            let is_new = account.low_at != Some(low_at.thousandths());
            is_new.then_some((AccountId(account.id), low_at, account.days))
        };
        Ok(watched.into_iter().filter_map(threshold).collect())
    }
}

fn statement(connection: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

impl Watched {
    /// What it would consume in its days at its pace, in words that one remembers: 1,200, not
    /// 1,234.567.
    fn low_at(&self, used: &BTreeMap<String, Credits>, now: DateTime<Utc>) -> Option<Credits> {
        let zone = self.zone.parse().unwrap_or(chrono_tz::UTC);
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let today = day(now);
        let first = day(from_millis(self.created_at)).max(today - Days::new(PACE_DAYS));
        let before_today = first.iter_days().take_while(|day: &NaiveDate| *day < today);
        let days: Vec<_> = before_today
            .map(|day| used.get(&day.to_string()).copied().unwrap_or_default())
            .collect();
        let pace = Pace::from_days(&days)?;
        let days = self.days.map_or(i64::from(USUAL_DAYS), i64::from);
        let low_at = rounded(pace.per_day.thousandths().checked_mul(days)?);
        (low_at > 0).then(|| Credits::from_thousandths(low_at))
    }
}

/// The first two digits, the rest zero; whole credits where there are any.
fn rounded(thousandths: i64) -> i64 {
    let digits = thousandths.max(1).ilog10();
    let unit = 10_i64.pow(digits.saturating_sub(1));
    (thousandths + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn a_threshold_is_a_number_that_one_remembers() {
        for (exact, told) in [
            (1_234_567, 1_200_000),
            (1_250_000, 1_300_000),
            (99_999, 100_000),
            (7_040, 7_000),
            (12, 12),
            (9, 9),
            (0, 0),
        ] {
            assert_eq!(rounded(exact), told, "{exact}");
        }
    }
}

//! Who is due: switched on, not paused, not resting, and with less available than they chose.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::claim::Claimed;
use crate::{
    credits::AccountId,
    server::{
        clock::to_millis,
        payments::{Away, Fulfilment, Payments},
    },
};

/// Accounts read at once.
const PAGE: i64 = 100;
/// Failures one after the other that are taken for an outage.
const FAILURES: u64 = 3;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recharged {
    /// Accounts that seemed to have too little.
    pub looked_at: u64,
    /// Accounts whose recharge was credited.
    pub credited: u64,
    /// Accounts whose charge was refused, and those that were paused without one.
    pub refused: u64,
    /// Accounts whose outcome is unknown yet, or that could not be dealt with.
    pub postponed: u64,
}

impl Payments {
    /// Recharges every account that is due, and detaches the cards that were removed.
    ///
    /// # Errors
    /// See [`Away`]; what was done until then is done, and running it again is safe.
    pub async fn recharge_due(&self, now: DateTime<Utc>) -> Result<Recharged, Away> {
        self.stripe()?;
        let this = self.clone();
        self.in_task(async move {
            this.detach_discarded().await?;
            this.recharge_pages(now).await
        })
        .await
    }

    async fn recharge_pages(&self, now: DateTime<Utc>) -> Result<Recharged, Away> {
        let (mut run, mut after, mut failures) = (Recharged::default(), String::new(), 0);
        loop {
            let page = due(self.database.reader(), now, &after).await?;
            let Some(last) = page.last() else { return Ok(run) };
            after.clone_from(last);
            for account in page {
                run.looked_at += 1;
                match self.recharge(&AccountId(account.clone()), now, &mut run).await {
                    Ok(()) => failures = 0,
                    Err(away) if failures + 1 >= FAILURES => return Err(away),
                    // One account must not stop the others; an outage must.
                    Err(away) => {
                        tracing::warn!(account, %away, "not recharged now; the next run goes on");
                        run.postponed += 1;
                        failures += 1;
                    }
                }
            }
        }
    }

    async fn recharge(
        &self,
        account: &AccountId,
        now: DateTime<Utc>,
        run: &mut Recharged,
    ) -> Result<(), Away> {
        let purchase = match self.claim(account, now).await? {
            Claimed::Charge(purchase) => *purchase,
            Claimed::Paused => {
                run.refused += 1;
                return Ok(());
            }
            Claimed::Nothing => return Ok(()),
        };
        match self.charge(purchase).await? {
            Fulfilment::Credited { .. } => run.credited += 1,
            Fulfilment::Unpaid { state, .. } if state.is_final() => run.refused += 1,
            _ => run.postponed += 1,
        }
        Ok(())
    }
}

#[derive(FromQueryResult)]
struct DueRow {
    account_id: String,
}

/// Accounts that may be due, by their ids, after one of them. What has expired is not available
/// any more, whether or not that was written down: such an account is looked at closely.
async fn due(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT r.account_id
               FROM auto_recharges r JOIN accounts a ON a.id = r.account_id
               WHERE r.is_on AND r.paused_at IS NULL AND r.rests_until <= $1
                 AND r.account_id > $2
                 AND (a.available < r.threshold OR EXISTS (
                      SELECT 1 FROM lots
                      WHERE lots.account_id = r.account_id AND lots.is_open
                        AND lots.expires_at <= $1))
               ORDER BY r.account_id LIMIT $3";
    let values: [Value; 3] = [to_millis(now).into(), after.into(), PAGE.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = DueRow::find_by_statement(statement).all(connection).await?;
    Ok(rows.into_iter().map(|row| row.account_id).collect())
}

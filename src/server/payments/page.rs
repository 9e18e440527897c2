//! What pages ask: a purchase, and what the return from Stripe's page means.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    Away, Fulfilment, Payments,
    rows::{self, Row},
};
use crate::credits::{AccountId, Purchase};

/// How long the return page waits for the credits before it says "confirming".
const LANDING: Duration = Duration::from_secs(2);

impl Payments {
    /// A purchase of this account.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn purchase(&self, account: &AccountId, id: &str) -> Result<Option<Purchase>, Away> {
        match rows::find(self.database.reader(), account, id).await? {
            Some(row) => self.shown(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The latest purchases of this account, newest first.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn purchases(&self, account: &AccountId) -> Result<Vec<Purchase>, Away> {
        let connection = self.database.reader();
        let found = rows::of_account(connection, account).await?;
        let lots = rows::lots_of(connection, &found).await?;
        let now = self.clock.now();
        Ok(found.into_iter().map(|row| rows::view(row, &lots, now)).collect::<Result<_, _>>()?)
    }

    /// The return page: with the session that Stripe put into the address, it is fulfilled
    /// first, for as long as a page may take. None where the purchase is not this account's, or
    /// the session is not the purchase's.
    ///
    /// # Errors
    /// Where the database can't be read. That Stripe is away is none: the page waits for news.
    pub async fn landed(
        &self,
        account: &AccountId,
        id: &str,
        session: Option<&str>,
    ) -> Result<Option<Purchase>, Away> {
        let Some(row) = rows::find(self.database.reader(), account, id).await? else {
            return Ok(None);
        };
        let Some(session) = session else { return self.shown(row).await.map(Some) };
        if row.stripe_session.as_deref().is_some_and(|known| known != session) {
            return Ok(None);
        }
        if row.stripe_session.is_none() || !rows::state(&row)?.is_final() {
            // The work goes on where the page stops waiting for it.
            let fulfilled = tokio::time::timeout(LANDING, self.fulfil(session)).await;
            if fulfilled == Ok(Err(Away::Database)) {
                return Err(Away::Database);
            }
        }
        let row = self.read_again(row).await?;
        if row.stripe_session.as_deref() != Some(session) {
            return Ok(None);
        }
        self.shown(row).await.map(Some)
    }

    /// "I paid but see nothing": asks Stripe again. None where the account has no such purchase.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn check(&self, account: &AccountId, id: &str) -> Result<Option<Purchase>, Away> {
        let Some(row) = rows::find(self.database.reader(), account, id).await? else {
            return Ok(None);
        };
        if rows::is_auto(&row) {
            let (this, row) = (self.clone(), row.clone());
            self.in_task(async move { this.look_after_recharge(row).await }).await?;
        } else if let Some(session) = &row.stripe_session {
            let fulfilment = self.fulfil(session).await?;
            if fulfilment == Fulfilment::Missing {
                tracing::error!(purchase = row.id, session, "Stripe does not know this session");
            }
        }
        let row = self.read_again(row).await?;
        self.shown(row).await.map(Some)
    }

    /// Wakes who waits for a purchase that this process changes.
    #[must_use]
    pub fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    pub(super) async fn shown(&self, row: Row) -> Result<Purchase, Away> {
        let rows = [row];
        let lots = rows::lots_of(self.database.reader(), &rows).await?;
        let [row] = rows;
        Ok(rows::view(row, &lots, self.clock.now())?)
    }

    pub(super) async fn read_again(&self, row: Row) -> Result<Row, Away> {
        let account = AccountId(row.account_id.clone());
        let found = rows::find(self.database.reader(), &account, &row.id).await?;
        Ok(found.unwrap_or(row))
    }
}

//! What pages ask: a purchase, its news, and what the return from Stripe's page means.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::WaitForCancellationFuture;

use super::{
    Away, Fulfilment, Payments,
    rows::{self, Row},
};
use crate::credits::{AccountId, Credits, Purchase, PurchaseState};

/// How long the return page waits for the credits before it says "confirming".
const LANDING: Duration = Duration::from_secs(2);

/// What a page that waits for a purchase shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far the purchase is.
    pub state: PurchaseState,
    /// The credits that can be spent now.
    pub available: Credits,
    /// Why it is where it is, in words for people.
    pub reason: String,
}

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

    /// How far a purchase is and what can be spent now.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn progress(&self, account: &AccountId, id: &str) -> Result<Option<Progress>, Away> {
        let Some(row) = rows::find(self.database.reader(), account, id).await? else {
            return Ok(None);
        };
        let state = rows::state(&row)?;
        let balance = self.ledger.balance(account).await;
        let (available, _) = balance.map_err(|_| Away::Database)?;
        Ok(Some(Progress { state, available, reason: row.reason }))
    }

    /// Tells which purchase has news, of those that this process has changed.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }

    /// Ends when the process is about to end, and with it all that waits for news.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stopping.cancelled()
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

//! Giving a purchase up before it is paid.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};

use super::{
    Away, Payments,
    rows::{self, Row},
    stripe::StripeFailure,
};
use crate::{
    credits::{AccountId, Purchase, PurchaseState},
    server::clock::to_millis,
};

const CANCELLED: &str = "You cancelled this purchase. Nothing was charged.";

impl Payments {
    /// Ends an unpaid purchase, at Stripe first: what can still be paid there is not shown as
    /// cancelled, and what was paid is fulfilled. None where the account has no such purchase.
    ///
    /// # Errors
    /// See [`Away`]; then the purchase is as it was.
    pub async fn cancel(&self, account: &AccountId, id: &str) -> Result<Option<Purchase>, Away> {
        let (this, account, id) = (self.clone(), account.clone(), id.to_owned());
        self.in_task(async move {
            let Some(row) = rows::find(this.database.reader(), &account, &id).await? else {
                return Ok(None);
            };
            let row = this.cancel_row(row).await?;
            this.shown(row).await.map(Some)
        })
        .await
    }

    async fn cancel_row(&self, row: Row) -> Result<Row, Away> {
        let state = rows::state(&row)?;
        let is_unpaid = matches!(state, PurchaseState::Started | PurchaseState::Open);
        if !is_unpaid || rows::is_auto(&row) {
            return Ok(row);
        }
        let Some(session) = row.stripe_session.clone() else {
            return self.mark_cancelled(row).await;
        };
        match self.stripe()?.expire(&session).await {
            Ok(_) => self.mark_cancelled(row).await,
            // It isn't open any more: Stripe tells what became of it.
            Err(StripeFailure::Refused { .. }) => {
                self.fulfil_now(&session).await?;
                self.read_again(row).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The event of the expiry may have been faster: that was the customer's doing too.
    async fn mark_cancelled(&self, row: Row) -> Result<Row, Away> {
        let (seen, now) = (row.clone(), to_millis(self.clock.now()));
        let cancelled = self.database.write(move |transaction| {
            let seen = seen.clone();
            Box::pin(async move {
                let Some(row) = rows::lock(transaction, &seen.id).await? else { return Ok(None) };
                let state = rows::state(&row)?;
                let is_unpaid = row.paid_at.is_none();
                let is_as_seen = row.stripe_session == seen.stripe_session;
                let may_end = matches!(
                    state,
                    PurchaseState::Started | PurchaseState::Open | PurchaseState::Expired
                );
                if !(is_unpaid && is_as_seen && may_end) {
                    return Ok(Some(row));
                }
                let mut row = row.into_active_model();
                row.state = Set(PurchaseState::Cancelled.id().to_owned());
                row.reason = Set(CANCELLED.to_owned());
                row.updated_at = Set(now);
                row.update(transaction).await.map(Some)
            })
        });
        let row = cancelled.await?.unwrap_or(row);
        self.changed();
        Ok(row)
    }
}

//! Charging what was claimed, and finding out what became of it.
//!
//! An unknown outcome is asked for again under the same key while the claim is young and the
//! customer still wants it; then it is looked up among the customer's payments. So there is never
//! a second charge, and nobody is charged for a need of long ago.

use chrono::TimeDelta;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};

use super::{
    follow::{self, Refusal},
    rows::{self, Claim},
};
use crate::{
    credits::{AccountId, PurchaseState},
    server::{
        clock::{from_millis, to_millis},
        payments::{
            Away, Fulfilment, Payments,
            rows::{self as purchases, Row as PurchaseRow},
            stripe::{NewCharge, StripeFailure},
        },
    },
};

/// How long a charge is asked for again. Stripe knows a key for a day at least.
const ASKED_FOR: TimeDelta = TimeDelta::hours(1);
/// No request of ours is under way for so long: what is not at Stripe by then never was.
const ARRIVES_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// How much Stripe's clock may differ from ours, in seconds.
const SKEW: i64 = 3_600;

const UNREACHABLE: &str = "The payment service could not be reached. We ask again.";
const TOO_LATE: &str =
    "The payment service could not be reached in time. Nothing was charged; it is tried again.";
const FORGOTTEN: &str = "The payment service does not know this payment any more. We look at it \
                         ourselves and come back to you.";
const CANNOT_CHARGE: &str = "The saved card can\u{2019}t be charged. Nothing was charged.";

impl Payments {
    /// Asks Stripe for the money of a claimed purchase, and does what follows from its answer.
    pub(super) async fn charge(&self, row: PurchaseRow) -> Result<Fulfilment, Away> {
        let claim = rows::claim_of(self.database.reader(), &row.id).await?;
        let request = NewCharge {
            purchase: row.id.clone(),
            customer: claim.customer.clone(),
            method: claim.method.clone(),
            total: row.total,
            currency: row.currency.clone(),
            name: purchases::goods(&row),
            email: claim.email.clone(),
        };
        match self.stripe()?.charge_saved(&request, &row.idempotency_key).await {
            Ok(told) => self.fulfil_payment(&told.id).await,
            Err(StripeFailure::Refused { payment: Some(payment), .. }) => {
                self.fulfil_payment(&payment).await
            }
            Err(failure @ StripeFailure::Refused { .. }) => {
                self.refused(row, &claim, failure).await
            }
            Err(StripeFailure::Away(cause)) => {
                tracing::warn!(purchase = row.id, cause, "not known whether a card was charged");
                self.still_unknown(row).await
            }
        }
    }

    /// Finds out what became of a recharge; a purchase that is over stays as it is.
    pub(in crate::server::payments) async fn look_after_recharge(
        &self,
        row: PurchaseRow,
    ) -> Result<Fulfilment, Away> {
        if let Some(payment) = &row.stripe_payment {
            return match self.fulfil_payment(payment).await? {
                Fulfilment::Missing => self.hold_for_review(row, FORGOTTEN).await,
                fulfilment => Ok(fulfilment),
            };
        }
        let state = purchases::state(&row)?;
        if state != PurchaseState::Started {
            return Ok(Fulfilment::Unpaid { purchase: row.id, state });
        }
        let connection = self.database.reader();
        let claim = rows::claim_of(connection, &row.id).await?;
        let wish = rows::find(connection, &AccountId(row.account_id.clone())).await?;
        let is_wanted =
            wish.is_some_and(|wish| wish.is_on && wish.method.as_ref() == Some(&claim.method));
        let age = self.clock.now() - from_millis(claim.claimed_at);
        if is_wanted && age < ASKED_FOR {
            return self.charge(row).await;
        }
        match self.payment_of(&row, &claim).await? {
            Some(payment) => self.fulfil_payment(&payment).await,
            None if age < ARRIVES_WITHIN => Ok(Fulfilment::Unpaid { purchase: row.id, state }),
            None => self.end(row, Refusal::Soft, TOO_LATE).await,
        }
    }

    /// Refused, as it seems without a payment: a request that differs from an earlier one under
    /// its key is refused too, and the earlier one may have charged.
    async fn refused(
        &self,
        row: PurchaseRow,
        claim: &Claim,
        failure: StripeFailure,
    ) -> Result<Fulfilment, Away> {
        if let Some(payment) = self.payment_of(&row, claim).await? {
            return self.fulfil_payment(&payment).await;
        }
        tracing::error!(purchase = row.id, %failure, "Stripe refuses to charge a saved card");
        match failure {
            StripeFailure::Refused { status: 402, message, codes, .. } => {
                let reason = format!("{} Nothing was charged.", message.trim());
                self.end(row, Refusal::of(&codes.code, &codes.decline), &reason).await
            }
            _ => self.end(row, Refusal::Declined, CANNOT_CHARGE).await,
        }
    }

    /// The payment that was made for a purchase, where Stripe has one.
    async fn payment_of(&self, row: &PurchaseRow, claim: &Claim) -> Result<Option<String>, Away> {
        let claimed_at = self.clock.outside(from_millis(claim.claimed_at));
        let since = claimed_at.timestamp() - SKEW;
        let payments = self.stripe()?.payments_since(&claim.customer, since).await?;
        let found = payments.into_iter().find(|payment| payment.purchase() == Some(&row.id));
        Ok(found.map(|payment| payment.id))
    }

    /// The next run asks again.
    async fn still_unknown(&self, row: PurchaseRow) -> Result<Fulfilment, Away> {
        let (id, now) = (row.id.clone(), to_millis(self.clock.now()));
        let noted = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let Some(row) = purchases::lock(transaction, &id).await? else { return Ok(None) };
                if row.state != PurchaseState::Started.id() {
                    return Ok(Some(row));
                }
                let mut row = row.into_active_model();
                row.reason = Set(UNREACHABLE.to_owned());
                row.updated_at = Set(now);
                row.update(transaction).await.map(Some)
            })
        });
        let row = noted.await?.unwrap_or(row);
        Ok(Fulfilment::Unpaid { state: purchases::state(&row)?, purchase: row.id })
    }

    /// Ends a recharge for which Stripe has no payment.
    async fn end(
        &self,
        row: PurchaseRow,
        refusal: Refusal,
        reason: &str,
    ) -> Result<Fulfilment, Away> {
        let (id, reason, now) = (row.id.clone(), reason.to_owned(), self.clock.now());
        let ended = self.database.write(move |transaction| {
            let (id, reason) = (id.clone(), reason.clone());
            Box::pin(async move {
                let Some(row) = purchases::lock(transaction, &id).await? else { return Ok(None) };
                if row.state != PurchaseState::Started.id() || row.stripe_payment.is_some() {
                    return Ok(Some(row));
                }
                let mut row = row.into_active_model();
                row.state = Set(PurchaseState::Failed.id().to_owned());
                row.reason = Set(reason);
                row.updated_at = Set(to_millis(now));
                let row = row.update(transaction).await?;
                follow::refused(transaction, &row, refusal, now).await?;
                Ok(Some(row))
            })
        });
        let row = ended.await?.unwrap_or(row);
        self.changed();
        Ok(Fulfilment::Unpaid { state: purchases::state(&row)?, purchase: row.id })
    }
}

//! What follows from a recharge that was paid or refused, in the transaction that says so.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::rows;
use crate::{
    credits::{AccountId, Credits, Event, PauseReason, PurchaseState},
    server::{
        clock::{from_millis, to_millis},
        database::Transaction,
        entity::purchase,
        events,
        payments::{
            answer::Session,
            judge::Verdict,
            rows::{self as purchases, AUTO, Row as PurchaseRow},
        },
    },
};

/// What the bank says of a moment, not of the card.
const PASSING: [&str; 4] =
    ["issuer_not_available", "processing_error", "reenter_transaction", "try_again_later"];

/// How a charge was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The bank wants its customer to confirm.
    Authentication,
    /// The card can't be charged.
    Declined,
    /// It may go better next time.
    Soft,
}

impl Refusal {
    /// From the codes of Stripe and the bank.
    pub fn of(code: &str, decline: &str) -> Self {
        if [code, decline].contains(&"authentication_required") {
            Self::Authentication
        } else if [code, decline].iter().any(|code| PASSING.contains(code)) {
            Self::Soft
        } else {
            Self::Declined
        }
    }
}

/// Writes down what follows from the verdict on a recharge.
pub(in crate::server::payments) async fn follow(
    transaction: &Transaction,
    row: &PurchaseRow,
    session: &Session,
    verdict: &Verdict,
    now: i64,
) -> Result<(), DbErr> {
    let now = from_millis(now);
    match verdict {
        Verdict::Credit => {
            let event = Event::AutoRechargeMade {
                purchase: row.id.clone(),
                credits: Credits::from_thousandths(row.credits),
                total: purchases::total(row)?,
            };
            tell(transaction, row, &event, now).await
        }
        Verdict::Move(PurchaseState::Failed, _) => {
            let [code, decline] = &session.payment_codes;
            refused(transaction, row, Refusal::of(code, decline), now).await
        }
        _ => Ok(()),
    }
}

/// Pauses at the first refusal; what may pass by itself pauses at the second in a row.
pub(super) async fn refused(
    transaction: &Transaction,
    row: &PurchaseRow,
    refusal: Refusal,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let reason = row.reason.clone();
    let credits = Credits::from_thousandths(row.credits);
    let (purchase, total) = (row.id.clone(), purchases::total(row)?);
    let wish = rows::lock(transaction, &row.account_id).await?;
    let Some(mut wish) = wish.filter(|wish| wish.is_on && wish.paused_at.is_none()) else {
        // Nothing is tried again that was switched off meanwhile.
        let event = Event::PurchaseFailed { purchase, credits, total, reason };
        return tell(transaction, row, &event, now).await;
    };
    if refusal == Refusal::Soft && !failed_before(transaction, row).await? {
        let event = Event::AutoRechargeFailed { purchase, credits, total, reason };
        return tell(transaction, row, &event, now).await;
    }
    let pause = match refusal {
        Refusal::Authentication => PauseReason::Authentication,
        Refusal::Declined | Refusal::Soft => PauseReason::Declined,
    };
    wish.paused_at = Some(to_millis(now));
    wish.pause_reason = Some(pause.id().to_owned());
    rows::keep(transaction, wish, now).await?;
    tell(transaction, row, &Event::AutoRechargePaused { reason }, now).await
}

/// Whether the recharge before this one failed.
async fn failed_before(transaction: &Transaction, row: &PurchaseRow) -> Result<bool, DbErr> {
    let before = purchase::Entity::find()
        .filter(purchase::Column::AccountId.eq(&row.account_id))
        .filter(purchase::Column::Kind.eq(AUTO))
        .filter(purchase::Column::CreatedAt.lte(row.created_at))
        .filter(purchase::Column::Id.ne(&row.id))
        .order_by_desc(purchase::Column::CreatedAt)
        .limit(1)
        .one(transaction)
        .await?;
    Ok(before.is_some_and(|before| before.state == PurchaseState::Failed.id()))
}

async fn tell(
    transaction: &Transaction,
    row: &PurchaseRow,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let account = AccountId(row.account_id.clone());
    events::record(transaction, &account, &row.id, event, now).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn what_may_pass_is_told_apart_from_what_will_not() {
        for (code, decline, refusal) in [
            ("authentication_required", "authentication_required", Refusal::Authentication),
            ("card_declined", "authentication_required", Refusal::Authentication),
            ("card_declined", "insufficient_funds", Refusal::Declined),
            ("card_declined", "try_again_later", Refusal::Soft),
            ("processing_error", "", Refusal::Soft),
            ("something_new", "", Refusal::Declined),
            ("", "", Refusal::Declined),
        ] {
            assert_eq!(Refusal::of(code, decline), refusal, "{code} {decline}");
        }
    }
}

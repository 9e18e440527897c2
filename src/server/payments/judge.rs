//! What a session means for its purchase: a pure decision.
//!
//! A state is never read from an event, only from the session as Stripe tells it now, and an
//! old answer may come late. So a final state is left for money only, and money is never
//! forgotten.

use sea_orm::DbErr;

use super::{
    answer::Session,
    rows::{self, Row},
};
use crate::credits::PurchaseState;

/// What is to be done with a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was paid as ordered: credit it.
    Credit,
    /// The credits are there.
    Credited,
    /// Nothing new.
    Stay,
    /// It is now in this state, for this reason.
    Move(PurchaseState, String),
    /// It was paid, but not as ordered: a person must look.
    Review(String),
    /// The session names this purchase, which has another one, or is made without one.
    Stranger,
}

/// Judges a purchase by its session.
pub(super) fn judge(row: &Row, session: &Session) -> Result<Verdict, DbErr> {
    let state = rows::state(row)?;
    if rows::is_of_another(row, session) {
        return Ok(Verdict::Stranger);
    }
    if state == PurchaseState::Credited {
        return Ok(Verdict::Credited);
    }
    if session.is_paid() {
        return Ok(match differences(row, session) {
            _ if state == PurchaseState::NeedsReview => Verdict::Stay,
            differences if differences.is_empty() => Verdict::Credit,
            differences => Verdict::Review(review_reason(&differences)),
        });
    }
    if state.is_final() || row.paid_at.is_some() {
        return Ok(Verdict::Stay);
    }
    Ok(unpaid(state, session))
}

fn unpaid(state: PurchaseState, session: &Session) -> Verdict {
    let was_refused =
        matches!(session.payment_progress.as_str(), "requires_payment_method" | "canceled");
    match session.status.as_str() {
        "expired" => {
            let reason = "The checkout ended before it was paid. Nothing was charged.";
            Verdict::Move(PurchaseState::Expired, reason.to_owned())
        }
        "complete" if was_refused => {
            let detail = session.payment_error.as_deref().unwrap_or("The payment failed.");
            let reason = format!("{} Nothing was charged.", detail.trim());
            Verdict::Move(PurchaseState::Failed, reason)
        }
        "complete" if state != PurchaseState::Processing => {
            Verdict::Move(PurchaseState::Processing, String::new())
        }
        "open" if state == PurchaseState::Started => {
            Verdict::Move(PurchaseState::Open, String::new())
        }
        _ => Verdict::Stay,
    }
}

/// In what the payment differs from the order.
fn differences(row: &Row, session: &Session) -> Vec<&'static str> {
    let total = Some(row.total);
    let mut differences = Vec::new();
    if session.amount_total != total || session.amount_subtotal != total {
        differences.push("amount");
    }
    if session.currency != row.currency {
        differences.push("currency");
    }
    if session.livemode != Some(row.livemode) {
        differences.push("mode");
    }
    if session.client_reference_id.as_ref() != Some(&row.id) {
        differences.push("reference");
    }
    differences
}

fn review_reason(differences: &[&str]) -> String {
    format!(
        "The payment differs from the order ({}). We look at it ourselves and come back to you; \
         your money is not lost.",
        differences.join(", "),
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

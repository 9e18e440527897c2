//! Turning a paid purchase into a lot, exactly once: the only way to credit.
//!
//! Whoever calls, and however often: the session is read from Stripe again, the purchase is
//! judged under its lock, and the ledger grants under a key that the purchase gives. A crash
//! between any two steps leaves a purchase that the next call completes.

use std::{fmt, sync::atomic::Ordering};

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DbErr, IntoActiveModel};

use super::{
    Away, Payments,
    answer::Session,
    auto_recharge,
    events::PAID_UNKNOWN,
    judge::{Verdict, judge},
    rows::{self, Row},
};
use crate::{
    credits::{AccountId, Command, Credits, Note, PurchaseState, Source, Validity},
    server::{clock::to_millis, database::Transaction, ledger::LedgerError},
};

/// What became of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fulfilment {
    /// The credits are in the account.
    Credited {
        /// The purchase.
        purchase: String,
        /// Whether this call brought them there.
        is_new: bool,
    },
    /// There is no money: the purchase is in this state.
    Unpaid {
        /// The purchase.
        purchase: String,
        /// How far it is.
        state: PurchaseState,
    },
    /// A person must look at this purchase.
    Review {
        /// The purchase.
        purchase: String,
    },
    /// No purchase of ours has this session.
    Stranger {
        /// The session.
        session: String,
        /// Whether somebody paid it: then a person must look.
        is_paid: bool,
    },
    /// A session that only saves a payment method; whether it has done so now.
    Saved {
        /// Whether the account has another card by this.
        is_new: bool,
    },
    /// Stripe knows no such session.
    Missing,
}

impl fmt::Display for Fulfilment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credited { purchase, is_new: true } => write!(f, "credited {purchase}"),
            Self::Credited { purchase, .. } => write!(f, "{purchase} was credited before"),
            Self::Unpaid { purchase, state } => write!(f, "{purchase} is {}", state.id()),
            Self::Review { purchase } => write!(f, "{purchase} needs review"),
            Self::Stranger { session, is_paid: true } => write!(f, "{session}{PAID_UNKNOWN}"),
            Self::Stranger { session, .. } => write!(f, "{session} is no purchase of ours"),
            Self::Saved { is_new: true } => f.write_str("a card was saved"),
            Self::Saved { .. } => f.write_str("no card was saved"),
            Self::Missing => f.write_str("Stripe knows no such session"),
        }
    }
}

/// A purchase after the judgement.
enum Judged {
    Grant(Box<Row>),
    Done(Fulfilment),
}

impl Payments {
    /// Reads the session from Stripe and does for its purchase what it means.
    ///
    /// # Errors
    /// See [`Away`]; calling again completes it.
    pub async fn fulfil(&self, session: &str) -> Result<Fulfilment, Away> {
        let (this, session) = (self.clone(), session.to_owned());
        self.in_task(async move { this.fulfil_now(&session).await }).await
    }

    /// As [`Payments::fulfil`], inside a task.
    pub(super) async fn fulfil_now(&self, session: &str) -> Result<Fulfilment, Away> {
        let session = match self.stripe()?.retrieve(session).await {
            Err(failure) if failure.is_missing() => return Ok(Fulfilment::Missing),
            answer => answer?,
        };
        match &session.saves {
            Some(saved) => self.keep_card(saved).await,
            None => self.fulfil_told(session).await,
        }
    }

    /// As [`Payments::fulfil`] for a payment without a session, inside a task.
    pub(super) async fn fulfil_payment(&self, payment: &str) -> Result<Fulfilment, Away> {
        match self.stripe()?.payment(payment).await {
            Err(failure) if failure.is_missing() => Ok(Fulfilment::Missing),
            told => self.fulfil_told(told?).await,
        }
    }

    async fn fulfil_told(&self, session: Session) -> Result<Fulfilment, Away> {
        match self.settle(session).await? {
            Judged::Grant(row) => self.grant(*row).await,
            Judged::Done(fulfilment) => Ok(fulfilment),
        }
    }

    /// Judges the purchase under its lock, and writes down what follows.
    async fn settle(&self, session: Session) -> Result<Judged, Away> {
        let (seen, now) = (session.clone(), to_millis(self.clock.now()));
        let settled = self.database.write(move |transaction| {
            let session = seen.clone();
            Box::pin(async move {
                let Some(row) = rows::lock_by_session(transaction, &session).await? else {
                    return Ok(None);
                };
                let verdict = judge(&row, &session)?;
                let row = note(transaction, row, &session, &verdict, now).await?;
                if rows::is_auto(&row) {
                    auto_recharge::follow(transaction, &row, &session, &verdict, now).await?;
                }
                Ok(Some((row, verdict)))
            })
        });
        let Some((row, verdict)) = settled.await? else {
            return Ok(Judged::Done(self.stranger(session, "no purchase names it")));
        };
        self.changed();
        let state = rows::state(&row)?;
        Ok(match verdict {
            Verdict::Credit => Judged::Grant(Box::new(row)),
            Verdict::Credited => {
                Judged::Done(Fulfilment::Credited { purchase: row.id, is_new: false })
            }
            Verdict::Stranger => Judged::Done(self.stranger(session, "its purchase has another")),
            Verdict::Review(reason) => Judged::Done(self.review(row, &session, &reason)),
            Verdict::Stay if state == PurchaseState::NeedsReview => {
                Judged::Done(Fulfilment::Review { purchase: row.id })
            }
            Verdict::Stay | Verdict::Move(..) => {
                Judged::Done(Fulfilment::Unpaid { purchase: row.id, state })
            }
        })
    }

    fn stranger(&self, session: Session, why: &str) -> Fulfilment {
        let is_paid = session.is_paid();
        if is_paid {
            self.counters.reviews.fetch_add(1, Ordering::Relaxed);
            tracing::error!(session = session.id, why, "ALERT: a paid session credits nobody");
        }
        Fulfilment::Stranger { session: session.id, is_paid }
    }

    fn review(&self, row: Row, session: &Session, reason: &str) -> Fulfilment {
        self.counters.reviews.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            purchase = row.id,
            ordered = row.total,
            paid = ?session.amount_total,
            currency = session.currency,
            livemode = ?session.livemode,
            reason,
            "ALERT: a payment needs review",
        );
        Fulfilment::Review { purchase: row.id }
    }

    /// Lets the ledger grant; the same transaction makes the purchase credited.
    async fn grant(&self, row: Row) -> Result<Fulfilment, Away> {
        let account = AccountId(row.account_id.clone());
        let key = format!("purchase:{}", row.id);
        match self.ledger.execute(&account, &key, command(&row)?).await {
            Ok(outcome) => {
                self.changed();
                Ok(Fulfilment::Credited { purchase: row.id, is_new: !outcome.replayed })
            }
            Err(LedgerError::Busy | LedgerError::Unavailable) => Err(Away::Database),
            Err(LedgerError::Refused(refusal)) => {
                tracing::error!(purchase = row.id, %refusal, "ALERT: a paid purchase is refused");
                self.counters.reviews.fetch_add(1, Ordering::Relaxed);
                self.hold_for_review(row, NOT_CREDITED).await
            }
        }
    }

    /// Puts a purchase into the hands of a person, unless it has come to its end meanwhile.
    pub(super) async fn hold_for_review(
        &self,
        row: Row,
        reason: &'static str,
    ) -> Result<Fulfilment, Away> {
        let (id, now) = (row.id.clone(), to_millis(self.clock.now()));
        let written = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let Some(row) = rows::lock(transaction, &id).await? else { return Ok(()) };
                if rows::state(&row)?.is_final() {
                    return Ok(());
                }
                let mut row = row.into_active_model();
                row.state = Set(PurchaseState::NeedsReview.id().to_owned());
                row.reason = Set(reason.to_owned());
                row.updated_at = Set(now);
                row.update(transaction).await.map(|_| ())
            })
        });
        written.await?;
        self.changed();
        Ok(Fulfilment::Review { purchase: row.id })
    }
}

const NOT_CREDITED: &str = "Your payment arrived, but the credits could not be added. We look \
                            at it ourselves and come back to you; your money is not lost.";

/// Writes down what a session told, as far as it is news.
async fn note(
    transaction: &Transaction,
    row: Row,
    session: &Session,
    verdict: &Verdict,
    now: i64,
) -> Result<Row, DbErr> {
    if *verdict == Verdict::Stranger {
        return Ok(row);
    }
    let before = row.clone();
    let mut after = row;
    if session.is_off_session {
        after.stripe_payment = Some(session.id.clone());
    } else {
        after.stripe_session = Some(session.id.clone());
    }
    if session.status == "open" {
        after.checkout_url = session.url.clone().or(after.checkout_url);
    }
    if session.status == "complete" {
        after.charged_at = session.charged_at.map(|at| at * 1_000).or(after.charged_at);
        after.stripe_consent = session.consent.clone().or(after.stripe_consent);
    }
    if session.is_paid() {
        after.stripe_payment = session.payment.clone().or(after.stripe_payment);
        after.receipt_url = session.receipt_url.clone().or(after.receipt_url);
        after.paid_at = after.paid_at.or(Some(now));
    }
    match verdict {
        Verdict::Credit => set_state(&mut after, PurchaseState::Processing, ""),
        Verdict::Review(reason) => set_state(&mut after, PurchaseState::NeedsReview, reason),
        Verdict::Move(state, reason) => set_state(&mut after, *state, reason),
        Verdict::Credited | Verdict::Stay | Verdict::Stranger => {}
    }
    if after == before {
        return Ok(after);
    }
    if after.state != before.state {
        rows::tell_failed(transaction, &after, now).await?;
    }
    after.updated_at = now;
    after.into_active_model().reset_all().update(transaction).await
}

fn set_state(row: &mut Row, state: PurchaseState, reason: &str) {
    row.state = state.id().to_owned();
    row.reason = reason.to_owned();
}

/// Built from the purchase alone, so that every repetition is the same command.
fn command(row: &Row) -> Result<Command, DbErr> {
    Ok(Command::Grant {
        source: Source::Purchase,
        amount: Credits::from_thousandths(row.credits),
        validity: Validity::OneYear,
        purchase: Some(row.id.clone()),
        note: Note {
            description: if rows::is_auto(row) {
                format!("Auto-recharge of {}", rows::goods(row))
            } else {
                format!("Bought {}", rows::goods(row))
            },
            detail: format!("for {}", rows::total(row)?),
            reference: row.id.clone(),
            rate_card: String::new(),
        },
    })
}

//! Mends what is behind: purchases that wait too long, and events that never came.
//!
//! Everything goes through `fulfil` and `take`, so running it twice, or in many processes at
//! once, does nothing twice.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::{
    Away, Fulfilment, Payments,
    checkout::TOO_LATE,
    events::Taken,
    report::Report,
    rows::{self, Row},
};
use crate::{
    credits::PurchaseState,
    server::{clock::to_millis, entity::purchase, marks},
};

/// Purchases and events that one run looks after: the next run goes on.
const BATCH: u64 = 100;
/// How long one run asks for purchases by name: the next reads first what was paid meanwhile, and
/// goes on.
const LOOKS_FOR: Duration = Duration::from_secs(5);
/// Where the last run had read up to: an instant in seconds.
const MARK: &str = "stripe_events";
/// How far the first run looks back. Stripe keeps events for 30 days.
const FIRST_LOOK: i64 = 3 * 24 * 3_600;
/// Events become visible late and out of order: so far each run goes back behind its mark.
const OVERLAP: i64 = 300;
/// Pages of one run; more than a million events are not the work of a job.
const PAGES: usize = 10_000;
/// Failures one after the other that are taken for an outage.
const FAILURES: usize = 2;
/// What is asked for: all that can move money.
const KINDS: &[&str] = &[
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "radar.early_fraud_warning.created",
];

/// One purchase or event that can't be dealt with must not stop the others; an outage must.
#[derive(Debug, Default)]
struct Failures(usize);

impl Failures {
    fn pass(&mut self, outcome: Result<(), Away>, report: &mut Report) -> Result<(), Away> {
        match outcome {
            Ok(()) => self.0 = 0,
            Err(away) if self.0 >= FAILURES => return Err(away),
            Err(_) => {
                self.0 += 1;
                report.postponed += 1;
            }
        }
        Ok(())
    }
}

const UNKNOWN: &str = "The payment service does not know this checkout any more. We look at it \
                       ourselves and come back to you.";

impl Payments {
    /// Looks after purchases without news for this long, and after events that never came.
    ///
    /// # Errors
    /// See [`Away`]; what was done until then is done.
    pub async fn reconcile(&self, older_than: TimeDelta) -> Result<Report, Away> {
        self.stripe()?;
        let this = self.clone();
        self.in_task(async move {
            let mut report = Report::default();
            this.catch_up(&mut report).await?;
            // An event that can't be handled must not keep purchases waiting.
            let waiting = this.handle_waiting(&mut report).await;
            let before = this.clock.now() - older_than;
            let (mut failures, began) = (Failures::default(), Instant::now());
            let (reader, openable) = (this.database.reader(), this.earliest_end());
            for row in rows::waiting(reader, before, openable, BATCH).await? {
                report.purchases += 1;
                let outcome = this.look_after(row.clone(), &mut report).await;
                if outcome.is_err() {
                    // Those behind it come first the next time.
                    this.looked_after(row).await.ok();
                }
                failures.pass(outcome, &mut report)?;
                if began.elapsed() > LOOKS_FOR {
                    break;
                }
            }
            waiting.map(|()| report)
        })
        .await
    }

    /// Returns the ids of all purchases that a person must look at.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn in_review(&self) -> Result<Vec<String>, Away> {
        let found = purchase::Entity::find()
            .select_only()
            .column(purchase::Column::Id)
            .filter(purchase::Column::State.eq(PurchaseState::NeedsReview.id()))
            .order_by_asc(purchase::Column::Id);
        Ok(found.into_tuple().all(self.database.reader()).await?)
    }

    /// Reads the events since the last run, and keeps those that never came.
    async fn catch_up(&self, report: &mut Report) -> Result<(), Away> {
        let since = self.mark().await?;
        let (mut latest, mut after) = (since, None::<String>);
        for _ in 0..PAGES {
            let page = self.stripe()?.events(KINDS, since - OVERLAP, after.as_deref()).await?;
            report.events += page.events.len();
            let ids = page.events.iter().map(|event| event.id.clone()).collect();
            let known = self.known(ids).await?;
            for event in page.events.into_iter().rev() {
                latest = latest.max(event.created);
                if !known.contains(&event.id) {
                    report.missed_events += 1;
                    self.remember(&event).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return self.set_mark(latest).await;
            }
        }
        tracing::error!("more events than one run reads: the mark stays where it is");
        Ok(())
    }

    /// Handles what is kept and not handled: what never came, and what failed.
    async fn handle_waiting(&self, report: &mut Report) -> Result<(), Away> {
        let mut failures = Failures::default();
        loop {
            let events = self.unhandled(BATCH).await?;
            let is_last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for event in events {
                let taken = self.take(event).await.map(|taken| {
                    if let Taken::Session(fulfilment) = taken {
                        report.add(fulfilment);
                    }
                });
                failures.pass(taken, report)?;
            }
            if is_last || report.postponed > 0 {
                return Ok(());
            }
        }
    }

    async fn look_after(&self, row: Row, report: &mut Report) -> Result<(), Away> {
        if rows::is_auto(&row) {
            report.add(self.look_after_recharge(row).await?);
            return Ok(());
        }
        let Some(session) = &row.stripe_session else {
            // Nobody has the address of a session that we don't know: it can't be paid.
            if !self.is_openable(&row) {
                let row = self.give_up(row, PurchaseState::Expired, TOO_LATE).await?;
                report.ended.push(row.id);
            }
            return Ok(());
        };
        match self.fulfil_now(session).await? {
            Fulfilment::Missing => {
                tracing::error!(purchase = row.id, session, "Stripe does not know this session");
                report.unknown_there.push(row.id.clone());
                let is_over =
                    row.checkout_ends_at.is_none_or(|end| end < to_millis(self.clock.now()));
                if is_over {
                    return self.hold_for_review(row, UNKNOWN).await.map(|_| ());
                }
            }
            fulfilment => report.add(fulfilment),
        }
        self.looked_after(row).await
    }

    /// Puts a purchase without news at the end of the line.
    async fn looked_after(&self, row: Row) -> Result<(), Away> {
        let (seen, now) = (row, to_millis(self.clock.now()));
        let touched = self.database.write(move |transaction| {
            let seen = seen.clone();
            Box::pin(async move {
                let Some(row) = rows::lock(transaction, &seen.id).await? else { return Ok(()) };
                if row.updated_at != seen.updated_at {
                    return Ok(());
                }
                let touched =
                    purchase::ActiveModel { updated_at: Set(now), ..row.into_active_model() };
                touched.update(transaction).await.map(|_| ())
            })
        });
        Ok(touched.await?)
    }

    async fn mark(&self) -> Result<i64, Away> {
        let kept = marks::read(self.database.reader(), MARK).await?;
        let first = self.clock.outside(self.clock.now()).timestamp() - FIRST_LOOK;
        Ok(kept.and_then(|kept| kept.parse().ok()).unwrap_or(first))
    }

    async fn set_mark(&self, latest: i64) -> Result<(), Away> {
        let now = self.clock.now();
        let written = self.database.write(move |transaction| {
            Box::pin(async move { marks::write(transaction, MARK, &latest.to_string(), now).await })
        });
        Ok(written.await?)
    }
}

//! Mends what is behind: purchases that wait too long, and events that never came.
//!
//! Everything goes through `fulfil` and `take`, so running it twice, or in many processes at
//! once, does nothing twice. A run begins nothing new once its time is over: what it leaves is done
//! by the next one, also in another process. Each of its parts does a little even then, so none
//! keeps the others waiting for good.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};

use super::{
    Away, Fulfilment, Payments,
    checkout::TOO_LATE,
    events::Taken,
    report::Report,
    rows::{self, Row, Waiting},
};
use crate::{
    credits::PurchaseState,
    server::{clock::to_millis, entity::purchase},
};

/// How long a run begins something new. That is less than the time between two runs. One question
/// to Stripe may take as long, and a run whose time is over asks at most four: it ends within about
/// half a minute.
const RUN: Duration = Duration::from_secs(8);
/// Purchases and events that are read at once.
const BATCH: u64 = 100;
/// Failures one after the other that are taken for an outage.
const FAILURES: usize = 2;

/// One purchase or event that can't be dealt with must not stop the others; an outage must.
#[derive(Debug, Default)]
struct Failures(usize);

impl Failures {
    fn pass(
        &mut self,
        outcome: Result<(), Away>,
        id: String,
        report: &mut Report,
    ) -> Result<(), Away> {
        match outcome {
            Ok(()) => self.0 = 0,
            Err(away) if self.0 >= FAILURES => return Err(away),
            Err(_) => {
                self.0 += 1;
                report.postponed.push(id);
            }
        }
        Ok(())
    }
}

/// Whether the time of a run is over.
pub(super) fn is_over(end: Instant) -> bool {
    Instant::now() >= end
}

const UNKNOWN: &str = "The payment service does not know this checkout any more. We look at it \
                       ourselves and come back to you.";

impl Payments {
    /// Looks after purchases without news for this long, and after events that never came, for as
    /// long as a run of the job may take.
    ///
    /// # Errors
    /// See [`Away`]; what was done until then is done.
    pub async fn reconcile(&self, older_than: TimeDelta) -> Result<Report, Away> {
        self.reconcile_within(older_than, RUN).await
    }

    /// The same for as long as this.
    ///
    /// # Errors
    /// See [`Away`]; what was done until then is done.
    pub async fn reconcile_within(
        &self,
        older_than: TimeDelta,
        limit: Duration,
    ) -> Result<Report, Away> {
        self.stripe()?;
        let (this, end) = (self.clone(), Instant::now() + limit);
        self.in_task(async move {
            let mut report = Report::default();
            this.catch_up(&mut report, end).await?;
            // An event that can't be handled must not keep purchases waiting.
            let handled = this.handle_waiting(&mut report, end).await;
            let before = this.clock.now() - older_than;
            this.look_after_waiting(before, &mut report, end).await?;
            handled.map(|()| report)
        })
        .await
    }

    /// Handles what is kept and not handled: what never came, and what failed.
    async fn handle_waiting(&self, report: &mut Report, end: Instant) -> Result<(), Away> {
        let mut failures = Failures::default();
        loop {
            let events = self.unhandled(&report.postponed, BATCH).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                let id = event.id.clone();
                let taken = self.take(event).await.map(|taken| {
                    if let Taken::Session(fulfilment) = taken {
                        report.add(fulfilment);
                    }
                });
                failures.pass(taken, id, report)?;
                if is_over(end) {
                    report.left_over += self.count_unhandled(&report.postponed).await?;
                    return Ok(());
                }
            }
        }
    }

    /// Asks Stripe for each purchase that waits since before this instant.
    async fn look_after_waiting(
        &self,
        before: DateTime<Utc>,
        report: &mut Report,
        end: Instant,
    ) -> Result<(), Away> {
        let (reader, line) =
            (self.database.reader(), Waiting { before, openable: self.earliest_end() });
        let (mut failures, mut last) = (Failures::default(), None::<Row>);
        loop {
            let page = line.behind(reader, last.as_ref(), BATCH).await?;
            if page.is_empty() {
                return Ok(());
            }
            for row in page {
                report.purchases += 1;
                let outcome = self.look_after(row.clone(), report).await;
                if outcome.is_err() {
                    // Those behind it come first the next time.
                    self.looked_after(row.clone()).await.ok();
                }
                failures.pass(outcome, row.id.clone(), report)?;
                if is_over(end) {
                    report.left_over += line.count_behind(reader, &row).await?;
                    return Ok(());
                }
                last = Some(row);
            }
        }
    }

    async fn look_after(&self, row: Row, report: &mut Report) -> Result<(), Away> {
        if rows::is_auto(&row) {
            report.add(self.look_after_recharge(row.clone()).await?);
            return self.looked_after(row).await;
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
}

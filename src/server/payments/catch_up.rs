//! Reads which events there were at Stripe, and keeps those that never came.
//!
//! Stripe lists the newest first, a page at a time. A run that has no time for all pages leaves a
//! gap between the mark and what it has read. The next run, also that of another process, reads what
//! is new since, and then goes on in the gap. So a payment of now never waits for events of before.

use std::time::Instant;

use super::{Away, Payments, reconcile::is_over, report::Report};
use crate::server::marks;

/// All events up to this instant, in seconds, were read.
const MARK: &str = "stripe_events";
/// Beyond the mark and the gap, the events from one instant to another were read: `from:to`.
const BEYOND: &str = "stripe_events_beyond";
/// How far the first run looks back. Stripe keeps events for 30 days.
const FIRST_LOOK: i64 = 3 * 24 * 3_600;
/// Events become visible late and out of order: so far each run goes back behind what was read.
const OVERLAP: i64 = 300;
/// The types of the events that are read: all that can move money.
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

/// The instants, in seconds, between which the events were read that are newer than the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beyond {
    from: i64,
    to: i64,
}

/// How far a reading has come.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The newest event that it has read, or the instant since which it was to read.
    latest: i64,
    /// The oldest event that it has read, if the time was over before it had read all.
    cut_at: Option<i64>,
}

impl Payments {
    /// Reads the events since the last run, and keeps those that never came.
    pub(super) async fn catch_up(&self, report: &mut Report, end: Instant) -> Result<(), Away> {
        let (mark, beyond) = (self.mark().await?, self.beyond().await?);
        let since = beyond.map_or(mark, |beyond| beyond.to);
        let new = self.read_events((since, None), report, end).await?;
        let gap_ends_at = match (new.cut_at, beyond) {
            (None, None) => return self.read_up_to(new.latest, false).await,
            (None, Some(beyond)) => beyond.from,
            (Some(from), _) => {
                report.is_unread = true;
                return self.leave_gap(Beyond { from, to: new.latest }).await;
            }
        };
        let gap = self.read_events((mark, Some(gap_ends_at)), report, end).await?;
        let Some(from) = gap.cut_at else { return self.read_up_to(new.latest, true).await };
        report.is_unread = true;
        self.leave_gap(Beyond { from, to: new.latest }).await
    }

    /// Reads the events from an instant on, newest first: at least a page of them. If the time is
    /// over, it is enough to have come to the instant itself: the overlap before it may wait.
    async fn read_events(
        &self,
        (since, until): (i64, Option<i64>),
        report: &mut Report,
        end: Instant,
    ) -> Result<Reading, Away> {
        let (mut latest, mut oldest, mut after) = (since, i64::MAX, None::<String>);
        loop {
            let range = (since - OVERLAP, until);
            let page = self.stripe()?.events(KINDS, range, after.as_deref()).await?;
            report.events += page.events.len();
            let ids = page.events.iter().map(|event| event.id.clone()).collect();
            let known = self.known(ids).await?;
            for event in page.events.into_iter().rev() {
                latest = latest.max(event.created);
                oldest = oldest.min(event.created);
                if !known.contains(&event.id) {
                    report.missed_events += 1;
                    self.remember(&event).await?;
                }
            }
            after = page.next;
            if after.is_none() || (is_over(end) && oldest <= since) {
                return Ok(Reading { latest, cut_at: None });
            }
            if is_over(end) {
                return Ok(Reading { latest, cut_at: Some(oldest) });
            }
        }
    }

    async fn mark(&self) -> Result<i64, Away> {
        let kept = marks::read(self.database.reader(), MARK).await?;
        let first = self.clock.outside(self.clock.now()).timestamp() - FIRST_LOOK;
        Ok(kept.and_then(|kept| kept.parse().ok()).unwrap_or(first))
    }

    async fn beyond(&self) -> Result<Option<Beyond>, Away> {
        let kept = marks::read(self.database.reader(), BEYOND).await?;
        let both = kept.as_deref().and_then(|kept| kept.split_once(':'));
        Ok(both
            .and_then(|(from, to)| Some(Beyond { from: from.parse().ok()?, to: to.parse().ok()? })))
    }

    /// Writes down that all events up to this instant were read, those in the gap included.
    async fn read_up_to(&self, latest: i64, was_gap: bool) -> Result<(), Away> {
        let now = self.clock.now();
        let written = self.database.write(move |transaction| {
            Box::pin(async move {
                if was_gap {
                    marks::remove(transaction, BEYOND).await?;
                }
                marks::write(transaction, MARK, &latest.to_string(), now).await
            })
        });
        Ok(written.await?)
    }

    /// Writes down what was read beyond a gap; the mark stays where it is.
    async fn leave_gap(&self, Beyond { from, to }: Beyond) -> Result<(), Away> {
        let (beyond, now) = (format!("{from}:{to}"), self.clock.now());
        let written = self.database.write(move |transaction| {
            let beyond = beyond.clone();
            Box::pin(async move { marks::write(transaction, BEYOND, &beyond, now).await })
        });
        Ok(written.await?)
    }
}

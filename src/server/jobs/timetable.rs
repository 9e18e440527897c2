//! Everything that the product does by the clock, a line each.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Done, Job, JobError, sweep::sweep};
use crate::server::{
    AppState,
    identity::{Sessions, sign_in_links},
    payments::Payments,
    webhooks::Webhooks,
};

/// For what somebody waits to hear of.
const SOON: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How long a purchase may be without news before it is looked after.
const NEWS_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// All jobs of this process.
pub(super) fn all(state: &AppState) -> Vec<Job> {
    let mut jobs = vec![
        Job::new("sweep", MINUTE, state.clone(), sweep),
        Job::new("tidy", HOUR, state.clone(), tidy),
        Job::new("webhooks", SOON, state.webhooks.clone(), webhooks),
    ];
    if state.payments.is_on() {
        jobs.push(Job::new("reconcile", MINUTE, state.payments.clone(), reconcile));
    }
    jobs
}

/// Compares with Stripe, and mends what is behind.
async fn reconcile(payments: Payments, _: DateTime<Utc>) -> Result<Done, JobError> {
    let report = payments.reconcile(NEWS_WITHIN).await?;
    if !report.is_clean() {
        tracing::error!(%report, "ALERT: not reconciled");
    }
    Ok(Done(u64::try_from(report.purchases + report.events).unwrap_or(u64::MAX)))
}

/// Sends the platform's servers what they are to be told.
async fn webhooks(webhooks: Webhooks, _: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(webhooks.deliver().await?.taken))
}

/// Deletes what has ended and nobody asks for any more.
async fn tidy(state: AppState, now: DateTime<Utc>) -> Result<Done, JobError> {
    let links = sign_in_links::delete_expired(&state.database, now).await?;
    let sessions = Sessions::new(state.database.clone(), state.clock.clone());
    let sessions = sessions.delete_expired().await?;
    let quotes = state.quotes.delete_ended(now).await?;
    if links + sessions + quotes > 0 {
        tracing::info!(links, sessions, quotes, "what has ended was deleted");
    }
    Ok(Done(links + sessions + quotes))
}

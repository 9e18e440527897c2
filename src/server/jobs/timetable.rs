//! Everything that the product does by the clock, a line each.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Done, Job, JobError, reminders::remind, sweep::sweep};
use crate::server::{
    AppState,
    identity::{Sessions, sign_in_links},
    notices::Notices,
    payments::Payments,
    requests,
    webhooks::Webhooks,
};

const MOMENT: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How often the books are compared with Stripe's. A process that dies meanwhile costs a lease and
/// a look (20 s), and the next run reads all that Stripe reports. A process that is slow at it ends
/// its run within about half a minute, and leaves the next slot to others. So what was paid is
/// credited within a minute, whatever one process suffers.
const RECONCILED_WITHIN: Duration = Duration::from_secs(10);
/// How long a purchase may be without news before a run asks Stripe for it by name. Together with
/// the 10 s and 20 s above, this credits even a payment that Stripe doesn't report within a minute.
const NEWS_WITHIN: TimeDelta = TimeDelta::seconds(20);

/// How soon a balance that fell too low is recharged.
const RECHARGED_WITHIN: Duration = Duration::from_secs(15);

/// All jobs of this process.
pub(super) fn all(state: &AppState) -> Vec<Job> {
    let mut jobs = vec![
        Job::new("sweep", MINUTE, state.clone(), sweep),
        Job::new("reminders", HOUR, (state.database.clone(), state.shutdown.clone()), remind),
        Job::new("tidy", HOUR, state.clone(), tidy),
        Job::new("notices", MOMENT, state.notices.clone(), tell),
        Job::new("mail", MOMENT, state.notices.clone(), send_mail),
        Job::new("webhooks", MOMENT, state.webhooks.clone(), send_webhooks),
        Job::new("paces", 6 * HOUR, state.notices.clone(), follow_paces),
        Job::new("price-changes", MINUTE, state.notices.clone(), find_price_changes),
    ];
    if state.payments.is_on() {
        jobs.push(Job::new("reconcile", RECONCILED_WITHIN, state.payments.clone(), reconcile));
        jobs.push(Job::new("recharge", RECHARGED_WITHIN, state.payments.clone(), recharge));
    }
    jobs
}

/// Compares with Stripe, and mends what is behind.
async fn reconcile(payments: Payments, _: DateTime<Utc>) -> Result<Done, JobError> {
    let report = payments.reconcile(NEWS_WITHIN).await?;
    if payments.is_news(&report) {
        tracing::error!(%report, "ALERT: not reconciled");
    }
    // Whoever had no time for all leaves the next slot to others: it may be the only slow one.
    if let Some(left) = report.unfinished() {
        return Err(JobError::new(left));
    }
    Ok(Done(u64::try_from(report.purchases + report.events).unwrap_or(u64::MAX)))
}

/// Buys credits for those who agreed to it and have too little.
async fn recharge(payments: Payments, now: DateTime<Utc>) -> Result<Done, JobError> {
    let run = payments.recharge_due(now).await?;
    if run.looked_at > 0 {
        tracing::info!(?run, "accounts were recharged");
    }
    Ok(Done(run.credited))
}

/// Sends the platform's servers what they are to be told.
async fn send_webhooks(webhooks: Webhooks, _: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(webhooks.deliver().await?.taken))
}

/// Deletes what has ended and nobody asks for any more.
async fn tidy(state: AppState, now: DateTime<Utc>) -> Result<Done, JobError> {
    let links = sign_in_links::delete_expired(&state.database, now).await?;
    let sessions = Sessions::new(state.database.clone(), state.clock.clone());
    let sessions = sessions.delete_expired().await?;
    let quotes = state.quotes.delete_ended(now).await?;
    let webhooks = state.webhooks.forget_old(now).await?;
    let requests = requests::forget_old(&state.database, now).await?;
    let all = links + sessions + quotes + webhooks + requests;
    if all > 0 {
        tracing::info!(links, sessions, quotes, webhooks, requests, "what has ended was deleted");
    }
    Ok(Done(all))
}

/// Tells customers what happened.
async fn tell(notices: Notices, now: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(notices.tell(now).await?))
}

/// Sends the mail that is due.
async fn send_mail(notices: Notices, now: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(notices.send_mail(now).await?.sent))
}

/// Turns thresholds in days into credits.
async fn follow_paces(notices: Notices, now: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(notices.follow_paces(now).await?))
}

/// Finds whom new prices concern.
async fn find_price_changes(notices: Notices, now: DateTime<Utc>) -> Result<Done, JobError> {
    Ok(Done(notices.find_price_changes(now).await?))
}

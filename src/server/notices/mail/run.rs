//! One run: message after message over one conversation, for as long as that makes sense.
//!
//! A server that hangs up on one message may well take the next: that is tried over a new
//! connection. Who can't be reached, or fails two messages in a row, is away.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;

use super::{Way, after, letter::Letter, prepare::Prepared, smtp::Failure};
use crate::server::{
    notices::Notices,
    outbox::{Attempt, Channel, Message, keep, lease, settle},
};

/// Messages that are taken at a time.
const BATCH: u32 = 10;
/// What was taken is sent in this time or left to the next run, so that a slow server doesn't keep
/// a run at work for ever. The lease is kept meanwhile.
const PATIENCE: Duration = Duration::from_secs(45);

/// What one run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that were taken.
    pub sent: u64,
    /// Messages that are tried again later.
    pub waiting: u64,
    /// Messages that are never sent: refused, too old, or no longer wanted.
    pub given_up: u64,
}

/// What a run knows of its way out.
struct Run {
    /// By which clock, and since when by ours.
    began: (DateTime<Utc>, Instant),
    way: Option<Way>,
    /// What became of the last message, where that speaks against the server.
    doubt: Option<String>,
    /// What becomes of every further message.
    away: Option<Failure>,
    done: Delivered,
}

impl Run {
    /// A long run does not go by the clock of its beginning.
    fn now(&self) -> DateTime<Utc> {
        self.began.0 + TimeDelta::from_std(self.began.1.elapsed()).unwrap_or_default()
    }
}

impl Notices {
    /// Sends the mail that is due.
    ///
    /// # Errors
    /// Where the database fails; what was not settled is tried again.
    pub async fn send_mail(&self, now: DateTime<Utc>) -> Result<Delivered, DbErr> {
        let (began, done) = ((now, Instant::now()), Delivered::default());
        let mut run = Run { began, way: None, doubt: None, away: None, done };
        loop {
            let taken = lease(&self.database, Channel::Mail, BATCH, run.now()).await?;
            let is_last = taken.len() < BATCH as usize;
            let is_whole = self.send_some(taken, &mut run).await?;
            if is_last || !is_whole || run.away.is_some() {
                break;
            }
        }
        if let Some(why) = run.away.as_ref().map(Failure::words).or(run.doubt.as_deref()) {
            self.mail.note(Some(why));
        }
        if let Some(Way::Smtp(conversation)) = run.way {
            conversation.close().await;
        }
        Ok(run.done)
    }

    /// Sends what was taken; false where that took too long.
    async fn send_some(&self, taken: Vec<Message>, run: &mut Run) -> Result<bool, DbErr> {
        let began = Instant::now();
        let _kept = keep(&self.database, &taken);
        for (message, event) in taken {
            if run.away.is_none() && began.elapsed() > PATIENCE {
                return Ok(false);
            }
            let attempt = match self.prepare(&message, &event, run.now()).await? {
                Prepared::Unwanted(why) => {
                    run.done.given_up += 1;
                    Attempt::Failed { error: why.to_owned(), again_after: None }
                }
                Prepared::Unwritten(why) => {
                    let refused = after(Failure::Refused(why), &message, run.now());
                    self.outcome(run, &message.id, Err(refused))
                }
                Prepared::Letter(letter) => {
                    let tried = self.hand_over(run, &message.id, &letter).await;
                    let tried = tried.map_err(|failure| after(failure, &message, run.now()));
                    self.outcome(run, &message.id, tried)
                }
            };
            settle(&self.database, &message, &attempt, run.now()).await?;
        }
        Ok(true)
    }

    /// Hands a letter over where the server isn't away.
    async fn hand_over(&self, run: &mut Run, id: &str, letter: &Letter) -> Result<(), Failure> {
        if let Some(failure) = &run.away {
            return Err(failure.clone());
        }
        let opened = match run.way.take() {
            Some(way) => Ok(way),
            None => self.mail.open().await,
        };
        let mut way = opened.inspect_err(|failure| run.away = Some(failure.clone()))?;
        let outcome = self.mail.send(&mut way, id, letter).await;
        if let Err(Failure::Away(why)) = outcome {
            let is_second = run.doubt.replace(why.clone()).is_some();
            run.away = is_second.then(|| Failure::Untried(why.clone()));
            return Err(Failure::HungUp(why));
        }
        (run.doubt, run.way) = (None, Some(way));
        self.mail.note(None);
        outcome
    }

    /// Counts what became of a message: nothing, or why it failed and when it is tried again.
    fn outcome(
        &self,
        run: &mut Run,
        id: &str,
        tried: Result<(), (String, Option<Duration>)>,
    ) -> Attempt {
        let counters = &self.mail.counters;
        let Err((error, again_after)) = tried else {
            counters.sent.fetch_add(1, Ordering::Relaxed);
            run.done.sent += 1;
            return Attempt::Sent;
        };
        counters.failed.fetch_add(1, Ordering::Relaxed);
        if again_after.is_some() {
            run.done.waiting += 1;
        } else {
            counters.given_up.fetch_add(1, Ordering::Relaxed);
            run.done.given_up += 1;
            tracing::warn!(message = id, error, "a mail is given up");
        }
        Attempt::Failed { error, again_after }
    }
}

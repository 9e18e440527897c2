//! Mail: takes messages from the outbox, writes them, and hands them over.
//!
//! A message that the server took but did not say so is sent again, with the same Message-ID. While
//! the server is away messages wait; an operator is told once, not for each.

mod counters;
mod files;
mod letter;
mod prepare;
mod settings;
mod smtp;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;

use super::Notices;
use crate::server::{
    clock::from_millis,
    entity::outbox,
    outbox::{Attempt, Channel, Message, lease, settle},
};
pub use counters::Counters;
use letter::Letter;
use prepare::Prepared;
pub use settings::{MailSettings, Via};
use smtp::{Conversation, Failure};

/// Messages that are taken at a time.
const BATCH: u32 = 10;
/// What was taken is sent in this time or left to the next: nobody else tries it meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after the first attempt, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// After this time nobody waits for a message any more.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(3);

/// Sends mail.
#[derive(Debug)]
pub(super) struct Mail {
    settings: MailSettings,
    pub counters: Counters,
}

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

/// Where letters go in this run.
enum Way {
    Smtp(Box<Conversation>),
    Files,
}

impl Mail {
    pub fn new(settings: MailSettings) -> Self {
        Self { settings, counters: Counters::default() }
    }

    async fn open(&self) -> Result<Way, Failure> {
        match &self.settings.via {
            Via::Smtp(server) => Conversation::open(server).await.map(|it| Way::Smtp(Box::new(it))),
            Via::Files(folder) => files::make(folder).await.map(|()| Way::Files),
        }
    }

    async fn send(&self, way: &mut Way, id: &str, letter: &Letter) -> Result<(), Failure> {
        match (way, &self.settings.via) {
            (Way::Smtp(conversation), _) => {
                let from = &self.settings.from.email;
                conversation.send(from, &letter.to, &letter.bytes).await
            }
            (Way::Files, Via::Files(folder)) => files::write(folder, id, &letter.bytes).await,
            (Way::Files, Via::Smtp(_)) => Err(Failure::Away("there is no folder".to_owned())),
        }
    }

    /// Says once that the server is away, and once that it is back.
    fn note(&self, failure: Option<&str>) {
        let was_away = self.counters.is_away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_away => {
                tracing::error!(why, "mail can't be sent: it waits and is tried again");
            }
            None if was_away => tracing::info!("mail can be sent again"),
            _ => {}
        }
    }
}

impl Notices {
    /// Sends the mail that is due.
    ///
    /// # Errors
    /// Where the database fails; what was not settled is tried again.
    pub async fn send_mail(&self, now: DateTime<Utc>) -> Result<Delivered, DbErr> {
        let mut done = Delivered::default();
        let mut way = None;
        loop {
            let taken = lease(&self.database, Channel::Mail, BATCH, now).await?;
            let is_last = taken.len() < BATCH as usize;
            let goes_on = self.send_some(taken, &mut way, &mut done, now).await?;
            if is_last || !goes_on {
                break;
            }
        }
        if let Some(Way::Smtp(conversation)) = way {
            conversation.close().await;
        }
        Ok(done)
    }

    /// Sends what was taken; says whether it makes sense to take more.
    async fn send_some(
        &self,
        taken: Vec<Message>,
        way: &mut Option<Way>,
        done: &mut Delivered,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let started = Instant::now();
        let mut away = None;
        for (message, event) in taken {
            if started.elapsed() > PATIENCE {
                return Ok(false);
            }
            let outcome = match (self.prepare(&message, &event, now).await?, &away) {
                (Prepared::Unwanted(why), _) => {
                    done.given_up += 1;
                    let never = Attempt::Failed { error: why.to_owned(), again_after: None };
                    settle(&self.database, &message, &never, now).await?;
                    continue;
                }
                (Prepared::Unwritten(why), _) => Err(Failure::Refused(why)),
                (Prepared::Letter(_), Some(why)) => Err(Failure::Away(String::clone(why))),
                (Prepared::Letter(letter), None) => self.hand_over(way, &message, &letter).await,
            };
            if let Err(Failure::Away(why)) = &outcome {
                away = Some(why.clone());
            }
            self.settle(&message, outcome, done, now).await?;
        }
        Ok(away.is_none())
    }

    async fn hand_over(
        &self,
        way: &mut Option<Way>,
        message: &outbox::Model,
        letter: &Letter,
    ) -> Result<(), Failure> {
        let mut open = match way.take() {
            Some(open) => open,
            None => self.mail.open().await.inspect_err(|failure| self.note(failure))?,
        };
        let outcome = self.mail.send(&mut open, &message.id, letter).await;
        match &outcome {
            Err(failure @ Failure::Away(_)) => self.note(failure),
            _ => {
                self.mail.note(None);
                *way = Some(open);
            }
        }
        outcome
    }

    fn note(&self, failure: &Failure) {
        if let Failure::Away(why) = failure {
            self.mail.note(Some(why));
        }
    }

    async fn settle(
        &self,
        message: &outbox::Model,
        outcome: Result<(), Failure>,
        done: &mut Delivered,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let counters = &self.mail.counters;
        let attempt = match outcome {
            Ok(()) => {
                counters.sent.fetch_add(1, Ordering::Relaxed);
                done.sent += 1;
                Attempt::Sent
            }
            Err(failure) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                let (error, again_after) = after(failure, message, now);
                if again_after.is_some() {
                    done.waiting += 1;
                } else {
                    counters.given_up.fetch_add(1, Ordering::Relaxed);
                    done.given_up += 1;
                    tracing::warn!(message = message.id, error, "a mail is given up");
                }
                Attempt::Failed { error, again_after }
            }
        };
        settle(&self.database, message, &attempt, now).await
    }
}

/// What becomes of a message that was not taken.
fn after(
    failure: Failure,
    message: &outbox::Model,
    now: DateTime<Utc>,
) -> (String, Option<Duration>) {
    let is_old = now - from_millis(message.created_at) >= GIVEN_UP_AFTER;
    match failure {
        Failure::Refused(why) => (why, None),
        Failure::Later(why) | Failure::Away(why) if is_old => (why, None),
        Failure::Later(why) | Failure::Away(why) => (why, Some(pause(message.attempts))),
    }
}

/// The pause after so many attempts.
fn pause(attempts: i32) -> Duration {
    let doubled = u32::try_from(attempts - 1).unwrap_or_default().min(16);
    (FIRST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_quarter_of_an_hour() {
        let pauses = [1, 2, 3, 6, 7, 8, 1_000].map(|attempts| pause(attempts).as_secs());
        assert_eq!(pauses, [15, 30, 60, 480, 900, 900, 900]);
    }
}

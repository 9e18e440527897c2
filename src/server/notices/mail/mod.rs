//! Mail: takes messages from the outbox, writes them, and hands them over.
//!
//! A message that the server took but did not say so is sent again, with the same Message-ID. While
//! the server is away messages wait; an operator is told once, not for each.

mod counters;
mod files;
mod letter;
mod prepare;
mod run;
mod settings;
mod smtp;

use std::{sync::atomic::Ordering, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::server::{clock::from_millis, entity::outbox};
pub use counters::Counters;
use letter::Letter;
pub use run::Delivered;
pub use settings::{MailSettings, Via};
use smtp::{Conversation, Failure};

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

/// What becomes of a message that was not taken.
fn after(
    failure: Failure,
    message: &outbox::Model,
    now: DateTime<Utc>,
) -> (String, Option<Duration>) {
    let is_old = now - from_millis(message.created_at) >= GIVEN_UP_AFTER;
    match failure {
        Failure::Refused(why) => (why, None),
        Failure::Later(why) | Failure::Away(why) | Failure::HungUp(why) if is_old => (why, None),
        Failure::Later(why) | Failure::Away(why) => (why, Some(pause(message.attempts))),
        Failure::HungUp(why) => (why, Some(pause(message.attempts + 1))),
        // It comes before those that it waited for.
        Failure::Untried(why) => (why, Some(FIRST_PAUSE)),
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

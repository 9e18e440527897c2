//! What an attempt came to, as it is written down.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel};

use super::{
    Endpoint, Webhooks, WireError, retry_after::RetryAfter, signing::PREFIX, wire::Answer,
};
use crate::server::{
    clock::to_millis,
    entity::{outbox, webhook_attempt},
    secret::Secret,
};

/// How much of an answer is kept.
const LONGEST_NOTE: usize = 200;

/// What one attempt came to.
pub(super) struct Outcome {
    /// The status of the answer; none where there was no answer.
    pub(super) status: Option<u16>,
    /// Whether it says that the message was taken.
    pub(super) is_taken: bool,
    /// From when on the endpoint wants to be asked again, where it says so.
    pub(super) retry_after: Option<RetryAfter>,
    /// What the answer begins with, or why there is none.
    note: String,
}

impl Outcome {
    /// The same, without what signs the endpoint's messages: who knows it might repeat it.
    pub(super) fn of(answer: Result<Answer, WireError>, secrets: &[Secret]) -> Self {
        let is_taken = answer.as_ref().is_ok_and(Answer::is_taken);
        let retry_after = answer.as_ref().ok().and_then(|answer| answer.retry_after);
        let (status, mut note) = match answer {
            Ok(answer) => (Some(answer.status), answer.text),
            Err(error) => (None, error.to_string()),
        };
        for secret in secrets {
            note = note.replace(secret.reveal().trim_start_matches(PREFIX), "…");
        }
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        let note = note.trim().chars().take(LONGEST_NOTE).map(printable).collect();
        Self { status, is_taken, retry_after, note }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            None => f.write_str(&self.note),
            Some(status @ 300..400) => write!(f, "answered {status}; redirects are not followed"),
            Some(status) => write!(f, "answered {status}"),
        }
    }
}

impl Webhooks {
    pub(super) async fn log(
        &self,
        to: &Endpoint,
        message: &outbox::Model,
        outcome: &Outcome,
        at: DateTime<Utc>,
        took: Duration,
    ) -> Result<(), DbErr> {
        let row = webhook_attempt::Model {
            id: format!("att_{}", uuid::Uuid::now_v7().simple()),
            endpoint_id: to.id.clone(),
            message_id: message.id.clone(),
            at: to_millis(at),
            status: outcome.status.map(i32::from),
            duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            note: outcome.note.clone(),
        };
        let insert = webhook_attempt::Entity::insert(row.into_active_model().reset_all());
        insert.exec_without_returning(self.database.writer()).await?;
        Ok(())
    }
}

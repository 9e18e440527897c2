//! What becomes of a message before it is sent: it is written, or not wanted any more.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::letter::{self, Letter};
use crate::{
    credits::{AccountId, Topic},
    server::{
        clock::from_millis,
        entity::{account, event, notice_preference, outbox},
        events,
        notices::{Notices, preferences::chosen, relevance::still_matters, words::Words},
    },
};

/// A message before it is sent: written, or why it is not.
pub(super) enum Prepared {
    Letter(Letter),
    Unwanted(&'static str),
    Unwritten(String),
}

impl Notices {
    /// Writes a message, unless its customer doesn't want it any more or it is over by now.
    pub(super) async fn prepare(
        &self,
        message: &outbox::Model,
        row: &event::Model,
        now: DateTime<Utc>,
    ) -> Result<Prepared, DbErr> {
        let event = match events::read(row) {
            Ok(event) => event,
            Err(error) => return Ok(Prepared::Unwritten(error.to_string())),
        };
        let reader = self.database.reader();
        let Some(account) = account::Entity::find_by_id(&message.account_id).one(reader).await?
        else {
            return Ok(Prepared::Unwanted("there is no such account"));
        };
        let topic = Topic::of(event.kind());
        let choices = notice_preference::Entity::find()
            .filter(notice_preference::Column::AccountId.eq(&account.id))
            .all(reader)
            .await?;
        if !chosen(topic, &choices).mail {
            return Ok(Prepared::Unwanted("its customer wants no mail of this kind"));
        }
        if !still_matters(reader, &account, &event, now).await? {
            return Ok(Prepared::Unwanted("it no longer matters"));
        }
        let link = self.unsubscribe_link(&account.id, topic, message).await?;
        // It may have waited: "tomorrow" is the day after it is sent.
        let words = Words::of(&event, &row.cause, now, &account.zone);
        let settings = &self.mail.settings;
        let letter = letter::write(settings, message, &words, topic.name(), link.as_deref());
        Ok(letter.map_or_else(Prepared::Unwritten, Prepared::Letter))
    }

    /// The link that ends mail of this kind, where it may be ended.
    async fn unsubscribe_link(
        &self,
        account: &str,
        topic: Topic,
        message: &outbox::Model,
    ) -> Result<Option<String>, DbErr> {
        if !topic.is_optional() {
            return Ok(None);
        }
        let account = AccountId(account.to_owned());
        let made_at = from_millis(message.created_at);
        let token = self.unsubscribe_token(&account, topic, made_at).await?;
        Ok(Some(format!("{}/unsubscribe/{token}", self.mail.settings.site)))
    }
}

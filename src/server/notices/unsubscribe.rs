//! Links that end a kind of mail: signed, so that whoever has one needs no password, and nobody
//! can make one.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::DbErr;
use sha2::Sha256;

use super::Notices;
use crate::{
    credits::{AccountId, Topic},
    server::{
        clock::{from_millis, to_millis},
        identity::random_hex,
        marks,
    },
};

/// How long a link works: longer than any law asks for.
const WORKS_FOR: TimeDelta = TimeDelta::days(180);
/// Where the secret is kept that all processes share.
const SECRET: &str = "unsubscribe_secret";

/// What a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Whose mail.
    pub account: AccountId,
    /// About what.
    pub topic: Topic,
    /// When it was made.
    made_at: DateTime<Utc>,
}

/// Why a link ends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    /// We did not make it, or not all of it came along.
    #[error("it is none of ours")]
    Forged,
    /// It is too old.
    #[error("it has expired")]
    Expired,
    /// The database can't be reached.
    #[error("the database can't be reached")]
    Unavailable,
}

impl From<DbErr> for NoLink {
    fn from(error: DbErr) -> Self {
        tracing::error!(%error, "a link to unsubscribe can't be looked at");
        Self::Unavailable
    }
}

/// What is signed: `acc_….expiry.1793000000000`.
impl fmt::Display for Unsubscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.account, self.topic.id(), to_millis(self.made_at))
    }
}

impl Unsubscribe {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (account, topic, made_at) = (parts.next()?, parts.next()?, parts.next()?);
        let made_at = from_millis(made_at.parse().ok()?);
        let is_whole = parts.next().is_none();
        let topic = topic.parse().ok()?;
        is_whole.then(|| Self { account: AccountId(account.to_owned()), topic, made_at })
    }
}

impl Notices {
    /// The token of a link that ends mail about a topic.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn unsubscribe_token(
        &self,
        account: &AccountId,
        topic: Topic,
        made_at: DateTime<Utc>,
    ) -> Result<String, DbErr> {
        let link = Unsubscribe { account: account.clone(), topic, made_at };
        let text = link.to_string();
        let signer = signer(&self.secret(made_at).await?, &text)?;
        let signature = hex::encode(signer.finalize().into_bytes());
        Ok(format!("{text}.{signature}"))
    }

    /// What a link ends; nothing has ended yet.
    ///
    /// # Errors
    /// Where we did not make it, or it is too old.
    pub async fn read_unsubscribe(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Unsubscribe, NoLink> {
        let (text, signature) = token.rsplit_once('.').ok_or(NoLink::Forged)?;
        let link = Unsubscribe::parse(text).ok_or(NoLink::Forged)?;
        let signature = hex::decode(signature).map_err(|_| NoLink::Forged)?;
        let signer = signer(&self.secret(now).await?, text)?;
        signer.verify_slice(&signature).map_err(|_| NoLink::Forged)?;
        if now - link.made_at >= WORKS_FOR { Err(NoLink::Expired) } else { Ok(link) }
    }

    /// Ends the mail that a link is about.
    ///
    /// # Errors
    /// Where we did not make the link, or it is too old.
    pub async fn unsubscribe(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Unsubscribe, NoLink> {
        let link = self.read_unsubscribe(token, now).await?;
        self.send_no_more(&link.account, link.topic).await?;
        Ok(link)
    }

    /// The secret that links are signed with: made once, by whoever needs it first.
    async fn secret(&self, now: DateTime<Utc>) -> Result<String, DbErr> {
        if let Some(kept) = marks::read(self.database.reader(), SECRET).await? {
            return Ok(kept);
        }
        let made = random_hex::<32>().map_err(|error| DbErr::Custom(error.to_string()))?;
        marks::write_once(self.database.writer(), SECRET, &made, now).await
    }
}

fn signer(secret: &str, text: &str) -> Result<Hmac<Sha256>, DbErr> {
    let mut signer = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    signer.update(text.as_bytes());
    Ok(signer)
}

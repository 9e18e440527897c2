//! An endpoint of the platform: where to, what, and what signs it.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use url::Url;

use super::payload::SENT;
use crate::{
    credits::EventKind,
    server::{clock::from_millis, entity::webhook_endpoint, secret::Secret},
};

/// The longest address.
pub const LONGEST_URL: usize = 2_000;

/// Which events an endpoint is told; all that are sent where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Option<Vec<EventKind>>);

/// A name that is no kind of event that is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}; those that are sent are {all}", all = all_ids())]
pub struct UnknownKind(String);

fn all_ids() -> String {
    SENT.map(EventKind::id).join(", ")
}

impl Kinds {
    /// Those with these ids; of none at all, every one that is sent.
    ///
    /// # Errors
    /// The first that is not sent.
    pub fn named<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownKind> {
        let kind = |id: &str| {
            let kind = EventKind::from_str(id).ok().filter(|kind| SENT.contains(kind));
            kind.ok_or_else(|| UnknownKind(id.to_owned()))
        };
        let mut kinds = ids.into_iter().map(kind).collect::<Result<Vec<_>, _>>()?;
        kinds.sort();
        kinds.dedup();
        Ok(Self((!kinds.is_empty()).then_some(kinds)))
    }

    /// Whether an event of this kind is told.
    #[must_use]
    pub fn contain(&self, kind: EventKind) -> bool {
        self.0.as_deref().unwrap_or(&SENT).contains(&kind)
    }

    /// Each of them, by its id.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        SENT.into_iter().filter(|kind| self.contain(*kind)).map(EventKind::id)
    }

    pub(super) fn kept(&self) -> String {
        let kinds = self.0.as_deref().unwrap_or_default();
        kinds.iter().map(|kind| kind.id()).collect::<Vec<_>>().join(",")
    }

    /// A kind that is no longer sent is passed over.
    fn read(kept: &str) -> Self {
        let kinds = kept.split(',').filter_map(|id| EventKind::from_str(id).ok());
        Self((!kept.is_empty()).then(|| kinds.collect()))
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ids().collect::<Vec<_>>().join(","))
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id: `whe_…`.
    pub id: String,
    /// Where messages go.
    pub url: String,
    /// Which events it is told.
    pub kinds: Kinds,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Since when it is told nothing any more, because it answered 410 Gone.
    pub disabled_at: Option<DateTime<Utc>>,
    /// What signs its messages now: two, while one replaces the other.
    pub(super) secrets: Vec<Secret>,
}

impl Endpoint {
    /// An endpoint as it is kept, at this instant.
    pub(super) fn read(row: webhook_endpoint::Model, now: DateTime<Utc>) -> Self {
        let is_valid = row.old_secret_until.is_some_and(|until| from_millis(until) > now);
        let old = row.old_secret.filter(|_| is_valid);
        let secrets = [Some(row.secret), old].into_iter().flatten();
        Self {
            id: row.id,
            url: row.url,
            kinds: Kinds::read(&row.kinds),
            created_at: from_millis(row.created_at),
            disabled_at: row.disabled_at.map(from_millis),
            secrets: secrets.map(|secret| Secret::new(&secret.0)).collect(),
        }
    }
}

/// What is wrong with an address, whatever it resolves to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It is none.
    #[error("this is no web address")]
    NoUrl,
    /// Anybody on the way could read and change what is sent.
    #[error("the address must begin with https://")]
    NotHttps,
    /// It would be shown in lists.
    #[error("the address must not contain a user name or password")]
    Credentials,
    /// Nobody is told what stands there.
    #[error("the address must not contain a #")]
    Fragment,
    /// It is too long.
    #[error("the address must have at most {LONGEST_URL} characters")]
    TooLong,
}

/// Reads an address; http only where that is allowed.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str, allow_http: bool) -> Result<Url, UrlProblem> {
    if text.len() > LONGEST_URL {
        return Err(UrlProblem::TooLong);
    }
    let url = Url::parse(text.trim()).map_err(|_| UrlProblem::NoUrl)?;
    let is_allowed = url.scheme() == "https" || allow_http && url.scheme() == "http";
    if !is_allowed {
        return Err(UrlProblem::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::Credentials);
    }
    if url.fragment().is_some() {
        return Err(UrlProblem::Fragment);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_without_secrets_is_an_address() {
        assert!(parse(" https://hooks.example/credits?from=recharge ", false).is_ok());
        assert!(parse("http://hooks.example/", true).is_ok());
        let long = format!("https://hooks.example/{}", "x".repeat(LONGEST_URL));
        for (text, problem) in [
            ("http://hooks.example/", UrlProblem::NotHttps),
            ("ftp://hooks.example/", UrlProblem::NotHttps),
            ("file:///etc/passwd", UrlProblem::NotHttps),
            ("gopher://127.0.0.1/", UrlProblem::NotHttps),
            ("hooks.example", UrlProblem::NoUrl),
            ("https://", UrlProblem::NoUrl),
            ("", UrlProblem::NoUrl),
            ("https://me:secret@hooks.example/", UrlProblem::Credentials),
            ("https://hooks.example/#here", UrlProblem::Fragment),
            (&long, UrlProblem::TooLong),
        ] {
            assert_eq!(parse(text, false), Err(problem), "{text}");
        }
    }

    #[test]
    fn no_kinds_are_all_that_are_sent() {
        let (all, some) = (Kinds::default(), Kinds::named(["credits.low", "credits.low"]).unwrap());
        assert_eq!(all.ids().count(), SENT.len());
        assert_eq!(some.to_string(), "credits.low");
        assert!(some.contain(EventKind::Low) && !some.contain(EventKind::Depleted));
        assert!(!all.contain(EventKind::PriceChanged), "it is not sent");
        assert_eq!(Kinds::read(&some.kept()), some);
        assert_eq!(Kinds::read(&all.kept()), all);
        for unknown in ["price.changed", "credits", ""] {
            assert_eq!(Kinds::named([unknown]), Err(UnknownKind(unknown.to_owned())));
        }
    }
}

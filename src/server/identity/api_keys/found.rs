//! Keys that were just found, so that a busy program doesn't ask the database each time.
//!
//! A key is believed for [`BELIEVED`] after it was read: that is how long a revocation in another
//! process takes to be known here. Before that ends, one of those who use the key reads it again
//! beside their request, so that nobody waits for the database while a key is in use. Keys that
//! are unknown or revoked are never kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::ApiKey;

/// How long a key is believed after it was read. Revoking is promised within a second.
pub const BELIEVED: Duration = Duration::from_millis(500);
/// From this age on a key is read again by whoever uses it next.
const FRESH: Duration = Duration::from_millis(200);
/// That a key is used is written down this rarely.
pub const USED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Beyond this many keys, old ones are dropped.
const KEPT: usize = 10_000;

/// A key with what proves it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The key.
    pub key: ApiKey,
    /// The hash of its secret.
    pub secret_hash: String,
    /// When somebody last wrote down that it was used.
    pub used_at: Option<DateTime<Utc>>,
}

/// The keys that were found lately. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FoundKeys(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Debug)]
struct Kept {
    /// The instant before it was read.
    read_at: Instant,
    /// Whether somebody reads it again.
    is_read_again: bool,
    found: Found,
}

impl FoundKeys {
    /// The key with this id, where it was read a moment ago, and whether it is on the caller to
    /// read it again.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<(Found, bool)> {
        let mut keys = self.keys();
        let kept = keys.get_mut(id).filter(|kept| kept.read_at.elapsed() < BELIEVED)?;
        let is_due = !kept.is_read_again && kept.read_at.elapsed() >= FRESH;
        kept.is_read_again |= is_due;
        Some((kept.found.clone(), is_due))
    }

    /// Keeps a key; `read_at` is the instant before it was read.
    pub fn put(&self, read_at: Instant, mut found: Found) {
        let mut keys = self.keys();
        if let Some(before) = keys.get(&found.key.id) {
            found.used_at = found.used_at.max(before.found.used_at);
        } else if keys.len() >= KEPT {
            keys.retain(|_, kept| kept.read_at.elapsed() < BELIEVED);
            if keys.len() >= KEPT {
                keys.clear();
            }
        }
        let id = found.key.id.clone();
        keys.insert(id, Kept { read_at, is_read_again: false, found });
    }

    /// Forgets a key, so that it is read again.
    pub fn forget(&self, id: &str) {
        self.keys().remove(id);
    }

    /// Whether it is to be written down that the key is used now; true once a minute.
    #[must_use]
    pub fn is_news(&self, id: &str, now: DateTime<Utc>) -> bool {
        let mut keys = self.keys();
        let Some(Kept { found, .. }) = keys.get_mut(id) else { return false };
        let is_news = found.used_at.is_none_or(|at| now - at >= USED_EVERY);
        if is_news {
            found.used_at = Some(now);
        }
        is_news
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Scope, Scopes},
        *,
    };

    fn found(id: &str) -> Found {
        let scopes = Scopes::from_iter([Scope::Read]);
        let (id, name) = (id.to_owned(), "Worker".to_owned());
        let key = ApiKey { id, name, account: None, scopes, ceiling: None };
        Found { key, secret_hash: String::new(), used_at: None }
    }

    #[test]
    fn a_key_is_believed_for_half_a_second_from_before_it_was_read() {
        let keys = FoundKeys::default();
        keys.put(Instant::now(), found("new"));
        keys.put(Instant::now().checked_sub(BELIEVED).unwrap(), found("old"));
        assert!(keys.get("new").is_some() && keys.get("old").is_none());
        keys.forget("new");
        assert!(keys.get("new").is_none());
    }

    #[test]
    fn one_of_many_reads_an_ageing_key_again() {
        let keys = FoundKeys::default();
        keys.put(Instant::now(), found("key"));
        assert!(matches!(keys.get("key"), Some((_, false))), "it is fresh");
        keys.put(Instant::now().checked_sub(FRESH).unwrap(), found("key"));
        assert!(matches!(keys.get("key"), Some((_, true))));
        assert!(matches!(keys.get("key"), Some((_, false))), "somebody is on it");
    }

    #[test]
    fn use_is_news_once_a_minute_also_when_the_key_was_read_again() {
        let (keys, now) = (FoundKeys::default(), Utc::now());
        keys.put(Instant::now(), found("key"));
        assert!(keys.is_news("key", now) && !keys.is_news("key", now));
        keys.put(Instant::now(), found("key"));
        assert!(!keys.is_news("key", now + TimeDelta::seconds(59)));
        assert!(keys.is_news("key", now + TimeDelta::seconds(60)));
        assert!(!keys.is_news("unknown", now));
    }

    #[test]
    fn the_memory_is_bounded() {
        let keys = FoundKeys::default();
        for number in 0..=KEPT {
            keys.put(Instant::now(), found(&number.to_string()));
        }
        assert!(keys.keys().len() <= KEPT);
        assert!(keys.get(&KEPT.to_string()).is_some(), "the newest is kept");
    }
}

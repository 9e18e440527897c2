//! Slows down who guesses passwords: per e-mail address and per network address.
//!
//! In memory and per process: a restart forgives, several processes allow several times as much.
//! Only failures count, so nobody is slowed down by signing in rightly.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Failures that one e-mail address may have at once, and how long one of them counts.
const PER_EMAIL: Limit = Limit { failures: 10, forgiven_after: TimeDelta::minutes(1) };
/// The same for a network address, behind which may be an office.
const PER_ADDRESS: Limit = Limit { failures: 50, forgiven_after: TimeDelta::seconds(15) };
/// Beyond this many remembered ones, those that are forgiven are dropped.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Limit {
    failures: i32,
    forgiven_after: TimeDelta,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Email(String),
    Address(IpAddr),
}

/// Remembers failures. Clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    /// When the last failure of each will be forgiven: one instant is the whole bucket.
    forgiven_at: Arc<Mutex<HashMap<Key, DateTime<Utc>>>>,
}

/// Who tries to sign in, and from where.
#[derive(Clone, Debug)]
pub struct Attempt {
    keys: Vec<(Key, Limit)>,
}

impl Attempt {
    /// An attempt with an e-mail address in lower case.
    #[must_use]
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        let mut keys = vec![(Key::Email(email.to_owned()), PER_EMAIL)];
        keys.extend(address.map(|address| (Key::Address(network(address)), PER_ADDRESS)));
        Self { keys }
    }
}

impl Throttle {
    /// Counts an attempt as failed and says whether it may be made. Counted before it is made:
    /// many at once are not one.
    #[must_use]
    pub fn take(&self, attempt: &Attempt, now: DateTime<Utc>) -> bool {
        let mut forgiven_at = self.forgiven_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may = attempt.keys.iter().all(|(key, limit)| {
            let most = limit.forgiven_after * (limit.failures - 1);
            forgiven_at.get(key).is_none_or(|at| *at - now <= most)
        });
        if !may {
            return false;
        }
        if forgiven_at.len() >= REMEMBERED {
            forgiven_at.retain(|_, at| *at > now);
        }
        for (key, limit) in &attempt.keys {
            let at = forgiven_at.entry(key.clone()).or_insert(now);
            *at = (*at).max(now) + limit.forgiven_after;
        }
        true
    }

    /// The attempt did not fail after all.
    pub fn give_back(&self, attempt: &Attempt) {
        let mut forgiven_at = self.forgiven_at.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, limit) in &attempt.keys {
            if let Some(at) = forgiven_at.get_mut(key) {
                *at -= limit.forgiven_after;
            }
        }
    }
}

/// One subscriber has a whole IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(email: &str, address: &str) -> Attempt {
        Attempt::new(email, address.parse().ok())
    }

    #[test]
    fn ten_failures_for_an_e_mail_address_are_enough_wherever_they_come_from() {
        let (throttle, now) = (Throttle::default(), Utc::now());
        for host in 0..10 {
            assert!(throttle.take(&from("demo@recharge.test", &format!("192.0.2.{host}")), now));
        }
        assert!(!throttle.take(&from("demo@recharge.test", "192.0.2.99"), now));
        assert!(throttle.take(&from("new@recharge.test", "192.0.2.99"), now));
    }

    #[test]
    fn each_minute_forgives_one() {
        let (throttle, now) = (Throttle::default(), Utc::now());
        let attempt = from("demo@recharge.test", "192.0.2.1");
        assert!((0..10).all(|_| throttle.take(&attempt, now)));
        assert!(!throttle.take(&attempt, now + TimeDelta::seconds(59)));
        assert!(throttle.take(&attempt, now + TimeDelta::seconds(60)));
        assert!(!throttle.take(&attempt, now + TimeDelta::seconds(60)));
    }

    #[test]
    fn who_signs_in_rightly_is_never_slowed_down() {
        let (throttle, now) = (Throttle::default(), Utc::now());
        let attempt = from("demo@recharge.test", "192.0.2.1");
        for _ in 0..100 {
            assert!(throttle.take(&attempt, now));
            throttle.give_back(&attempt);
        }
    }

    #[test]
    fn fifty_failures_from_an_address_are_enough_whoever_is_tried() {
        let (throttle, now) = (Throttle::default(), Utc::now());
        for number in 0..50 {
            let attempt = from(&format!("{number}@recharge.test"), "2001:db8::1");
            assert!(throttle.take(&attempt, now));
        }
        assert!(!throttle.take(&from("demo@recharge.test", "2001:db8::ffff:1"), now));
        assert!(throttle.take(&from("demo@recharge.test", "2001:db8:0:1::1"), now));
    }

    #[test]
    fn what_is_forgiven_is_forgotten() {
        let (throttle, now) = (Throttle::default(), Utc::now());
        for number in 0..REMEMBERED {
            assert!(throttle.take(&Attempt::new(&number.to_string(), None), now));
        }
        assert!(throttle.take(&Attempt::new("last", None), now + TimeDelta::hours(1)));
        assert_eq!(throttle.forgiven_at.lock().expect("memory").len(), 1);
    }
}

//! Which program asks, how fast, and for whom.

use std::{
    collections::HashMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::{body::can_be_id, problem::Problem};
use crate::{
    credits::{AccountId, Credits, Refusal},
    server::{
        AppState,
        config::Paces,
        identity::{ApiKey, Scope},
        ledger::RequestKey,
    },
};

/// A program, proven by its key, that doesn't ask too fast.
pub struct Caller(ApiKey);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let key = state.api_keys.authenticate(parts.headers.get(AUTHORIZATION)).await?;
        state.pacemaker.check(&key)?;
        Ok(Self(key))
    }
}

impl Caller {
    /// Holds that the key may do this.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.0.may(scope) {
            return Ok(());
        }
        let detail = format!("This key lacks the scope {}.", scope.id());
        Err(Problem::new(StatusCode::FORBIDDEN, "scope_missing", detail))
    }

    /// The account that a request is for. An account's own key needn't name it; a foreign account
    /// is one that isn't there.
    pub fn account(&self, scope: Scope, named: Option<&str>) -> Result<AccountId, Problem> {
        self.may(scope)?;
        match (&self.0.account, named) {
            (Some(own), None) => Ok(own.clone()),
            (None, None) => {
                Err(Problem::field("account", "A service's key names the account it acts for."))
            }
            (_, Some(named)) => {
                let named = AccountId(named.to_owned());
                if self.0.acts_for(&named) && can_be_id(&named.0) {
                    Ok(named)
                } else {
                    Err(Problem::not_found("account"))
                }
            }
        }
    }

    /// Holds that this is a service of the platform, with this scope.
    pub fn service(&self, scope: Scope) -> Result<(), Problem> {
        self.may(scope)?;
        if self.0.account.is_none() {
            return Ok(());
        }
        let detail = "Only a service's key may do this.";
        Err(Problem::new(StatusCode::FORBIDDEN, "service_only", detail))
    }

    /// The most that one run of this program may cost.
    pub const fn ceiling(&self) -> Option<Credits> {
        self.0.ceiling
    }

    /// A request as a part of its run, where the program has a ceiling: all requests with the
    /// same reference are one run, and one without a reference is a run of its own.
    pub fn in_run(&self, key: RequestKey, reference: Option<&str>) -> RequestKey {
        match (self.0.ceiling, reference.filter(|reference| !reference.is_empty())) {
            (Some(ceiling), Some(run)) => key.in_run(format!("{}/{run}", self.0.id), ceiling),
            _ => key,
        }
    }

    /// Holds that a cost is not above it.
    pub fn check_ceiling(&self, needed: Credits) -> Result<(), Problem> {
        match self.0.ceiling {
            Some(ceiling) if needed > ceiling => {
                Err(Refusal::AboveCeiling { ceiling, needed }.into())
            }
            _ => Ok(()),
        }
    }
}

/// How fast each key asks. Clones share it.
#[derive(Clone)]
pub struct Pacemaker {
    of_account: Quota,
    of_service: Quota,
    keys: Arc<Mutex<HashMap<String, Arc<DefaultDirectRateLimiter>>>>,
}

/// Keys that are kept in mind; beyond it, all of them begin anew.
const KEPT: usize = 10_000;

impl fmt::Debug for Pacemaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacemaker").field("of_account", &self.of_account).finish_non_exhaustive()
    }
}

impl Pacemaker {
    /// Lets each key make so many requests a second, and twice as many at once after a rest.
    #[must_use]
    pub fn new(paces: Paces) -> Self {
        let quota =
            |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()));
        Self {
            of_account: quota(paces.of_account),
            of_service: quota(paces.of_service),
            keys: Arc::default(),
        }
    }

    fn check(&self, key: &ApiKey) -> Result<(), Problem> {
        let Ok(mut keys) = self.keys.lock() else { return Err(Problem::unavailable()) };
        if keys.len() >= KEPT && !keys.contains_key(&key.id) {
            keys.clear();
        }
        let quota = if key.account.is_some() { self.of_account } else { self.of_service };
        let pace =
            keys.entry(key.id.clone()).or_insert_with(|| Arc::new(RateLimiter::direct(quota)));
        let pace = Arc::clone(pace);
        drop(keys);
        pace.check().map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            Problem::too_fast(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
        })
    }
}

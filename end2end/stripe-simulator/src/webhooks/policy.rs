//! How webhooks misbehave when a test wants them to.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::signature::Signature;

/// What happens to the events that are written from now on. The default delivers each once, at once.
///
/// ```
/// use stripe_simulator::{Signature, WebhookPolicy};
/// let silent = WebhookPolicy::drop_all();
/// let twice_and_late = WebhookPolicy { duplicates: 1, delay_ms: 500, ..WebhookPolicy::default() };
/// let forged = WebhookPolicy { signature: Signature::WrongSecret, ..WebhookPolicy::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookPolicy {
    /// Don't deliver: the event exists at `/v1/events`, nobody is told.
    pub drop: bool,
    /// Wait this long before the first attempt.
    pub delay_ms: u64,
    /// So many copies besides the one that is due, all at once.
    pub duplicates: u32,
    /// Hold events back until there are so many, then deliver them newest first. 0 and 1: in order.
    pub reorder: usize,
    /// How they are signed.
    pub signature: Signature,
    /// Only events of these types; all when empty. Others are delivered as usual.
    pub types: Vec<String>,
}

impl WebhookPolicy {
    /// Nothing is delivered.
    #[must_use]
    pub fn drop_all() -> Self {
        Self { drop: true, ..Self::default() }
    }

    /// Everything comes late.
    #[must_use]
    pub fn delayed(delay: Duration) -> Self {
        Self { delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// Everything comes several times.
    #[must_use]
    pub fn duplicated(copies: u32) -> Self {
        Self { duplicates: copies, ..Self::default() }
    }

    /// So many events are held back and then delivered newest first.
    #[must_use]
    pub fn reordered(events: usize) -> Self {
        Self { reorder: events, ..Self::default() }
    }

    /// Everything is signed this way.
    #[must_use]
    pub fn signed(signature: Signature) -> Self {
        Self { signature, ..Self::default() }
    }

    /// The same, for these event types only.
    #[must_use]
    pub fn only(mut self, types: &[&str]) -> Self {
        self.types = types.iter().map(|kind| (*kind).to_owned()).collect();
        self
    }

    pub(crate) fn for_type(&self, kind: &str) -> Self {
        let meant = self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind);
        if meant { self.clone() } else { Self::default() }
    }
}

//! Whether somebody is still here, for answers that go on after the gate has let them in.

use tower_sessions::session::Id;

use super::Sessions;

/// The session of somebody whom the gate has let in.
#[derive(Clone, Debug)]
pub struct Presence {
    sessions: Sessions,
    id: Id,
}

impl Presence {
    /// The presence of whom this session is.
    #[must_use]
    pub const fn new(sessions: Sessions, id: Id) -> Self {
        Self { sessions, id }
    }

    /// Whether the session has not ended since: signed out anywhere, expired, or its user gone.
    /// Asking does not prolong it. A database that is away for a moment ends nothing.
    pub async fn lasts(&self) -> bool {
        let found = self.sessions.find(&self.id).await;
        found.map_or(true, |found| found.is_some_and(|(_, user)| user.is_some()))
    }
}

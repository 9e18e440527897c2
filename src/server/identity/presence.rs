//! Whose session it is, for answers that go on after the gate has let them in.

use tower_sessions::session::Id;

use super::sessions::hash;

/// The session of somebody whom the gate has let in.
#[derive(Clone, Debug)]
pub struct Presence(String);

impl Presence {
    /// The presence of whom this session is.
    #[must_use]
    pub fn new(id: &Id) -> Self {
        Self(hash(id))
    }

    /// What the session is known by in the database, where its id isn't: see
    /// [`super::Sessions::lasting`].
    #[must_use]
    pub fn session(&self) -> &str {
        &self.0
    }
}

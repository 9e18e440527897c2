//! The reasons not to send requests to this process.
//!
//! Each watcher reports its own [`Trouble`] when it begins and clears it when it is over. A trouble
//! is logged once with `ALERT`, `/readyz` answers 503 and names it, and `/metrics` shows it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A reason not to send requests to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The clock of this machine differs from the database's.
    Clock,
    /// The database has lost entries that were acknowledged.
    Forgotten,
    /// The database says that it no longer carries this release.
    Schema,
    /// Nothing can be written to the ledger.
    Writing,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clock, Self::Forgotten, Self::Schema, Self::Writing];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Forgotten => "forgotten",
            Self::Schema => "schema",
            Self::Writing => "writing",
        }
    }
}

/// The troubles of one process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<Trouble, String>>>);

impl Readiness {
    /// Reports a trouble, in one sentence for the operator. A trouble that is known already gets
    /// the new sentence and is not logged again.
    pub fn report(&self, trouble: Trouble, sentence: impl Into<String>) {
        let sentence = sentence.into();
        let known = self.troubles().insert(trouble, sentence.clone());
        if known.is_none() {
            tracing::error!(trouble = trouble.id(), "ALERT: {sentence}");
        }
    }

    /// Reports that a trouble is over.
    pub fn clear(&self, trouble: Trouble) {
        if self.troubles().remove(&trouble).is_some() {
            tracing::info!(trouble = trouble.id(), "the trouble is over");
        }
    }

    /// Returns the current troubles with their sentences.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Trouble, String> {
        self.troubles().clone()
    }

    /// Returns whether a trouble is reported now.
    #[must_use]
    pub fn has(&self, trouble: Trouble) -> bool {
        self.troubles().contains_key(&trouble)
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, BTreeMap<Trouble, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

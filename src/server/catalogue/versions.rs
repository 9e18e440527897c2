//! All catalogues that were ever published. A version never changes; the one in effect is the last
//! to have come into effect.
//!
//! A process keeps them in memory and looks every [`INTERVAL`] for those that others published, so
//! no request asks the database, and one that was announced takes effect to the millisecond.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    file::{CatalogueFile, parse},
    publish::{PublishError, publish},
};
use crate::{
    credits::Catalogue,
    server::{
        clock::{Clock, from_millis},
        database::Database,
        entity::catalogue,
    },
};

/// How long another process may take to notice what was published.
const INTERVAL: Duration = Duration::from_secs(2);

/// Every published catalogue. Clones share everything.
#[derive(Clone, Debug)]
pub struct Catalogues {
    database: Database,
    clock: Clock,
    /// In the order in which they come into effect.
    known: Arc<RwLock<Vec<Version>>>,
    /// Why which of them can't be read, as the log has it already.
    unreadable: Arc<Mutex<BTreeMap<String, String>>>,
    /// What the start brought: it holds as long as nothing else can be read.
    brought: Version,
    /// The same while it waits to be published until the clock is trusted.
    waiting: Arc<Mutex<Option<CatalogueFile>>>,
}

/// A published catalogue.
#[derive(Clone, Debug)]
pub struct Version {
    /// What it sells, and what operations cost by it; its `version` is the name.
    pub catalogue: Arc<Catalogue>,
    /// From when on it holds, until another one does.
    pub effective_from: DateTime<Utc>,
    published_at: DateTime<Utc>,
}

impl Catalogues {
    /// Reads what is published, after publishing what a start brings. The one that is built in is
    /// published only where nothing is in effect: a new release must not change prices by itself.
    ///
    /// A version begins at an instant that never changes, so nothing is published by a clock that
    /// isn't trusted. [`Catalogues::watch`] does it later.
    ///
    /// # Errors
    /// See [`publish`].
    pub async fn open(
        database: Database,
        clock: Clock,
        brought: &CatalogueFile,
    ) -> Result<Self, PublishError> {
        let now = clock.now();
        let catalogue = Arc::new(brought.catalogue.clone());
        let first = Version { catalogue, effective_from: now, published_at: now };
        let (known, unreadable, waiting) = (Arc::default(), Arc::default(), Arc::default());
        let catalogues = Self { database, clock, known, unreadable, brought: first, waiting };
        catalogues.refresh().await?;
        if catalogues.clock.is_trusted() {
            catalogues.bring(brought).await?;
        } else {
            *catalogues.waiting() = Some(brought.clone());
        }
        Ok(catalogues)
    }

    async fn bring(&self, brought: &CatalogueFile) -> Result<(), PublishError> {
        let now = self.clock.now();
        if brought.is_embedded && self.is_any_in_effect(now) {
            return Ok(());
        }
        let published = publish(&self.database, brought, None, now).await?;
        tracing::debug!("{published}");
        Ok(self.refresh().await?)
    }

    /// Publishes what has waited for the clock, once that is trusted.
    async fn bring_what_waits(&self) {
        let waiting = self.waiting().clone().filter(|_| self.clock.is_trusted());
        let Some(brought) = waiting else { return };
        match self.bring(&brought).await {
            Err(PublishError::Database(error)) => {
                tracing::warn!(%error, "the catalogue of the start waits to be published");
                return;
            }
            Err(error) => {
                tracing::error!("ALERT: the catalogue of the start can't be published: {error}");
            }
            Ok(()) => {}
        }
        *self.waiting() = None;
    }

    fn waiting(&self) -> MutexGuard<'_, Option<CatalogueFile>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one in effect.
    #[must_use]
    pub fn current(&self) -> Arc<Catalogue> {
        self.in_effect().catalogue
    }

    /// The one in effect, with when it began.
    #[must_use]
    pub fn in_effect(&self) -> Version {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let latest = known.iter().rev().find(|version| version.effective_from <= now);
        // Another process's clock may be ahead of ours: the first one holds from the beginning.
        latest.or_else(|| known.first()).unwrap_or(&self.brought).clone()
    }

    /// All of them, in the order in which they come into effect.
    #[must_use]
    pub fn all(&self) -> Vec<Version> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one of this name, whether or not it is still in effect.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<Arc<Catalogue>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|version| version.catalogue.version == name)?;
        Some(Arc::clone(&found.catalogue))
    }

    /// The one of this name, also where another process has published it a moment ago.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(&self, name: &str) -> Result<Option<Arc<Catalogue>>, DbErr> {
        if let Some(known) = self.version(name) {
            return Ok(Some(known));
        }
        self.refresh().await?;
        Ok(self.version(name))
    }

    /// Learns what was published meanwhile.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn refresh(&self) -> Result<(), DbErr> {
        let names: Vec<String> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.iter().map(|version| version.catalogue.version.clone()).collect()
        };
        let new = catalogue::Entity::find()
            .filter(catalogue::Column::Version.is_not_in(names))
            .all(self.database.reader())
            .await?;
        if new.is_empty() {
            return Ok(());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for version in new.into_iter().filter_map(|row| self.read(row)) {
            if !known.iter().any(|other| other.catalogue.version == version.catalogue.version) {
                known.push(version);
            }
        }
        known.sort_by_cached_key(|version| {
            let name = version.catalogue.version.clone();
            (version.effective_from, version.published_at, name)
        });
        Ok(())
    }

    /// Keeps learning, and publishes what has waited for the clock, until it is told to stop.
    pub fn watch(&self, stop: CancellationToken) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let watching = async {
                loop {
                    ticks.tick().await;
                    this.bring_what_waits().await;
                    if let Err(error) = this.refresh().await {
                        tracing::warn!(%error, "new catalogues can't be looked for");
                    }
                }
            };
            stop.run_until_cancelled(watching).await;
        })
    }

    fn is_any_in_effect(&self, now: DateTime<Utc>) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|version| version.effective_from <= now)
    }

    /// Reads a stored version. Returns `None` if only a later program can read it, and says so once.
    fn read(&self, row: catalogue::Model) -> Option<Version> {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        match parse(&format!("of version {:?}", row.version), &row.content) {
            Ok(catalogue) => {
                unreadable.remove(&row.version);
                Some(Version {
                    catalogue: Arc::new(catalogue),
                    effective_from: from_millis(row.effective_from),
                    published_at: from_millis(row.published_at),
                })
            }
            Err(error) => {
                let why = error.to_string();
                if unreadable.insert(row.version, why.clone()).as_ref() != Some(&why) {
                    tracing::error!(%error, "ALERT: a published catalogue can't be read");
                }
                None
            }
        }
    }
}

//! All catalogues that were ever published. A version never changes; the one in effect is the last
//! to have come into effect.
//!
//! A process keeps them in memory and looks every [`INTERVAL`] for those that others published, so
//! no request asks the database, and one that was announced takes effect to the millisecond.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    TryInsertResult,
};
use sha2::{Digest, Sha256};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::file::{CatalogueFile, parse};
use crate::{
    credits::Catalogue,
    server::{
        clock::{Clock, from_millis, to_millis},
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
    /// What the start brought: it holds as long as nothing else can be read.
    brought: Version,
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

/// What publishing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is there now.
    New {
        /// The name of the version.
        version: String,
        /// From when on it holds.
        effective_from: DateTime<Utc>,
    },
    /// The same was there before; nothing was written.
    Before {
        /// The name of the version.
        version: String,
        /// From when on it holds.
        effective_from: DateTime<Utc>,
    },
}

/// Why a catalogue was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A version never changes.
    #[error(
        "version {0:?} is published already with other content, and a version never changes: \
         give this one a new version"
    )]
    OtherContent(String),
    /// Neither does its beginning.
    #[error(
        "version {version:?} is published already with effect from {}, and a version never \
         changes: give this one a new version", written(.effective_from)
    )]
    OtherBeginning {
        /// The name of the version.
        version: String,
        /// From when on it holds.
        effective_from: DateTime<Utc>,
    },
    /// What was charged would have cost something else.
    #[error("it can't take effect from {}, which is past: it is {}", written(.from), written(.now))]
    Past {
        /// From when on it was to hold.
        from: DateTime<Utc>,
        /// What time it is.
        now: DateTime<Utc>,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { version, effective_from } => {
                write!(f, "published version {version}, in effect from {}", written(effective_from))
            }
            Self::Before { version, effective_from } => write!(
                f,
                "version {version} is published already, in effect from {}: nothing was written",
                written(effective_from),
            ),
        }
    }
}

fn written(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Publishes a catalogue, from now on or from an instant that is to come. The same one twice is
/// once.
///
/// # Errors
/// Where its version is taken, the instant has passed, or the database fails.
pub async fn publish(
    database: &Database,
    file: &CatalogueFile,
    effective_from: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Published, PublishError> {
    let version = file.catalogue.version.clone();
    let digest = hex::encode(Sha256::digest(&file.content));
    if find(database, &version).await?.is_none() {
        if let Some(from) = effective_from.filter(|from| *from < now) {
            return Err(PublishError::Past { from, now });
        }
        let row = catalogue::Model {
            version: version.clone(),
            content: file.content.clone(),
            digest: digest.clone(),
            effective_from: to_millis(effective_from.unwrap_or(now)),
            published_at: to_millis(now),
        };
        let from = from_millis(row.effective_from);
        // Of many that start at once, one writes it; the others find the same.
        let insert = catalogue::Entity::insert(row.into_active_model().reset_all())
            .on_conflict_do_nothing_on([catalogue::Column::Version])
            .exec_without_returning(database.writer());
        if let TryInsertResult::Inserted(1) = insert.await? {
            return Ok(Published::New { version, effective_from: from });
        }
    }
    let there = find(database, &version).await?.ok_or_else(|| {
        PublishError::Database(DbErr::RecordNotFound(format!("catalogue {version}")))
    })?;
    let from = from_millis(there.effective_from);
    if there.digest != digest {
        return Err(PublishError::OtherContent(version));
    }
    if effective_from.is_some_and(|wanted| to_millis(wanted) != there.effective_from) {
        return Err(PublishError::OtherBeginning { version, effective_from: from });
    }
    Ok(Published::Before { version, effective_from: from })
}

/// A published version, read where it would be written: a process must see its own.
async fn find(database: &Database, version: &str) -> Result<Option<catalogue::Model>, DbErr> {
    catalogue::Entity::find_by_id(version).one(database.writer()).await
}

impl Catalogues {
    /// Reads what is published, after publishing what a start brings. The one that is built in is
    /// published only where nothing is in effect: a new release must not change prices by itself.
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
        let catalogues = Self { database, clock, known: Arc::default(), brought: first };
        catalogues.refresh().await?;
        if !brought.is_embedded || !catalogues.is_any_in_effect(now) {
            let published = publish(&catalogues.database, brought, None, now).await?;
            tracing::debug!("{published}");
            catalogues.refresh().await?;
        }
        Ok(catalogues)
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

    /// The one of this name, whether or not it is still in effect.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<Arc<Catalogue>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|version| version.catalogue.version == name)?;
        Some(Arc::clone(&found.catalogue))
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
        for version in new.into_iter().filter_map(read) {
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

    /// Keeps learning until it is told to stop.
    pub fn watch(&self, stop: CancellationToken) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let watching = async {
                loop {
                    ticks.tick().await;
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
}

/// A stored version; none where only a later program can read it.
fn read(row: catalogue::Model) -> Option<Version> {
    match parse(&format!("of version {:?}", row.version), &row.content) {
        Ok(catalogue) => Some(Version {
            catalogue: Arc::new(catalogue),
            effective_from: from_millis(row.effective_from),
            published_at: from_millis(row.published_at),
        }),
        Err(error) => {
            tracing::error!(%error, "ALERT a published catalogue can't be read");
            None
        }
    }
}

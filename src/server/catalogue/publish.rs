//! Publishing a catalogue: once, and never changed.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel, TryInsertResult};
use sha2::{Digest, Sha256};

use super::file::CatalogueFile;
use crate::server::{
    clock::{from_millis, to_millis},
    database::Database,
    entity::catalogue,
};

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
    if stored(database, &version).await?.is_none() {
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
    let there = stored(database, &version).await?.ok_or_else(|| {
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
async fn stored(database: &Database, version: &str) -> Result<Option<catalogue::Model>, DbErr> {
    catalogue::Entity::find_by_id(version).one(database.writer()).await
}

//! An endpoint of the platform: it takes events.

use std::fmt;

use sea_orm::entity::prelude::*;

/// An endpoint of the platform: it takes events.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub url: String,
    pub kinds: String,
    pub secret: KeptSecret,
    pub old_secret: Option<KeptSecret>,
    pub old_secret_until: Option<i64>,
    pub created_at: i64,
    pub disabled_at: Option<i64>,
    pub removed_at: Option<i64>,
}

/// What signs messages; `Debug` doesn't tell it.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct KeptSecret(pub String);

impl fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptSecret(…)")
    }
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

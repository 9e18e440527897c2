//! A key of a program: only a hash of its secret is kept.

use sea_orm::entity::prelude::*;

/// A key of a program: only a hash of its secret is kept.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub secret_hash: String,
    pub name: String,
    pub account_id: Option<String>,
    pub may_read: bool,
    pub may_spend: bool,
    pub may_grant: bool,
    pub ceiling: Option<i64>,
    pub intent: Option<String>,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Credits received together.

use sea_orm::entity::prelude::*;

/// Credits received together.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lots")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub source: String,
    pub granted: i64,
    pub remaining: i64,
    pub held: i64,
    pub expires_at: i64,
    pub purchase_id: Option<String>,
    pub is_open: bool,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

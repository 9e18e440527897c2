//! A binding price for one operation.

use sea_orm::entity::prelude::*;

/// A binding price for one operation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quotes")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account_id: String,
    pub operation: String,
    pub quantities: String,
    pub cost: i64,
    pub detail: String,
    pub rate_card: String,
    pub created_at: i64,
    pub valid_until: i64,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Credits set aside.

use sea_orm::entity::prelude::*;

/// Credits set aside.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub operation: String,
    pub amount: i64,
    pub captured: i64,
    pub state: String,
    pub expires_at: i64,
    pub settled_seq: Option<i64>,
    pub settled_at: Option<i64>,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

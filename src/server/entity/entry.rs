//! One line of the ledger: INSERT only.

use sea_orm::entity::prelude::*;

/// One line of the ledger: INSERT only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entries")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub kind: String,
    pub operation: Option<String>,
    pub available_change: i64,
    pub held_change: i64,
    pub available_after: i64,
    pub held_after: i64,
    pub description: String,
    pub detail: String,
    pub reference: String,
    pub rate_card: String,
    pub at: i64,
    pub request_key: Option<String>,
    pub request_digest: Option<String>,
    pub hold: Option<i64>,
    pub run: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

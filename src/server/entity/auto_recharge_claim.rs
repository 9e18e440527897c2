//! A charge for auto-recharge that one worker has claimed.

use sea_orm::entity::prelude::*;

/// A charge for auto-recharge that one worker has claimed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auto_recharge_claims")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i64,
    pub purchase_id: String,
    pub available: i64,
    pub customer: String,
    pub method: String,
    pub card: String,
    pub email: String,
    pub claimed_at: i64,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

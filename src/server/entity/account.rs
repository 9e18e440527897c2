//! The O(1) balance of an account.

use sea_orm::entity::prelude::*;

/// The O(1) balance of an account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub zone: String,
    pub cycle_anchor_day: i32,
    pub available: i64,
    pub held: i64,
    pub seq: i64,
    pub granted: i64,
    pub spent: i64,
    pub expired: i64,
    pub latest_at: i64,
    pub created_at: i64,
    pub cap_all: Option<i64>,
    pub cap_inference: Option<i64>,
    pub cap_strategy: Option<i64>,
    pub cap_backtest: Option<i64>,
    pub cap_analysis: Option<i64>,
    pub low_at: Option<i64>,
    pub level: String,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

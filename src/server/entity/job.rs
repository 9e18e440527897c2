//! One slot of a job: its claim, and what came of it.

use sea_orm::entity::prelude::*;

/// One slot of a job: its claim, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i64,
    pub next_slot: i64,
    pub claim: String,
    pub claimed_at: i64,
    pub seen_at: i64,
    pub finished_at: Option<i64>,
    pub done: i64,
    pub error: Option<String>,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

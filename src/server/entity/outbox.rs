//! One message to send.

use sea_orm::entity::prelude::*;

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account_id: String,
    pub event_id: String,
    pub channel: String,
    pub target: String,
    pub state: String,
    pub attempts: i32,
    pub due_at: i64,
    pub last_error: String,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

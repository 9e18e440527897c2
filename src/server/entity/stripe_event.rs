//! A signed event from Stripe.

use sea_orm::entity::prelude::*;

/// A signed event from Stripe.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stripe_events")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub livemode: bool,
    pub object_id: Option<String>,
    pub payment_intent: Option<String>,
    pub body: String,
    pub received_at: i64,
    pub handled_at: Option<i64>,
    pub outcome: String,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What an account agreed to for auto-recharge, and the card that is saved for it.

use sea_orm::entity::prelude::*;

/// What an account agreed to for auto-recharge, and the card that is saved for it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auto_recharges")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: String,
    pub user_id: String,
    pub is_on: bool,
    pub threshold: Option<i64>,
    pub package: Option<String>,
    pub credits: Option<i64>,
    pub total: Option<i64>,
    pub currency: Option<String>,
    pub monthly_cap: Option<i64>,
    pub per_day: Option<i64>,
    pub cooldown_hours: Option<i64>,
    pub consent: Option<String>,
    pub consent_version: Option<String>,
    pub consented_at: Option<i64>,
    pub customer: Option<String>,
    pub method: Option<String>,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub card_asked_at: i64,
    pub paused_at: Option<i64>,
    pub pause_reason: Option<String>,
    pub rests_until: i64,
    pub recharges: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub up_to_target: bool,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

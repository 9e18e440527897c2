//! One Checkout.

use sea_orm::entity::prelude::*;

/// One Checkout.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "purchases")]
#[expect(missing_docs, reason = "the migration documents the columns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account_id: String,
    pub user_id: String,
    pub intent: String,
    pub package: Option<String>,
    pub credits: i64,
    pub total: i64,
    pub currency: String,
    pub catalogue_version: String,
    pub terms: String,
    pub terms_accepted_at: i64,
    pub state: String,
    pub reason: String,
    pub idempotency_key: String,
    pub livemode: bool,
    pub stripe_session: Option<String>,
    pub stripe_payment: Option<String>,
    pub checkout_url: Option<String>,
    pub checkout_ends_at: Option<i64>,
    pub receipt_url: Option<String>,
    pub lot: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub paid_at: Option<i64>,
    pub credited_at: Option<i64>,
    pub charged_at: Option<i64>,
    pub stripe_consent: Option<String>,
    pub kind: String,
}

/// Joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

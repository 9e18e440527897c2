//! What Stripe tells of a payment besides that it is there.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// When Stripe charged the customer, by Stripe's clock; `paid_at` is when we heard of it.
const CHARGED_AT: &str = "ALTER TABLE purchases ADD COLUMN charged_at BIGINT";
/// What Stripe's page noted of the terms of service: `accepted`, where it asked for them.
const STRIPE_CONSENT: &str = "ALTER TABLE purchases ADD COLUMN stripe_consent TEXT";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[CHARGED_AT, STRIPE_CONSENT]).await
    }
}

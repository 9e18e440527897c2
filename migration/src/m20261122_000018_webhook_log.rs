//! How a job finds what is old in the log of webhooks, without reading past the rest.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

const MESSAGES_FINISHED: &str = "CREATE INDEX outbox_webhooks_finished ON outbox (finished_at)
    WHERE channel = 'webhook' AND finished_at IS NOT NULL";
const REQUESTS_BY_AGE: &str = "CREATE INDEX webhook_requests_by_age ON webhook_requests (at)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[MESSAGES_FINISHED, REQUESTS_BY_AGE]).await
    }
}

//! What requests with an idempotency key have led to is kept for all that the platform's services
//! ask for beside the ledger, not for webhooks alone.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

const REQUESTS: &str = "ALTER TABLE webhook_requests RENAME TO platform_requests";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[REQUESTS]).await
    }
}

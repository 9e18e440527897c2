//! Whose a session is, in a column of its own: session and user are read in one query.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

const USER_ID: &str = "ALTER TABLE sessions ADD COLUMN user_id TEXT";
/// Until now the id stood in the record alone.
const FILL: &str = "UPDATE sessions SET user_id =
    (SELECT id FROM users WHERE sessions.record LIKE '%\"' || users.id || '\"%')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[USER_ID, FILL]).await
    }
}

//! Which run of a program an entry belongs to, for keys with a ceiling per run.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

const RUN: &str = "ALTER TABLE entries ADD COLUMN run TEXT";

/// Entries of programs without a ceiling don't pay for it.
const ENTRIES_OF_RUN: &str =
    "CREATE INDEX entries_of_run ON entries (account_id, run) WHERE run IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[RUN, ENTRIES_OF_RUN]).await
    }
}

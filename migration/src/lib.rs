//! The tables of Recharge, one concern per file.
//!
//! The statements are the SQL that SQLite and PostgreSQL share: integers for amounts
//! (thousandths of a credit, minor units of money) and instants (milliseconds since 1970, UTC),
//! text for ids, CHECKs where a rule must hold whoever writes. A released file never changes;
//! a change is a new file.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261121_000001_accounts;
mod m20261121_000002_ledger;
mod m20261121_000003_payments;
mod m20261122_000004_holds;
mod m20261122_000005_catalogues;
mod m20261122_000006_programs;
mod m20261122_000007_payment_details;
mod m20261122_000008_session_users;
mod m20261122_000009_events;
mod m20261122_000010_jobs;
mod m20261122_000011_notifications;
mod m20261122_000012_webhooks;
mod m20261122_000013_auto_recharge;
mod m20261122_000016_runs;
mod m20261122_000017_recharge_target;
mod m20261122_000018_webhook_log;
mod m20261122_000019_platform_requests;

/// Brings a database up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts::Migration),
            Box::new(m20261121_000002_ledger::Migration),
            Box::new(m20261121_000003_payments::Migration),
            Box::new(m20261122_000004_holds::Migration),
            Box::new(m20261122_000005_catalogues::Migration),
            Box::new(m20261122_000006_programs::Migration),
            Box::new(m20261122_000007_payment_details::Migration),
            Box::new(m20261122_000008_session_users::Migration),
            Box::new(m20261122_000009_events::Migration),
            Box::new(m20261122_000010_jobs::Migration),
            Box::new(m20261122_000011_notifications::Migration),
            Box::new(m20261122_000012_webhooks::Migration),
            Box::new(m20261122_000013_auto_recharge::Migration),
            Box::new(m20261122_000016_runs::Migration),
            Box::new(m20261122_000017_recharge_target::Migration),
            Box::new(m20261122_000018_webhook_log::Migration),
            Box::new(m20261122_000019_platform_requests::Migration),
        ]
    }
}

/// Runs statements in order.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

//! The rows of the tables, as SeaORM entities. Seen by `ledger`, `payments`, `identity`,
//! `catalogue`, `quotes`, `events`, `outbox`, `webhooks` and `seed` only.
//! `catalogue`, `quotes`, `events`, `outbox`, `jobs` and `seed` only.
//! `catalogue`, `quotes`, `events`, `outbox`, `notices` and `seed` only.
//! `catalogue`, `quotes`, `events`, `outbox`, `jobs` and `seed` only.
//!
//! Amounts are thousandths of a credit or minor units of money, instants are milliseconds since
//! 1970 in UTC: see the migrations for what each column means.

use sea_orm::{EntityTrait, IdenStatic, Iterable};

pub mod account;
pub mod allocation;
pub mod api_key;
pub mod auto_recharge;
pub mod auto_recharge_claim;
pub mod catalogue;
pub mod discarded_card;
pub mod entry;
pub mod event;
pub mod external_account;
pub mod hold;
pub mod hold_allocation;
pub mod job;
pub mod lot;
pub mod mark;
pub mod notice;
pub mod notice_latch;
pub mod notice_preference;
pub mod outbox;
pub mod platform_request;
pub mod purchase;
pub mod quote;
pub mod runway_warning;
pub mod session;
pub mod sign_in_link;
pub mod stripe_event;
pub mod usage_daily;
pub mod user;
pub mod webhook_attempt;
pub mod webhook_endpoint;

/// Returns the columns of a table for a statement that is written by hand: `lots.number, …`.
///
/// `*` would also mean the columns that a later release adds. PostgreSQL refuses a prepared
/// statement whose result has changed, on every connection that has prepared it before.
#[must_use]
pub fn columns<Entity: EntityTrait>() -> String {
    let table = Entity::default();
    let name = |column: Entity::Column| format!("{}.{}", table.table_name(), column.as_str());
    Entity::Column::iter().map(name).collect::<Vec<_>>().join(", ")
}

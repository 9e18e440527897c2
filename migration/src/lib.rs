//! The tables of Recharge, one concern per file.
//!
//! The statements are the SQL that SQLite and PostgreSQL share: integers for amounts
//! (thousandths of a credit, minor units of money) and instants (milliseconds since 1970, UTC),
//! text for ids, CHECKs where a rule must hold whoever writes. A released file never changes;
//! a change is a new file. `docs/operate/upgrade.md` has the rules for a change.
//!
//! A migration is a list of statements and nothing else, so that it can't begin, commit or skip a
//! transaction: the program runs each in one transaction, together with the row that records it.

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

/// One change of the tables.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The name under which a database records that it has this change: that of its file.
    pub name: &'static str,
    /// The change, in the dialect that both databases share.
    pub statements: &'static [&'static str],
}

/// Names each migration as its file is named.
macro_rules! in_order {
    ($($file:ident),+ $(,)?) => {
        &[$(Migration { name: stringify!($file), statements: $file::UP }),+]
    };
}

/// Every migration, in the order in which they are applied.
pub const MIGRATIONS: &[Migration] = in_order![
    m20261121_000001_accounts,
    m20261121_000002_ledger,
    m20261121_000003_payments,
    m20261122_000004_holds,
    m20261122_000005_catalogues,
    m20261122_000006_programs,
    m20261122_000007_payment_details,
    m20261122_000008_session_users,
    m20261122_000009_events,
    m20261122_000010_jobs,
    m20261122_000011_notifications,
    m20261122_000012_webhooks,
    m20261122_000013_auto_recharge,
    m20261122_000016_runs,
    m20261122_000017_recharge_target,
    m20261122_000018_webhook_log,
    m20261122_000019_platform_requests,
];

/// The level of the tables that this release works with. A contract step, which takes away what an
/// older release still uses, raises it by one, and writes the new level as `oldest_release` into
/// `marks`: releases of a lower level then refuse to work on that database.
pub const LEVEL: i64 = 1;

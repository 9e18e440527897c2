//! Holds come to life: who settled them and when, the rows that belong to them, and spend caps.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Nothing has written holds before.
const DROP: [&str; 2] = ["DROP TABLE hold_allocations", "DROP TABLE holds"];

/// A hold is named by the `seq` of the entry that made it, and settled once: by the entry
/// `settled_seq`. What it is for stands in the entry.
const HOLDS: &str = "
CREATE TABLE holds (
    account_id  TEXT   NOT NULL REFERENCES accounts (id),
    number      BIGINT NOT NULL,
    operation   TEXT   NOT NULL CHECK (operation IN ('inference', 'strategy', 'backtest', 'analysis')),
    amount      BIGINT NOT NULL CHECK (amount >= 0),
    captured    BIGINT NOT NULL CHECK (captured BETWEEN 0 AND amount),
    state       TEXT   NOT NULL CHECK (state IN ('open', 'captured', 'released', 'lapsed')),
    expires_at  BIGINT NOT NULL,
    settled_seq BIGINT,
    settled_at  BIGINT,
    PRIMARY KEY (account_id, number),
    CONSTRAINT holds_are_settled_once CHECK ((state = 'open') = (settled_seq IS NULL)),
    CONSTRAINT settled_holds_say_when CHECK ((settled_seq IS NULL) = (settled_at IS NULL)),
    CONSTRAINT only_captured_holds_are_spent CHECK (captured = 0 OR state = 'captured')
)";

/// Those that may lapse.
const HOLDS_OPEN: &str =
    "CREATE INDEX holds_open ON holds (account_id, expires_at) WHERE state = 'open'";

/// Which lots a hold has taken from.
const HOLD_ALLOCATIONS: &str = "
CREATE TABLE hold_allocations (
    account_id TEXT   NOT NULL,
    hold       BIGINT NOT NULL,
    lot        BIGINT NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (account_id, hold, lot)
)";

/// The hold that an entry made, extended or settled.
const ENTRIES_HOLD: &str = "ALTER TABLE entries ADD COLUMN hold BIGINT";

/// What an account lets itself consume and hold in one billing cycle; none where it is NULL.
const CAPS: [&str; 5] = [
    "ALTER TABLE accounts ADD COLUMN cap_all BIGINT CHECK (cap_all >= 0)",
    "ALTER TABLE accounts ADD COLUMN cap_inference BIGINT CHECK (cap_inference >= 0)",
    "ALTER TABLE accounts ADD COLUMN cap_strategy BIGINT CHECK (cap_strategy >= 0)",
    "ALTER TABLE accounts ADD COLUMN cap_backtest BIGINT CHECK (cap_backtest >= 0)",
    "ALTER TABLE accounts ADD COLUMN cap_analysis BIGINT CHECK (cap_analysis >= 0)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &DROP).await?;
        run(manager, &[HOLDS, HOLDS_OPEN, HOLD_ALLOCATIONS, ENTRIES_HOLD]).await?;
        run(manager, &CAPS).await
    }
}

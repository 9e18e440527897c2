//! Holds come to life: who settled them and when, the rows that belong to them, and spend caps.

/// Nothing has written holds before.
const DROP_HOLD_ALLOCATIONS: &str = "DROP TABLE hold_allocations";
const DROP_HOLDS: &str = "DROP TABLE holds";

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
const CAP_ALL: &str = "ALTER TABLE accounts ADD COLUMN cap_all BIGINT CHECK (cap_all >= 0)";
const CAP_INFERENCE: &str =
    "ALTER TABLE accounts ADD COLUMN cap_inference BIGINT CHECK (cap_inference >= 0)";
const CAP_STRATEGY: &str =
    "ALTER TABLE accounts ADD COLUMN cap_strategy BIGINT CHECK (cap_strategy >= 0)";
const CAP_BACKTEST: &str =
    "ALTER TABLE accounts ADD COLUMN cap_backtest BIGINT CHECK (cap_backtest >= 0)";
const CAP_ANALYSIS: &str =
    "ALTER TABLE accounts ADD COLUMN cap_analysis BIGINT CHECK (cap_analysis >= 0)";

/// In this order.
pub const UP: &[&str] = &[
    DROP_HOLD_ALLOCATIONS,
    DROP_HOLDS,
    HOLDS,
    HOLDS_OPEN,
    HOLD_ALLOCATIONS,
    ENTRIES_HOLD,
    CAP_ALL,
    CAP_INFERENCE,
    CAP_STRATEGY,
    CAP_BACKTEST,
    CAP_ANALYSIS,
];

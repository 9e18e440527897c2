//! The ledger: lots, entries, allocations, holds, and the roll-up that charts read.

/// A lot is named by the `seq` of the entry that granted it. `is_open` stands for
/// `remaining > 0 OR held > 0`: an index on those columns would make every debit rewrite it.
const LOTS: &str = "
CREATE TABLE lots (
    account_id  TEXT    NOT NULL REFERENCES accounts (id),
    number      BIGINT  NOT NULL,
    source      TEXT    NOT NULL CHECK (source IN ('purchase', 'promotion', 'goodwill')),
    granted     BIGINT  NOT NULL CHECK (granted > 0),
    remaining   BIGINT  NOT NULL CHECK (remaining >= 0),
    held        BIGINT  NOT NULL CHECK (held >= 0),
    expires_at  BIGINT  NOT NULL,
    purchase_id TEXT,
    is_open     BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, number),
    CONSTRAINT lots_never_grow CHECK (remaining + held <= granted),
    CONSTRAINT lots_open_while_something_is_left CHECK (is_open = (remaining > 0 OR held > 0)),
    CONSTRAINT purchases_become_purchased_lots CHECK ((source = 'purchase') = (purchase_id IS NOT NULL))
)";

const LOTS_OPEN: &str = "CREATE INDEX lots_open ON lots (account_id, number) WHERE is_open";
const LOTS_ENDING: &str = "CREATE INDEX lots_ending ON lots (expires_at) WHERE is_open";

/// Paid means credited once.
const LOTS_ONE_PER_PURCHASE: &str =
    "CREATE UNIQUE INDEX lots_one_per_purchase ON lots (purchase_id) WHERE purchase_id IS NOT NULL";

/// INSERT only. The idempotency key stands on the entry that it led to: one row answers for a
/// request, and a second row for the same key can't exist.
const ENTRIES: &str = "
CREATE TABLE entries (
    account_id       TEXT   NOT NULL REFERENCES accounts (id),
    seq              BIGINT NOT NULL CHECK (seq > 0),
    kind             TEXT   NOT NULL CHECK (kind IN
                     ('granted', 'spent', 'held', 'released', 'expired', 'adjusted', 'clawed_back')),
    operation        TEXT   CHECK (operation IN ('inference', 'strategy', 'backtest', 'analysis')),
    available_change BIGINT NOT NULL,
    held_change      BIGINT NOT NULL,
    available_after  BIGINT NOT NULL CHECK (available_after >= 0),
    held_after       BIGINT NOT NULL CHECK (held_after >= 0),
    description      TEXT   NOT NULL,
    detail           TEXT   NOT NULL,
    reference        TEXT   NOT NULL,
    rate_card        TEXT   NOT NULL,
    at               BIGINT NOT NULL,
    request_key      TEXT,
    request_digest   TEXT,
    PRIMARY KEY (account_id, seq),
    CONSTRAINT keys_have_digests CHECK ((request_key IS NULL) = (request_digest IS NULL)),
    CONSTRAINT only_operations_are_spent CHECK (kind <> 'spent' OR operation IS NOT NULL)
)";

const ENTRIES_ONE_PER_REQUEST: &str = "CREATE UNIQUE INDEX entries_one_per_request
    ON entries (account_id, request_key) WHERE request_key IS NOT NULL";

/// The rare kinds, so that a filter for them needn't read past every debit.
const ENTRIES_RARE: &str = "CREATE INDEX entries_rare ON entries (account_id, kind, seq)
    WHERE kind IN ('granted', 'expired', 'adjusted', 'clawed_back')";

const ALLOCATIONS: &str = "
CREATE TABLE allocations (
    account_id TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    lot        BIGINT NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (account_id, seq, lot)
)";

/// A hold is named by the `seq` of the entry that made it.
const HOLDS: &str = "
CREATE TABLE holds (
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    number     BIGINT NOT NULL,
    operation  TEXT   NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount >= 0),
    captured   BIGINT NOT NULL CHECK (captured BETWEEN 0 AND amount),
    state      TEXT   NOT NULL CHECK (state IN ('open', 'captured', 'released', 'lapsed')),
    expires_at BIGINT NOT NULL,
    reference  TEXT   NOT NULL,
    PRIMARY KEY (account_id, number)
)";

const HOLD_ALLOCATIONS: &str = "
CREATE TABLE hold_allocations (
    account_id TEXT   NOT NULL,
    hold       BIGINT NOT NULL,
    lot        BIGINT NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (account_id, hold, lot)
)";

/// Days are those of the account's zone, written as 2026-11-21.
const USAGE_DAILY: &str = "
CREATE TABLE usage_daily (
    account_id TEXT   NOT NULL,
    day        TEXT   NOT NULL,
    operation  TEXT   NOT NULL,
    credits    BIGINT NOT NULL CHECK (credits >= 0),
    operations BIGINT NOT NULL CHECK (operations > 0),
    PRIMARY KEY (account_id, day, operation)
)";

/// In this order.
pub const UP: &[&str] = &[
    LOTS,
    LOTS_OPEN,
    LOTS_ENDING,
    LOTS_ONE_PER_PURCHASE,
    ENTRIES,
    ENTRIES_ONE_PER_REQUEST,
    ENTRIES_RARE,
    ALLOCATIONS,
    HOLDS,
    HOLD_ALLOCATIONS,
    USAGE_DAILY,
];

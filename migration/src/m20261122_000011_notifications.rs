//! How customers want to be told, and when they were told last.

/// An event that waits is told later, or never where it no longer matters then.
const WAIT_UNTIL: &str = "ALTER TABLE events ADD COLUMN wait_until BIGINT";

/// What a customer chose; where they chose nothing, the usual holds.
const PREFERENCES: &str = "
CREATE TABLE notice_preferences (
    account_id TEXT    NOT NULL REFERENCES accounts (id),
    topic      TEXT    NOT NULL,
    inbox      BOOLEAN NOT NULL,
    mail       BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, topic)
)";

/// When an account was told of a kind of event that may not be told often.
const LATCHES: &str = "
CREATE TABLE notice_latches (
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    kind       TEXT   NOT NULL,
    told_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
)";

/// Days of runway below which a balance is low; none where the customer named an amount of credits
/// or wants no warning. An account without a row has the usual number of days.
const RUNWAY_WARNINGS: &str = "
CREATE TABLE runway_warnings (
    account_id TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
    days       INTEGER CHECK (days BETWEEN 1 AND 90)
)";

/// In this order.
pub const UP: &[&str] = &[WAIT_UNTIL, PREFERENCES, LATCHES, RUNWAY_WARNINGS];

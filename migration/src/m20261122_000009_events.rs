//! What happened that somebody should be told of, what customers are told, and what is sent out.

/// Written in the transaction of its cause, and once for each cause; told by a job.
const EVENTS: &str = "
CREATE TABLE events (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    kind       TEXT   NOT NULL,
    cause      TEXT   NOT NULL,
    data       TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    told_at    BIGINT,
    UNIQUE (account_id, kind, cause)
)";

const EVENTS_UNTOLD: &str = "CREATE INDEX events_untold ON events (id) WHERE told_at IS NULL";

/// The customer's inbox: an event is one notice or none.
const NOTICES: &str = "
CREATE TABLE notices (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    event_id   TEXT   NOT NULL UNIQUE REFERENCES events (id),
    at         BIGINT NOT NULL,
    read_at    BIGINT
)";

const NOTICES_BY_ACCOUNT: &str = "CREATE INDEX notices_by_account ON notices (account_id, id)";
const NOTICES_UNREAD: &str =
    "CREATE INDEX notices_unread ON notices (account_id) WHERE read_at IS NULL";

/// What is sent: `target` is an e-mail address or the id of an endpoint. The id stands in the
/// message, so that one that is sent again is recognised.
const OUTBOX: &str = "
CREATE TABLE outbox (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES accounts (id),
    event_id     TEXT    NOT NULL REFERENCES events (id),
    channel      TEXT    NOT NULL CHECK (channel IN ('mail', 'webhook')),
    target       TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    due_at       BIGINT  NOT NULL,
    last_error   TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    finished_at  BIGINT,
    UNIQUE (event_id, channel, target),
    CONSTRAINT finished_or_waiting CHECK ((state = 'waiting') = (finished_at IS NULL))
)";

const OUTBOX_DUE: &str =
    "CREATE INDEX outbox_due ON outbox (channel, due_at) WHERE state = 'waiting'";
const OUTBOX_BY_ACCOUNT: &str = "CREATE INDEX outbox_by_account ON outbox (account_id, id)";

/// Below which balance the customer wants to hear of it, and what they heard last.
const LOW_AT: &str = "ALTER TABLE accounts ADD COLUMN low_at BIGINT CHECK (low_at > 0)";
const LEVEL: &str = "ALTER TABLE accounts ADD COLUMN level TEXT NOT NULL DEFAULT 'fine'
    CHECK (level IN ('fine', 'low', 'empty'))";
/// Nobody is told now of what happened before.
const LEVEL_OF_OLD: &str =
    "UPDATE accounts SET level = 'empty' WHERE seq > 0 AND available = 0 AND held = 0";

/// In this order.
pub const UP: &[&str] = &[
    EVENTS,
    EVENTS_UNTOLD,
    NOTICES,
    NOTICES_BY_ACCOUNT,
    NOTICES_UNREAD,
    OUTBOX,
    OUTBOX_DUE,
    OUTBOX_BY_ACCOUNT,
    LOW_AT,
    LEVEL,
    LEVEL_OF_OLD,
];

//! The platform's endpoints, to which events are sent, and the log of the attempts.

/// `kinds` are ids of events, with commas between them; none means all that are sent. The secret
/// signs each message, so it is kept as it is and not as a hash; one that was replaced signs
/// beside the new one until `old_secret_until`. An endpoint that was removed keeps its row, for
/// the log's sake, and no secret.
const ENDPOINTS: &str = "
CREATE TABLE webhook_endpoints (
    id               TEXT   NOT NULL PRIMARY KEY,
    url              TEXT   NOT NULL,
    kinds            TEXT   NOT NULL,
    secret           TEXT   NOT NULL,
    old_secret       TEXT,
    old_secret_until BIGINT,
    created_at       BIGINT NOT NULL,
    disabled_at      BIGINT,
    removed_at       BIGINT,
    CONSTRAINT old_secrets_end CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
    CONSTRAINT what_is_removed_signs_nothing
        CHECK ((removed_at IS NULL) = (secret <> '') AND (removed_at IS NULL OR old_secret IS NULL))
)";

/// What one attempt to deliver a message came to; without a status nobody answered.
const ATTEMPTS: &str = "
CREATE TABLE webhook_attempts (
    id          TEXT    NOT NULL PRIMARY KEY,
    endpoint_id TEXT    NOT NULL REFERENCES webhook_endpoints (id),
    message_id  TEXT    NOT NULL REFERENCES outbox (id),
    at          BIGINT  NOT NULL,
    status      INTEGER,
    duration_ms BIGINT  NOT NULL,
    note        TEXT    NOT NULL
)";

const ATTEMPTS_BY_MESSAGE: &str =
    "CREATE INDEX webhook_attempts_by_message ON webhook_attempts (message_id, id)";

/// What requests with an idempotency key have led to.
const REQUESTS: &str = "
CREATE TABLE webhook_requests (
    key    TEXT   NOT NULL PRIMARY KEY,
    digest TEXT   NOT NULL,
    led_to TEXT   NOT NULL,
    at     BIGINT NOT NULL
)";

/// Each endpoint has its own queue, so that a slow one holds up no other.
const DUE_BY_ENDPOINT: &str = "CREATE INDEX outbox_due_by_endpoint ON outbox (target, due_at)
    WHERE state = 'waiting' AND channel = 'webhook'";
const BY_ENDPOINT: &str =
    "CREATE INDEX outbox_by_endpoint ON outbox (target, id) WHERE channel = 'webhook'";

/// In this order.
pub const UP: &[&str] =
    &[ENDPOINTS, ATTEMPTS, ATTEMPTS_BY_MESSAGE, REQUESTS, DUE_BY_ENDPOINT, BY_ENDPOINT];

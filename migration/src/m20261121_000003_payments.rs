//! Purchases, what Stripe told us, and how far we have read it.

/// `intent` is the page's token for one wish to buy: a double click is one purchase.
/// `idempotency_key` is what Stripe knows the same wish by, over every retry.
const PURCHASES: &str = "
CREATE TABLE purchases (
    id                TEXT    NOT NULL PRIMARY KEY,
    account_id        TEXT    NOT NULL REFERENCES accounts (id),
    user_id           TEXT    NOT NULL REFERENCES users (id),
    intent            TEXT    NOT NULL,
    package           TEXT,
    credits           BIGINT  NOT NULL CHECK (credits > 0),
    total             BIGINT  NOT NULL CHECK (total >= 0),
    currency          TEXT    NOT NULL,
    catalogue_version TEXT    NOT NULL,
    terms             TEXT    NOT NULL,
    terms_accepted_at BIGINT  NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('started', 'open', 'processing', 'credited',
                              'failed', 'cancelled', 'expired', 'needs_review')),
    reason            TEXT    NOT NULL,
    idempotency_key   TEXT    NOT NULL UNIQUE,
    livemode          BOOLEAN NOT NULL,
    stripe_session    TEXT    UNIQUE,
    stripe_payment    TEXT,
    checkout_url      TEXT,
    checkout_ends_at  BIGINT,
    receipt_url       TEXT,
    lot               BIGINT,
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT  NOT NULL,
    paid_at           BIGINT,
    credited_at       BIGINT,
    UNIQUE (account_id, intent),
    CONSTRAINT credited_purchases_have_a_lot CHECK (state <> 'credited' OR lot IS NOT NULL)
)";

const PURCHASES_BY_ACCOUNT: &str =
    "CREATE INDEX purchases_by_account ON purchases (account_id, created_at)";
const PURCHASES_WAITING: &str = "CREATE INDEX purchases_waiting ON purchases (updated_at)
    WHERE state IN ('started', 'open', 'processing')";

/// Every signed event, whether we know its type or not.
const STRIPE_EVENTS: &str = "
CREATE TABLE stripe_events (
    id             TEXT    NOT NULL PRIMARY KEY,
    kind           TEXT    NOT NULL,
    livemode       BOOLEAN NOT NULL,
    object_id      TEXT,
    payment_intent TEXT,
    body           TEXT    NOT NULL,
    received_at    BIGINT  NOT NULL,
    handled_at     BIGINT,
    outcome        TEXT    NOT NULL
)";

const STRIPE_EVENTS_BY_OBJECT: &str =
    "CREATE INDEX stripe_events_by_object ON stripe_events (object_id)";

/// How far a reader has come: the reconciler's last event, for one.
const MARKS: &str = "
CREATE TABLE marks (
    name       TEXT   NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
)";

/// In this order.
pub const UP: &[&str] = &[
    PURCHASES,
    PURCHASES_BY_ACCOUNT,
    PURCHASES_WAITING,
    STRIPE_EVENTS,
    STRIPE_EVENTS_BY_OBJECT,
    MARKS,
];

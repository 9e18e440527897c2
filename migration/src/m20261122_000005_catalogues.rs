//! Published catalogues, and the quotes that their rate cards made.

/// Rows are never changed. The one in effect is the last to have come into effect.
const CATALOGUES: &str = "
CREATE TABLE catalogues (
    version        TEXT   NOT NULL PRIMARY KEY,
    content        TEXT   NOT NULL,
    digest         TEXT   NOT NULL,
    effective_from BIGINT NOT NULL,
    published_at   BIGINT NOT NULL
)";

/// A quote keeps its price and the version that made it, whatever is published later.
const QUOTES: &str = "
CREATE TABLE quotes (
    id          TEXT   NOT NULL PRIMARY KEY,
    account_id  TEXT   NOT NULL REFERENCES accounts (id),
    operation   TEXT   NOT NULL,
    quantities  TEXT   NOT NULL,
    cost        BIGINT NOT NULL CHECK (cost >= 0),
    detail      TEXT   NOT NULL,
    rate_card   TEXT   NOT NULL REFERENCES catalogues (version),
    created_at  BIGINT NOT NULL,
    valid_until BIGINT NOT NULL CHECK (valid_until > created_at)
)";

/// In this order.
pub const UP: &[&str] = &[CATALOGUES, QUOTES];

//! Programs and the platform: API keys, the platform's own names for its users, and links that
//! sign in once.

/// Only a hash of the secret is stored. A key without an account is a service's: it acts for
/// every account, and alone may give credits away. `intent` is the page's token for one wish to
/// make a key: a form that is sent twice makes one.
const API_KEYS: &str = "
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    secret_hash  TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    account_id   TEXT    REFERENCES accounts (id),
    may_read     BOOLEAN NOT NULL,
    may_spend    BOOLEAN NOT NULL,
    may_grant    BOOLEAN NOT NULL,
    ceiling      BIGINT  CHECK (ceiling > 0),
    intent       TEXT,
    created_at   BIGINT  NOT NULL,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    UNIQUE (account_id, intent),
    CONSTRAINT keys_may_something CHECK (may_read OR may_spend OR may_grant),
    CONSTRAINT only_services_grant CHECK (account_id IS NULL OR NOT may_grant)
)";

const API_KEYS_BY_ACCOUNT: &str =
    "CREATE INDEX api_keys_by_account ON api_keys (account_id, created_at)";

/// What the platform calls a user of its own, and the account that is theirs here.
const EXTERNAL_ACCOUNTS: &str = "
CREATE TABLE external_accounts (
    external_id TEXT   NOT NULL PRIMARY KEY,
    account_id  TEXT   NOT NULL UNIQUE REFERENCES accounts (id),
    user_id     TEXT   NOT NULL UNIQUE REFERENCES users (id),
    created_at  BIGINT NOT NULL
)";

/// A link is deleted by the sign-in that it leads to: it works once.
const SIGN_IN_LINKS: &str = "
CREATE TABLE sign_in_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
)";

const SIGN_IN_LINKS_BY_EXPIRY: &str =
    "CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at)";

/// In this order.
pub const UP: &[&str] =
    &[API_KEYS, API_KEYS_BY_ACCOUNT, EXTERNAL_ACCOUNTS, SIGN_IN_LINKS, SIGN_IN_LINKS_BY_EXPIRY];

//! Accounts with their O(1) balance, the people who sign in, and their sessions.

/// The balance of an account is a projection of its entries, written with them.
const ACCOUNTS: &str = "
CREATE TABLE accounts (
    id               TEXT    NOT NULL PRIMARY KEY,
    zone             TEXT    NOT NULL,
    cycle_anchor_day INTEGER NOT NULL CHECK (cycle_anchor_day BETWEEN 1 AND 31),
    available        BIGINT  NOT NULL CHECK (available >= 0),
    held             BIGINT  NOT NULL CHECK (held >= 0),
    seq              BIGINT  NOT NULL CHECK (seq >= 0),
    granted          BIGINT  NOT NULL,
    spent            BIGINT  NOT NULL,
    expired          BIGINT  NOT NULL,
    latest_at        BIGINT  NOT NULL,
    created_at       BIGINT  NOT NULL,
    CONSTRAINT accounts_add_up CHECK (granted = available + held + spent + expired)
)";

/// E-mail addresses are kept in lower case.
const USERS: &str = "
CREATE TABLE users (
    id            TEXT   NOT NULL PRIMARY KEY,
    email         TEXT   NOT NULL UNIQUE CHECK (email = lower(email)),
    name          TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('customer', 'support')),
    account_id    TEXT   UNIQUE REFERENCES accounts (id),
    created_at    BIGINT NOT NULL,
    CONSTRAINT customers_have_accounts CHECK ((role = 'customer') = (account_id IS NOT NULL))
)";

/// Only a hash of the session's id is stored: who reads the table can't sign in with it.
const SESSIONS: &str = "
CREATE TABLE sessions (
    id_hash    TEXT   NOT NULL PRIMARY KEY,
    record     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
)";

const SESSIONS_BY_EXPIRY: &str = "CREATE INDEX sessions_by_expiry ON sessions (expires_at)";

/// In this order.
pub const UP: &[&str] = &[ACCOUNTS, USERS, SESSIONS, SESSIONS_BY_EXPIRY];

//! Promises about users, sessions, keys, and the names that the platform gives them.

use super::check::Promise;

pub(super) const CHECKS: &[Promise] = &[
    // An account is opened together with its user.
    (
        "users",
        "account_id IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM accounts
                         WHERE accounts.id = users.account_id
                           AND accounts.created_at = users.created_at)",
        "their account was not opened together with them",
    ),
    (
        "users",
        "email NOT LIKE '_%@_%' OR name = ''
         OR (password_hash <> '' AND substr(password_hash, 1, 7) <> '$argon2')",
        "they have no address, no name, or a password that is not valid",
    ),
    (
        "accounts",
        "EXISTS (SELECT 1 FROM users WHERE users.account_id = accounts.id
                 AND users.created_at <> accounts.created_at)",
        "it was not opened with its user",
    ),
    (
        "accounts",
        "level <> CASE
             WHEN seq = 0 THEN 'fine'
             WHEN available + held <= 0 THEN 'empty'
             WHEN available + held < COALESCE(low_at, 0) THEN 'low'
             ELSE 'fine'
         END",
        "its level doesn't match its balance, so its customer isn't notified when it changes",
    ),
    ("sessions", "length(id_hash) <> 64", "its hash is not valid, so nobody can use this session"),
    (
        "sign_in_links",
        "length(token_hash) <> 64",
        "its hash is not valid, so nobody can follow this link",
    ),
    (
        "external_accounts",
        "external_id = ''
         OR NOT EXISTS (SELECT 1 FROM users
                        WHERE users.id = external_accounts.user_id
                          AND users.account_id = external_accounts.account_id
                          AND users.created_at = external_accounts.created_at)",
        "its user has another account, or was not created together with it",
    ),
    (
        "api_keys",
        "length(secret_hash) <> 64 OR length(id) <> 16",
        "its id or hash is not valid, so nobody can use this key",
    ),
    ("api_keys", "name = ''", "it has no name"),
    (
        "api_keys",
        "intent IS NOT NULL AND (account_id IS NULL OR length(intent) <> 36)",
        "a customer made it, but its account or its intent is not valid",
    ),
    (
        "api_keys",
        "revoked_at < created_at - {slack} OR last_used_at < created_at - {slack}",
        "its instants are in the wrong order",
    ),
    ("platform_requests", "length(digest) <> 64", "its digest is not valid"),
    // The server deletes a message a month after it was taken, and a request a month after it came.
    (
        "platform_requests",
        "led_to <> ''
         AND CASE
             WHEN led_to LIKE 'opened %' OR led_to LIKE 'found %' THEN
                 NOT EXISTS (SELECT 1 FROM external_accounts
                             WHERE external_accounts.account_id
                                   IN (substr(led_to, 8), substr(led_to, 7)))
             WHEN substr(led_to, 1, 4) = 'whe_' THEN
                 NOT EXISTS (SELECT 1 FROM webhook_endpoints WHERE webhook_endpoints.id = led_to)
             WHEN substr(led_to, 1, 4) = 'msg_' THEN
                 at > {latest} - 2505600000
                 AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = led_to)
             ELSE TRUE
         END",
        "the account, endpoint or message that it led to is missing",
    ),
];

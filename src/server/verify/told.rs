//! Promises about events, the inbox, messages and endpoints.

use super::check::Promise;

pub(super) const CHECKS: &[Promise] = &[
    (
        "events",
        "told_at IS NULL
         AND (EXISTS (SELECT 1 FROM notices WHERE notices.event_id = events.id)
              OR (wait_until IS NULL
                  AND EXISTS (SELECT 1 FROM outbox WHERE outbox.event_id = events.id)))",
        "somebody was told of it, but it says that nobody was",
    ),
    // Nobody can opt out of notices about money. Purchases of auto-recharge have events of their own.
    (
        "events",
        "told_at IS NOT NULL
         AND (kind LIKE 'auto_recharge.%'
              OR (kind = 'purchase.credited'
                  AND EXISTS (SELECT 1 FROM purchases
                              WHERE purchases.id = events.cause AND purchases.kind = 'checkout')))
         AND EXISTS (SELECT 1 FROM users WHERE users.account_id = events.account_id)
         AND NOT EXISTS (SELECT 1 FROM notices WHERE notices.event_id = events.id)",
        "it says that its customer was told, but it is in no inbox",
    ),
    (
        "events",
        "told_at < at - {slack}
         OR (wait_until IS NOT NULL
             AND kind NOT IN ('credits.low', 'credits.depleted', 'credits.recovered'))",
        "its customer was told before it happened, or it waits without a reason",
    ),
    (
        "notices",
        "NOT EXISTS (SELECT 1 FROM events
                     WHERE events.id = notices.event_id AND events.account_id = notices.account_id
                       AND events.told_at = notices.at)",
        "its event has another account, or was told at another time",
    ),
    ("notices", "read_at < at - {slack}", "it was read before it was written"),
    (
        "outbox",
        "NOT EXISTS (SELECT 1 FROM events
                     WHERE events.id = outbox.event_id AND events.account_id = outbox.account_id)",
        "its event is of another account",
    ),
    (
        "outbox",
        "CASE channel
             WHEN 'mail' THEN target NOT LIKE '_%@_%'
             ELSE NOT EXISTS (SELECT 1 FROM webhook_endpoints
                              WHERE webhook_endpoints.id = outbox.target)
         END",
        "its target is neither an address nor an endpoint",
    ),
    (
        "outbox",
        "(state = 'sent' AND (attempts = 0 OR last_error <> ''))
         OR (state = 'given_up' AND last_error = '')",
        "its state, its attempts and its last error say different things",
    ),
    (
        "outbox",
        "state = 'sent' AND channel = 'webhook'
         AND NOT EXISTS (SELECT 1 FROM webhook_attempts
                         WHERE webhook_attempts.message_id = outbox.id
                           AND webhook_attempts.status BETWEEN 200 AND 299)",
        "it is sent, but no attempt says that it was taken",
    ),
    ("outbox", "finished_at < created_at - {slack}", "it was finished before it was written"),
    (
        "webhook_attempts",
        "NOT EXISTS (SELECT 1 FROM outbox
                     WHERE outbox.id = webhook_attempts.message_id AND outbox.channel = 'webhook'
                       AND outbox.target = webhook_attempts.endpoint_id)",
        "its message is for another endpoint",
    ),
    (
        "webhook_attempts",
        "status NOT BETWEEN 100 AND 999 OR duration_ms NOT BETWEEN 0 AND 86400000",
        "no attempt can have this status or take so long",
    ),
    (
        "webhook_endpoints",
        "(removed_at IS NULL AND (substr(secret, 1, 6) <> 'whsec_' OR length(secret) <> 50))
         OR substr(old_secret, 1, 6) <> 'whsec_' OR length(old_secret) <> 50",
        "nothing can be signed with its secret",
    ),
    (
        "webhook_endpoints",
        "disabled_at < created_at - {slack} OR removed_at < created_at - {slack}",
        "its instants are in the wrong order",
    ),
    ("notice_latches", "kind NOT LIKE 'credits.%'", "events of this kind have no latch"),
    (
        "notice_preferences",
        "topic IN ('purchases', 'auto_recharge')",
        "nobody can choose how we notify them about money",
    ),
];

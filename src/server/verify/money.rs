//! Purchases, what Stripe said of them, and auto-recharge.

use super::check::Promise;

pub(super) const CHECKS: &[Promise] = &[
    (
        "purchases",
        "NOT EXISTS (SELECT 1 FROM users WHERE users.id = purchases.user_id
                     AND users.account_id = purchases.account_id)",
        "its buyer has another account",
    ),
    // Demo data has a random intent and key, 36 characters long.
    (
        "purchases",
        "kind = 'checkout' AND length(intent) <> 36 AND substr(intent, 37)
         <> ':' || COALESCE(package, 'custom') || ':' || (credits / 1000)",
        "its intent names another choice",
    ),
    (
        "purchases",
        "idempotency_key <> kind || ':' || id AND (kind = 'auto' OR length(idempotency_key) <> 36)",
        "Stripe knows it by the key of another purchase",
    ),
    (
        "purchases",
        "(kind = 'auto') <> EXISTS (SELECT 1 FROM auto_recharge_claims AS claims
                                    WHERE claims.purchase_id = purchases.id
                                      AND claims.account_id = purchases.account_id
                                      AND 'auto:' || claims.slot = purchases.intent)",
        "its kind, its intent and the claim of an auto-recharge disagree",
    ),
    (
        "purchases",
        "(reason = '' AND state IN ('failed', 'cancelled', 'expired', 'needs_review'))
         OR (reason <> '' AND state IN ('open', 'processing', 'credited'))",
        "its state and its reason say different things",
    ),
    (
        "purchases",
        "paid_at IS NOT NULL AND state NOT IN ('processing', 'credited', 'needs_review')",
        "it is paid, but its state says that nothing was charged",
    ),
    ("purchases", "paid_at IS NULL AND state = 'credited'", "it is credited, but was never paid"),
    (
        "purchases",
        "(kind = 'checkout' AND state IN ('open', 'processing', 'credited')
          AND stripe_session IS NULL AND length(idempotency_key) <> 36)
         OR (kind = 'auto' AND (stripe_session IS NOT NULL
                                OR (state = 'credited' AND stripe_payment IS NULL)))",
        "it names no payment at Stripe, or one of another kind",
    ),
    (
        "purchases",
        "substr(stripe_session, 1, 8) <> CASE WHEN livemode THEN 'cs_live_' ELSE 'cs_test_' END",
        "its session at Stripe is not valid, or of the other mode",
    ),
    (
        "purchases",
        "substr(stripe_payment, 1, 3) <> 'pi_'
         OR EXISTS (SELECT 1 FROM purchases AS others
                    WHERE others.stripe_payment = purchases.stripe_payment
                      AND others.id <> purchases.id)",
        "its payment is not valid, or has paid for another purchase too",
    ),
    (
        "purchases",
        "id IN (SELECT credited.id FROM stripe_events
                JOIN purchases AS credited ON credited.id = CASE
                    WHEN outcome LIKE 'credited %' THEN substr(outcome, 10)
                    WHEN outcome LIKE '% was credited before'
                        THEN substr(outcome, 1, length(outcome) - 20)
                END
                WHERE stripe_events.object_id IS DISTINCT FROM credited.stripe_session
                  AND stripe_events.object_id IS DISTINCT FROM credited.stripe_payment)",
        "an event of Stripe that found it credited is of another payment",
    ),
    (
        "purchases",
        "substr(checkout_url, 1, 4) <> 'http' OR substr(receipt_url, 1, 4) <> 'http'",
        "the address of its checkout or receipt is not valid",
    ),
    (
        "purchases",
        "checkout_ends_at NOT BETWEEN created_at + 1 AND created_at + 86400000",
        "its checkout ends before it begins, or later than Stripe allows",
    ),
    ("purchases", "stripe_consent <> 'accepted'", "its consent at Stripe is not valid"),
    (
        "purchases",
        "updated_at < created_at - {slack} OR terms_accepted_at > created_at + {slack}",
        "its instants are in the wrong order",
    ),
    (
        "purchases",
        "state = 'credited'
         AND NOT EXISTS (SELECT 1 FROM lots
                         WHERE lots.purchase_id = purchases.id
                           AND lots.account_id = purchases.account_id
                           AND lots.number = purchases.lot AND lots.granted = purchases.credits)",
        "it is credited, but no lot of its account has its credits",
    ),
    (
        "purchases",
        "state = 'credited'
         AND NOT EXISTS (SELECT 1 FROM events
                         WHERE events.account_id = purchases.account_id
                           AND events.kind = 'purchase.credited' AND events.cause = purchases.id)",
        "it is credited, but no event says so",
    ),
    (
        "lots",
        "purchase_id IS NULL
         AND EXISTS (SELECT 1 FROM entries
                     WHERE entries.account_id = lots.account_id AND entries.seq = lots.number
                       AND entries.request_key LIKE 'purchase:%')",
        "it was bought, but names no purchase",
    ),
    (
        "entries",
        "kind = 'granted'
         AND EXISTS (SELECT 1 FROM lots
                     WHERE lots.account_id = entries.account_id AND lots.number = entries.seq
                       AND lots.purchase_id IS NOT NULL
                       AND (entries.request_key IS DISTINCT FROM 'purchase:' || lots.purchase_id
                            OR entries.reference <> lots.purchase_id))",
        "it doesn't name the purchase of its lot, which could be credited again",
    ),
    (
        "entries",
        "length(request_digest) NOT IN (0, 64)",
        "its digest is not valid, so a repeated request would be refused",
    ),
    (
        "stripe_events",
        "(handled_at IS NULL) <> (outcome = 'received' OR outcome LIKE 'waiting: %')",
        "it says both that it was handled and that it waits, or neither",
    ),
    (
        "stripe_events",
        "(outcome LIKE 'credited %' OR outcome LIKE '% was credited before')
         AND NOT EXISTS (SELECT 1 FROM purchases
                         WHERE purchases.id = CASE
                                   WHEN outcome LIKE 'credited %' THEN substr(outcome, 10)
                                   ELSE substr(outcome, 1, length(outcome) - 20)
                               END
                           AND purchases.state = 'credited'
                           AND stripe_events.object_id
                               IN (purchases.stripe_session, purchases.stripe_payment))",
        "the purchase that it found credited is not credited, or has another payment",
    ),
    (
        "auto_recharges",
        "NOT EXISTS (SELECT 1 FROM users WHERE users.id = auto_recharges.user_id
                     AND users.account_id = auto_recharges.account_id)",
        "the user who agreed to it has another account",
    ),
    (
        "auto_recharges",
        "recharges <> (SELECT COUNT(*) FROM auto_recharge_claims AS claims
                       WHERE claims.account_id = auto_recharges.account_id)",
        "it counts more or fewer recharges than were claimed",
    ),
    ("auto_recharges", "paused_at IS NOT NULL AND NOT is_on", "it is paused, but not switched on"),
    (
        "auto_recharges",
        "(method IS NULL) <> (brand IS NULL) OR (method IS NULL) <> (last4 IS NULL)
         OR (method IS NOT NULL AND (method = '' OR customer IS NULL OR card_asked_at = 0))
         OR substr(customer, 1, 4) <> 'cus_'",
        "its card is incomplete, or its customer at Stripe is not valid",
    ),
    (
        "auto_recharges",
        "EXISTS (SELECT 1 FROM discarded_cards
                 WHERE discarded_cards.method = auto_recharges.method)",
        "its card was removed",
    ),
    (
        "auto_recharges",
        "(consent IS NULL) <> (consent_version IS NULL)
         OR (consent IS NULL) <> (consented_at IS NULL)
         OR consented_at > updated_at + {slack} OR updated_at < created_at - {slack}",
        "its consent is incomplete, or its instants are in the wrong order",
    ),
    (
        "auto_recharge_claims",
        "NOT EXISTS (SELECT 1 FROM purchases
                     WHERE purchases.id = auto_recharge_claims.purchase_id
                       AND purchases.account_id = auto_recharge_claims.account_id
                       AND purchases.kind = 'auto'
                       AND purchases.intent = 'auto:' || auto_recharge_claims.slot
                       AND purchases.created_at = auto_recharge_claims.claimed_at)",
        "its purchase has another account, slot or instant",
    ),
    (
        "auto_recharge_claims",
        "slot > (SELECT recharges FROM auto_recharges
                 WHERE auto_recharges.account_id = auto_recharge_claims.account_id)
         OR customer IS DISTINCT FROM (SELECT customer FROM auto_recharges
                 WHERE auto_recharges.account_id = auto_recharge_claims.account_id)",
        "its account has claimed fewer recharges, or is another customer at Stripe",
    ),
    (
        "auto_recharge_claims",
        "method = '' OR email NOT LIKE '_%@_%' OR available < 0",
        "it names no card, no address or no balance",
    ),
    (
        "discarded_cards",
        "method = '' OR NOT EXISTS (SELECT 1 FROM auto_recharges
                                    WHERE auto_recharges.account_id = discarded_cards.account_id)",
        "it is no card, or its account never saved one",
    ),
];

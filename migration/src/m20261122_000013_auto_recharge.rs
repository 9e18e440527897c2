//! Auto-recharge: what customers agreed to, and every charge that was claimed for it.

/// A purchase is a Checkout of somebody who is there, or made for them.
const KIND: &str = "ALTER TABLE purchases ADD COLUMN kind TEXT NOT NULL DEFAULT 'checkout'
    CHECK (kind IN ('checkout', 'auto'))";

/// Stripe tells of a payment by its own id.
const PURCHASES_BY_PAYMENT: &str = "CREATE INDEX purchases_by_payment
    ON purchases (stripe_payment) WHERE stripe_payment IS NOT NULL";

/// One row per account that ever saved a card. `total` is what was agreed to for one recharge,
/// with the words in `consent`. `rests_until` is when the next charge may be looked at again,
/// `card_asked_at` when the saved card's form was opened: an older form does not replace it.
const AUTO_RECHARGES: &str = "
CREATE TABLE auto_recharges (
    account_id      TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
    user_id         TEXT    NOT NULL REFERENCES users (id),
    is_on           BOOLEAN NOT NULL,
    threshold       BIGINT  CHECK (threshold > 0),
    package         TEXT,
    credits         BIGINT  CHECK (credits > 0),
    total           BIGINT  CHECK (total > 0),
    currency        TEXT,
    monthly_cap     BIGINT,
    per_day         BIGINT  CHECK (per_day > 0),
    cooldown_hours  BIGINT  CHECK (cooldown_hours > 0),
    consent         TEXT,
    consent_version TEXT,
    consented_at    BIGINT,
    customer        TEXT,
    method          TEXT,
    brand           TEXT,
    last4           TEXT,
    card_asked_at   BIGINT  NOT NULL,
    paused_at       BIGINT,
    pause_reason    TEXT    CHECK (pause_reason IN ('authentication', 'declined', 'price')),
    rests_until     BIGINT  NOT NULL,
    recharges       BIGINT  NOT NULL CHECK (recharges >= 0),
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    CONSTRAINT a_cap_allows_one_recharge CHECK (monthly_cap >= total),
    CONSTRAINT paused_for_a_reason CHECK ((paused_at IS NULL) = (pause_reason IS NULL)),
    CONSTRAINT on_with_consent_and_card CHECK (NOT is_on OR (
        threshold IS NOT NULL AND credits IS NOT NULL AND total IS NOT NULL
        AND currency IS NOT NULL AND monthly_cap IS NOT NULL AND per_day IS NOT NULL
        AND cooldown_hours IS NOT NULL AND consent IS NOT NULL AND consent_version IS NOT NULL
        AND consented_at IS NOT NULL AND customer IS NOT NULL AND method IS NOT NULL))
)";

const AUTO_RECHARGES_WATCHED: &str = "CREATE INDEX auto_recharges_watched
    ON auto_recharges (rests_until) WHERE is_on AND paused_at IS NULL";

/// A charge that one worker has claimed: slots are counted per account, so that of two workers
/// one finds its slot taken. The card and the address stand here as they were: the same key must
/// bring the same request to Stripe, whatever is changed meanwhile.
const CLAIMS: &str = "
CREATE TABLE auto_recharge_claims (
    account_id  TEXT   NOT NULL REFERENCES auto_recharges (account_id),
    slot        BIGINT NOT NULL CHECK (slot > 0),
    purchase_id TEXT   NOT NULL UNIQUE REFERENCES purchases (id),
    available   BIGINT NOT NULL,
    customer    TEXT   NOT NULL,
    method      TEXT   NOT NULL,
    card        TEXT   NOT NULL,
    email       TEXT   NOT NULL,
    claimed_at  BIGINT NOT NULL,
    PRIMARY KEY (account_id, slot)
)";

/// Cards that were removed here and are still saved at Stripe.
const DISCARDED_CARDS: &str = "
CREATE TABLE discarded_cards (
    method       TEXT   NOT NULL PRIMARY KEY,
    account_id   TEXT   NOT NULL REFERENCES accounts (id),
    discarded_at BIGINT NOT NULL
)";

/// In this order.
pub const UP: &[&str] =
    &[KIND, PURCHASES_BY_PAYMENT, AUTO_RECHARGES, AUTO_RECHARGES_WATCHED, CLAIMS, DISCARDED_CARDS];

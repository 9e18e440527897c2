//! Auto-recharge up to a target balance: `credits` is that balance then, in whole credits.

/// No package is bought then, and the target is above the threshold, which is in thousandths.
const UP_TO_TARGET: &str = "ALTER TABLE auto_recharges
    ADD COLUMN up_to_target BOOLEAN NOT NULL DEFAULT FALSE
    CONSTRAINT a_target_is_above_the_threshold CHECK (
        NOT up_to_target OR (package IS NULL AND credits * 1000 > threshold))";

/// In this order.
pub const UP: &[&str] = &[UP_TO_TARGET];

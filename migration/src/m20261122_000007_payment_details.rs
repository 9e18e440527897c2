//! What Stripe tells of a payment besides that it is there.

/// When Stripe charged the customer, by Stripe's clock; `paid_at` is when we heard of it.
const CHARGED_AT: &str = "ALTER TABLE purchases ADD COLUMN charged_at BIGINT";
/// What Stripe's page noted of the terms of service: `accepted`, where it asked for them.
const STRIPE_CONSENT: &str = "ALTER TABLE purchases ADD COLUMN stripe_consent TEXT";

/// In this order.
pub const UP: &[&str] = &[CHARGED_AT, STRIPE_CONSENT];

//! Doors for machines and plain forms: each says who, parses, makes one call, translates.

pub mod buying;
pub mod health;
pub mod purchase_events;
pub mod stripe_webhook;

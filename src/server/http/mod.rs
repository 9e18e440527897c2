//! Doors for machines and plain forms: each says who, parses, makes one call, translates.

pub mod agent;
pub mod api;
pub mod api_keys;
pub mod auto_recharge;
pub mod billing_cycle;
pub mod buying;
pub mod events;
pub mod explained;
pub mod health;
pub mod history_csv;
pub mod metrics;
pub mod notices;
pub mod notifications;
mod page_answer;
pub mod spend_caps;
pub mod stripe_webhook;
pub mod unsubscribe;

//! What people see: one folder per screen, one `api.rs` with its server functions in each.
//!
//! Pages know `credits` and `components`; they know `server` only inside `#[server]` bodies.

pub mod api_keys;
pub mod auto_recharge;
pub mod billing_cycle;
pub mod buy;
pub mod credits;
pub mod error;
mod header;
pub mod history;
pub mod layout;
pub mod live;
pub mod loaded;
pub mod notices;
pub mod notifications;
pub mod operation;
pub mod place;
pub mod purchase;
pub mod sign_in;
pub mod spend_caps;
pub mod support;
pub mod unsubscribe;

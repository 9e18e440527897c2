//! Recharge: the credits system of an AI trading platform.

pub mod credits;
#[cfg(feature = "ssr")]
pub mod server;

//! Recharge: the credits system of an AI trading platform.

pub mod credits;

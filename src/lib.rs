//! Recharge.
